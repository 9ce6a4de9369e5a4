"""Where a domain wants its TLS reports (RFC 8460 3): the record at _smtp._tls and its rua=.

The law: a record that is not as the grammar has it is none, and so are two. Nothing raises for any bytes; linear time.
"""

import re
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from mail.trust.names import can_be_asked
from mail.trust.questions import Asking, Question

RECORD_BYTES_MAX: Final = 4096  # the longest in use have 300
FIELDS_MAX: Final = 50
URIS_MAX: Final = 10  # each costs a report; domains in the wild name one to three
URI_CHARS_MAX: Final = 1000

_WSP: Final = " \t"
# tlsrpt-version = %s"v=TLSRPTv1", then a delimiter: what does not begin so is not TLS reporting's.
_VERSION: Final = re.compile(rb"v=TLSRPTv1[ \t]*(?:;|\Z)")
# tlsrpt-ext-name "=" tlsrpt-ext-value, which rua= is not; the value without "=", ";", white space and controls
_EXTENSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}=[!-:<>-~]+\Z")
# URI (RFC 3986) without "!" , "," and ";", which stand for themselves only when encoded
_URI: Final = re.compile(r"(?:mailto|https):[A-Za-z0-9\-._~:/?#\[\]@$&'+*()=%]+\Z", re.IGNORECASE)
_ANY_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+\Z")


class TlsRpt(NamedTuple):
    """Who is to be told: URIs of the schemes mailto and https, in the record's order; of others none is kept."""

    rua: tuple[str, ...]


class Wanted(NamedTuple):
    """What the DNS says. unknown: it gave no answer, `why`."""

    status: Literal["found", "none", "unknown"]
    rua: tuple[str, ...] = ()
    why: str = ""


def read(text: bytes) -> TlsRpt | None:
    """A TXT record; None where it is not a TLS reporting record, or not a valid one."""
    if len(text) > RECORD_BYTES_MAX or not _VERSION.match(text) or not text.isascii():
        return None
    fields = [piece.strip(_WSP) for piece in text.decode("ascii").split(";", FIELDS_MAX + 1)]
    if len(fields) > FIELDS_MAX + 1:
        return None
    if fields[-1] == "":
        fields.pop()  # a delimiter at the end
    uris: list[str] = []
    for field in fields[1:]:
        if field.startswith("rua="):
            found = [uri.strip(_WSP) for uri in field.removeprefix("rua=").split(",")]
            if not all(_ANY_URI.match(uri) and len(uri) <= URI_CHARS_MAX for uri in found):
                return None
            uris += [uri for uri in found if _URI.match(uri)]
        elif not _EXTENSION.match(field):
            return None
    return TlsRpt(tuple(dict.fromkeys(uris))[:URIS_MAX]) if uris else None


def among(texts: Sequence[bytes]) -> TlsRpt | None:
    """The record among TXT records: the one that begins with the version (RFC 8460 3: of several, none)."""
    ours = [text for text in texts if _VERSION.match(text)]
    return read(ours[0]) if len(ours) == 1 else None


def wanted_by(domain: str) -> Asking[Wanted]:
    """Who is to be told of sessions with a domain (A-labels)."""
    name = f"_smtp._tls.{domain}"
    if not can_be_asked(name):
        return Wanted("none")
    (answer,) = yield (Question(name, "TXT"),)
    if answer.status == "tempfail":
        return Wanted("unknown", why=f"the DNS gave no answer for {name}")
    found = among(answer.records)
    return Wanted("found", found.rua) if found is not None else Wanted("none")
