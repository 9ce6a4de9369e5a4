"""Programs that introduced themselves (RFC 7591): who they say they are, and where they may be answered.

The law: nothing is stored. A program's name (client_id) is what it said of itself, sealed: whoever registers a million
times fills nothing, and there is nothing to forget. The seal shows that it was checked here; it makes nothing that it
says true. All programs are public: none has a secret that could be kept (RFC 8252 8.5), so every code is bound by PKCE.

Redirect URIs are compared as texts, but for the port of a loopback address or of localhost (RFC 8252 7.3, RFC 9700
2.1).
"""

import base64
import binascii
import hmac
import re
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from gateway.oauth.parts import OauthError

NAME_CHARS_MAX: Final = 60
URIS_MAX: Final = 8
URI_CHARS_MAX: Final = 256
CLIENT_ID_CHARS_MAX: Final = 2000  # it is part of an address
UNNAMED: Final = "A program without a name"
DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
GRANTS: Final = ("authorization_code", "refresh_token", DEVICE_GRANT)

_SEAL_BYTES: Final = 16
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")
_LOOPBACK: Final = re.compile(r"http://(127\.0\.0\.1|\[::1\]|localhost)(:[0-9]{1,5})?((?:/[^#]*)?)")

Text = Annotated[str, Meta(max_length=1000)]


class Client(msgspec.Struct, frozen=True, array_like=True):
    """A program. `page`: where its makers are, as it says. `refreshes`: it wants refresh tokens."""

    name: str
    redirect_uris: tuple[str, ...]
    page: str = ""
    refreshes: bool = False


class Metadata(msgspec.Struct, frozen=True):
    """What of RFC 7591 2 is looked at; the rest is left out of the answer, which says what holds."""

    redirect_uris: Annotated[tuple[str, ...], Meta(max_length=URIS_MAX)] = ()
    client_name: Text = ""
    client_uri: Text = ""
    grant_types: Annotated[tuple[str, ...], Meta(max_length=20)] = ("authorization_code",)
    response_types: Annotated[tuple[str, ...], Meta(max_length=20)] = ("code",)
    scope: Text = ""


def registered(body: bytes, secret: bytes) -> dict[str, Any]:
    """What is answered to who introduces itself. Raises OauthError."""
    try:
        said = msgspec.json.decode(body, type=Metadata)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise OauthError("invalid_client_metadata", "this is not the metadata of a client") from None
    grants = tuple(grant for grant in GRANTS if grant in said.grant_types)
    redirects = "authorization_code" in grants
    if not grants or (redirects and "code" not in said.response_types):
        raise OauthError("invalid_client_metadata", f"of grant_types only {' '.join(GRANTS)} are here")
    if redirects and not said.redirect_uris:
        raise OauthError("invalid_redirect_uri", "redirect_uris is empty")
    for uri in said.redirect_uris:
        _check(uri)
    page = said.client_uri if _is_page(said.client_uri) else ""
    client = Client(_name(said.client_name), said.redirect_uris, page, "refresh_token" in grants)
    client_id = _sealed(client, secret)
    if len(client_id) > CLIENT_ID_CHARS_MAX:
        raise OauthError("invalid_client_metadata", "the names and addresses are too long together")
    told: dict[str, Any] = {
        "client_id": client_id,
        "client_name": client.name,
        "redirect_uris": client.redirect_uris,
        "grant_types": grants,
        "response_types": ("code",) if redirects else (),
        "token_endpoint_auth_method": "none",
    }
    return told | ({"client_uri": page} if page else {})


def client_of(client_id: str, secret: bytes) -> Client | None:
    """The program of that name; None where it was not named here."""
    if len(client_id) > CLIENT_ID_CHARS_MAX or not client_id.isascii():
        return None
    try:
        raw = base64.b64decode(client_id + "=" * (-len(client_id) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    seal, body = raw[:_SEAL_BYTES], raw[_SEAL_BYTES:]
    if not hmac.compare_digest(seal, _seal(body, secret)):
        return None
    return msgspec.json.decode(body, type=Client)


def may_answer(client: Client, uri: str) -> bool:
    """Whether a redirect URI is one of the program's."""
    if uri in client.redirect_uris:
        return True
    loopback = _LOOPBACK.fullmatch(uri)
    if loopback is None or len(uri) > URI_CHARS_MAX:
        return False
    return any(
        (own := _LOOPBACK.fullmatch(kept)) is not None and (own[1], own[3]) == (loopback[1], loopback[3])
        for kept in client.redirect_uris
    )


def where(uri: str) -> str:
    """Where somebody is sent by a redirect URI, in words."""
    parts = urlsplit(uri)
    if parts.scheme == "https":
        return parts.netloc
    return "a program on this device"


def source(uri: str) -> str:
    """The same for a Content-Security-Policy (CSP 3, 2.3.1, which has no way to write an address of IPv6)."""
    parts = urlsplit(uri)
    if parts.scheme in ("http", "https") and "[" not in parts.netloc:
        return f"{parts.scheme}://{parts.netloc}"
    return f"{parts.scheme}:"


def _check(uri: str) -> None:
    """Raises OauthError for what nobody may be sent to."""
    wrong = "a redirect URI is https, http to 127.0.0.1, [::1] or localhost, or of a scheme with a dot in its name"
    if len(uri) > URI_CHARS_MAX or _URI.fullmatch(uri) is None or "#" in uri or any(c in uri for c in "\"'<>\\;,"):
        raise OauthError("invalid_redirect_uri", wrong)
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        raise OauthError("invalid_redirect_uri", wrong) from None
    if parts.scheme == "https":
        good = bool(parts.hostname) and "@" not in parts.netloc and port != 0
    elif parts.scheme == "http":  # RFC 8252 7.3
        good = _LOOPBACK.fullmatch(uri) is not None
    else:  # RFC 8252 7.1: made from a name that the program's makers have
        good = "." in parts.scheme
    if not good:
        raise OauthError("invalid_redirect_uri", wrong)


def _is_page(uri: str) -> bool:
    try:
        return urlsplit(uri).scheme == "https" and bool(_URI.fullmatch(uri)) and len(uri) <= URI_CHARS_MAX
    except ValueError:
        return False


def _name(text: str) -> str:
    """A name without what would hide or turn around what stands beside it."""
    seen = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(seen.split())[:NAME_CHARS_MAX].strip() or UNNAMED


def _sealed(client: Client, secret: bytes) -> str:
    body = msgspec.json.encode(client)
    return base64.urlsafe_b64encode(_seal(body, secret) + body).rstrip(b"=").decode()


def _seal(body: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, b"oauth client\0" + body, "sha256")[:_SEAL_BYTES]
