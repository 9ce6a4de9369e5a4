"""IMAP URLs (RFC 5092): of a message or a part of one, alone or relative to the selected mailbox, with URLAUTH.

The law: a value that leaves here names exactly one message, in a mailbox whose name could be stored. What is no such
URL is NO [BADURL], with the URL as the client sent it, made safe for the line. Nothing is looked up or compared.
"""

import datetime as dt
import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from mail.imap import names
from mail.imap.errors import ImapError
from mail.imap.fetch import BodySection, parse_section
from mail.imap.seqset import NUMBER_MAX

URL_MAX_BYTES: Final = 8_192
"""The longest mailbox name percent-encoded, a section with some fields, and an authority."""

TOKEN_MAX_BYTES: Final = 512
"""Hexadecimal digits of one token."""

# achar = unreserved / sub-delims without ";" / pct-encoded ; bchar = achar / ":" / "@" / "/"
_ACHAR = r"(?:[A-Za-z0-9._~!$'()+,*&=-]|%[0-9A-Fa-f]{2})"
_BCHAR = r"(?:[A-Za-z0-9._~!$'()+,*&=:@/-]|%[0-9A-Fa-f]{2})"

# iserver = [iuserinfo "@"] host [":" port] ; iuserinfo = enc-user [iauth] / [enc-user] iauth
_SERVER = re.compile(
    rf"(?:(?P<user>{_ACHAR}*)(?:;AUTH=(?P<auth>\*|{_ACHAR}+))?@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~-]+)(?::(?P<port>[0-9]{1,5}))?",
    re.IGNORECASE,
)
# imailbox-ref = enc-mailbox [";UIDVALIDITY=" nz-number]
_MAILBOX = re.compile(
    rf"(?P<mailbox>{_BCHAR}+?)(?:;UIDVALIDITY=(?P<validity>[1-9][0-9]{{0,9}}))?(?=/;UID=)", re.IGNORECASE
)
# iuid [isection] [ipartial] [iurlauth]
_PART = re.compile(
    rf"/;UID=(?P<uid>[1-9][0-9]{{0,9}})/?(?:(?<=/);SECTION=(?P<section>{_BCHAR}+?)(?=/;PARTIAL=|/?(?:;|\Z))/?)?"
    r"(?:(?<=/);PARTIAL=(?P<origin>[0-9]{1,10})(?:\.(?P<count>[1-9][0-9]{0,9}))?/?)?",
    re.IGNORECASE,
)
# iurlauth-rump = [";EXPIRE=" date-time] ";URLAUTH=" access ; RFC 5593: access = application ["+" enc-user]
_RUMP = re.compile(
    r"(?:;EXPIRE=(?P<expire>[0-9T:.Z+-]+))?"
    rf";URLAUTH=(?P<access>[A-Za-z0-9]+)(?:\+(?P<access_user>{_ACHAR}+))?",
    re.IGNORECASE,
)
# iua-verifier = ":" uauth-mechanism ":" enc-urlauth ; enc-urlauth = 32*HEXDIG
_VERIFIER = re.compile(rf":(?P<mechanism>[A-Za-z0-9.-]+):(?P<token>[0-9A-Fa-f]{{32,{TOKEN_MAX_BYTES}}})", re.IGNORECASE)
# date-time (RFC 3339 5.6)
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])",
    re.IGNORECASE,
)
# What BADURL can carry: TEXT-CHAR except "]" (RFC 4469 5), ASCII here
_UNSAFE = re.compile(rb"[^\x20-\x5c\x5e-\x7e]")
# achar and bchar besides letters, digits and "_.-~"
_ACHAR_SAFE: Final = "!$'()+,*&="
_BCHAR_SAFE: Final = _ACHAR_SAFE + ":@/"


class UrlServer(NamedTuple):
    """iserver. `user` is who the URL belongs to; None: anonymous."""

    host: str
    port: int | None = None
    user: str | None = None
    auth: str | None = None


class UrlRange(NamedTuple):
    """PARTIAL: from which octet on, and how many; None: all the rest (RFC 5550 5.7)."""

    origin_bytes: int
    count_bytes: int | None = None


class UrlAuth(NamedTuple):
    """Who may use the URL until when: submit+user, user+user, authuser, anonymous (RFC 4467 3, RFC 5593)."""

    access: str
    """The application, in lower case."""
    access_user: str | None = None
    expires_s: int | None = None
    """Seconds since 1970, fractions cut off."""
    mechanism: str | None = None
    """In capitals; None, as `token` is, where the URL is a rump, still to be signed."""
    token: str | None = None


@dataclass(frozen=True, slots=True)
class ImapUrl:
    """A message (imessagepart). Without `server` the URL was relative: the user and server of this session."""

    mailbox: str
    uid: int
    uid_validity: int | None = None
    section: BodySection | None = None
    """None: the whole message. Never with a partial of its own."""
    partial: UrlRange | None = None
    server: UrlServer | None = None
    auth: UrlAuth | None = None
    rump: bytes = field(default=b"", compare=False)
    """The URL as it was written, without the verifier: what a token signs (RFC 4467)."""


def parse(text: bytes, base: str | None = None) -> ImapUrl:
    """The URL in `text`; `base` is the selected mailbox, for one that is relative to it. ImapError: NO [BADURL]."""
    try:
        return _parse(text.decode("ascii"), base)
    except (ImapError, ValueError, OverflowError):
        raise ImapError("This URL names no message here", status=b"NO", code=bad_url_code(text)) from None


def bad_url_code(url: bytes) -> bytes:
    """BADURL with the URL, what a code cannot carry in percent-encoding (RFC 4469 4.1)."""
    safe = _UNSAFE.sub(lambda found: b"%%%02X" % ord(found[0]), url[:URL_MAX_BYTES])
    return b"BADURL " + safe if safe else b"BADURL"


def render(url: ImapUrl) -> bytes:
    """The URL, absolute if it has a server. Its octets may differ from those that were parsed, not its meaning."""
    parts = [_render_server(url.server)] if url.server is not None else []
    parts.append("/" + quote(url.mailbox, _BCHAR_SAFE))
    if url.uid_validity is not None:
        parts.append(f";UIDVALIDITY={url.uid_validity}")
    parts.append(f"/;UID={url.uid}")
    if url.section is not None and (spec := url.section.spec()):
        parts.append("/;SECTION=" + quote(spec, _BCHAR_SAFE))
    if url.partial is not None:
        origin, count = url.partial
        parts.append(f"/;PARTIAL={origin}" + (f".{count}" if count is not None else ""))
    if url.auth is not None:
        parts.append(_render_auth(url.auth))
    return "".join(parts).encode("ascii")


def _parse(text: str, base: str | None) -> ImapUrl:
    if len(text) > URL_MAX_BYTES:
        raise ValueError("too long")
    server = None
    path = text
    if text[:7].lower() == "imap://":
        authority, slash, path = text[7:].partition("/")
        server, path = _parse_server(authority), slash + path
    elif text.startswith("//"):
        authority, slash, path = text[2:].partition("/")
        server, path = _parse_server(authority), slash + path
    elif not text.startswith("/"):
        path = _absolute(text, base)
    return _parse_path(path, server, text)


def _parse_server(authority: str) -> UrlServer:
    found = _need(_SERVER.fullmatch(authority))
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 0 < port < 65_536:
        raise ValueError("port")
    user = _decode(found["user"]) if found["user"] else None
    return UrlServer(found["host"].lower(), port, user, _decode(found["auth"]) if found["auth"] else None)


def _absolute(path: str, base: str | None) -> str:
    """A relative path against the mailbox (RFC 5092 7, RFC 3986 5.2), which is the last segment of its URL's path.

    `;UID=20` alone is taken for a message of that mailbox: so its URL is taken to end in a slash.
    """
    if base is None:
        raise ValueError("relative to what?")
    encoded = quote(base, _BCHAR_SAFE)
    if path.startswith(";"):
        return f"/{encoded}/{path}"
    segments: list[str] = []
    for segment in [*encoded.split("/")[:-1], *path.split("/")]:
        if segment == "..":
            del segments[-1:]
        elif segment != ".":
            segments.append(segment)
    return "/" + "/".join(segments)


def _parse_path(path: str, server: UrlServer | None, text: str) -> ImapUrl:
    """ "/" imessagepart [iurlauth]"""
    if path[:1] != "/" or path[1:2] == "/":
        raise ValueError("no mailbox")
    mailbox = _need(_MAILBOX.match(path, 1))
    part = _need(_PART.match(path, mailbox.end()))
    auth = None
    end = len(text)
    if part.end() < len(path):
        if server is None:
            raise ValueError("URLAUTH needs an absolute URL")  # RFC 4467 9, authimapurl
        auth, unsigned = _parse_auth(path, part.end())
        end -= len(path) - unsigned
    return ImapUrl(
        names.decode(unquote_to_bytes(mailbox["mailbox"]), utf8=True),
        _nz_number(part["uid"]),
        _nz_number(mailbox["validity"]) if mailbox["validity"] else None,
        parse_section(unquote_to_bytes(part["section"])) if part["section"] else None,
        _parse_range(part),
        server,
        auth,
        text[:end].encode("ascii"),
    )


def _parse_range(part: re.Match[str]) -> UrlRange | None:
    if part["origin"] is None:
        return None
    found = UrlRange(int(part["origin"]), int(part["count"]) if part["count"] else None)
    if max(found.origin_bytes, found.count_bytes or 0) > NUMBER_MAX:
        raise ValueError("32 bits")
    return found


def _parse_auth(path: str, start: int) -> tuple[UrlAuth, int]:
    """iurlauth, or its rump alone, to the end; and where the rump ends."""
    rump = _need(_RUMP.match(path, start))
    user = _decode(rump["access_user"]) if rump["access_user"] else None
    expires_s = _epoch_s(rump["expire"]) if rump["expire"] else None
    auth = UrlAuth(rump["access"].lower(), user, expires_s)
    if rump.end() == len(path):
        return auth, rump.end()
    verifier = _need(_VERIFIER.fullmatch(path, rump.end()))
    return auth._replace(mechanism=verifier["mechanism"].upper(), token=verifier["token"].lower()), rump.end()


def _epoch_s(text: str) -> int:
    _need(_DATE_TIME.fullmatch(text))
    return int(dt.datetime.fromisoformat(text.upper()).astimezone(dt.UTC).timestamp())


def _nz_number(digits: str) -> int:
    value = int(digits)
    if value > NUMBER_MAX:
        raise ValueError("32 bits")
    return value


def _decode(encoded: str) -> str:
    return unquote_to_bytes(encoded).decode()


def _need(found: re.Match[str] | None) -> re.Match[str]:
    if found is None:
        raise ValueError("no IMAP URL")
    return found


def _render_server(server: UrlServer) -> str:
    user = quote(server.user, _ACHAR_SAFE) if server.user is not None else ""
    auth = f";AUTH={quote(server.auth, _ACHAR_SAFE)}" if server.auth is not None else ""
    at = "@" if user or auth else ""
    port = f":{server.port}" if server.port is not None else ""
    return f"imap://{user}{auth}{at}{server.host}{port}"


def _render_auth(auth: UrlAuth) -> str:
    expires = ""
    if auth.expires_s is not None:
        moment = dt.datetime.fromtimestamp(auth.expires_s, dt.UTC)
        expires = f";EXPIRE={moment:%Y-%m-%dT%H:%M:%SZ}"
    user = f"+{quote(auth.access_user, _ACHAR_SAFE)}" if auth.access_user is not None else ""
    verifier = f":{auth.mechanism}:{auth.token}" if auth.token is not None else ""
    return f"{expires};URLAUTH={auth.access}{user}{verifier}"
