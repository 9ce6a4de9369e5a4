"""Values with parameters: Content-Type (RFC 2045 5.1) and Content-Disposition (RFC 2183).

The law: linear time for any bytes, and values stay as written but for quoting and comments. Continuations are
joined, as IMAP wants them (RFC 2231 6); charsets and encoded words are the business of `words.parameters`.
"""

import re
from typing import Final, NamedTuple

from mail.message.header import unfold
from mail.message.limits import DEFAULT, Limits
from mail.message.part import Parameters

_TOKEN: Final = rb"[!#-'*+\-.0-9A-Z^-~]++"  # RFC 2045 5.1: no control, space or tspecial
_MEDIA: Final = re.compile(rb"[ \t]*+(" + _TOKEN + rb")[ \t]*+/[ \t]*+(" + _TOKEN + rb")")
_VALUE: Final = re.compile(rb"[ \t]*+(" + _TOKEN + rb")")
# ;name=value. Some leave out the semicolon or the closing quote, or write name=my file.pdf. Each run of
# semicolons and spaces is tried once, from its begin, so that the time is linear.
_PARAMETER: Final = re.compile(
    rb'(?<![;\s])[;\s]++([^\s=;"]++)[ \t]*+='
    rb'(?:[ \t]*+(?:"([^"\\]*+(?:\\.[^"\\]*+)*)"?|([^;\s]++(?:\s++[^;\s]++)*))|)',
    re.DOTALL,
)
_COMMENT: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*"?|(\([^()\\]*+\))', re.DOTALL)
# name*section[*]: a piece of a continued value, encoded if it ends in a star (RFC 2231 3 and 4.1).
_SECTION: Final = re.compile(rb"([^*]+)\*(\d{1,3})(\*)?\Z")
_QUOTED_PAIR: Final = re.compile(rb"\\(.)", re.DOTALL)


class Media(NamedTuple):
    """A media type: lower-case type and subtype, parameters as written."""

    type: str
    subtype: str
    parameters: Parameters


# RFC 2045 5.2: what a part without a usable Content-Type is.
PLAIN_TEXT: Final = Media("text", "plain", ((b"charset", b"us-ascii"),))
MESSAGE: Final = Media("message", "rfc822", ())  # within multipart/digest, RFC 2046 5.1.5
OPAQUE: Final = Media("application", "octet-stream", ())


def parse_media(value: bytes, limits: Limits = DEFAULT) -> Media | None:
    """A Content-Type value; None where there is no type/subtype in it."""
    value = unfold(value[: limits.parameters_bytes_max])
    match = _MEDIA.match(value)
    if match is None:
        return None
    return Media(
        match[1].lower().decode("ascii"), match[2].lower().decode("ascii"), _parameters(value, match.end(), limits)
    )


def parse_disposition(value: bytes, limits: Limits = DEFAULT) -> tuple[str, Parameters] | None:
    """A Content-Disposition value: lower-case type and its parameters; None where there is no type."""
    value = unfold(value[: limits.parameters_bytes_max])
    match = _VALUE.match(value)
    if match is None:
        return None
    return match[1].lower().decode("ascii"), _parameters(value, match.end(), limits)


def parse_token(value: bytes) -> str | None:
    """The first token, lower case: Content-Transfer-Encoding (RFC 2045 6.1)."""
    match = _VALUE.match(unfold(value[:256]))
    return match[1].lower().decode("ascii") if match else None


def _parameters(value: bytes, start: int, limits: Limits) -> Parameters:
    if start >= len(value):
        return ()
    if b"(" in value:
        value = value[:start] + _COMMENT.sub(lambda m: b"" if m[1] else m[0], value[start:])
    found: list[tuple[bytes, bytes]] = []
    for match in _PARAMETER.finditer(value, start):
        name, quoted, bare = match.groups()
        if quoted is not None and b"\\" in quoted:
            quoted = _QUOTED_PAIR.sub(rb"\1", quoted)
        found.append((name.lower(), quoted or bare or b""))
        if len(found) >= limits.parameters_max:
            break
    if b"*" in value:
        return _joined(found)
    return tuple(found)


def _joined(found: list[tuple[bytes, bytes]]) -> Parameters:
    """With continued values in one piece, each where its first piece stood."""
    sections: dict[bytes, dict[int, tuple[bytes, bool]]] = {}
    slots: list[tuple[bytes, bytes | None]] = []  # without a value: to be joined from its sections
    for name, value in found:
        match = _SECTION.match(name)
        if match is None:
            slots.append((name, value))
            continue
        if match[1] not in sections:
            sections[match[1]] = {}
            slots.append((match[1], None))
        sections[match[1]].setdefault(int(match[2]), (value, match[3] is not None))
    return tuple([(name, value) if value is not None else _join(name, sections[name]) for name, value in slots])


def _join(name: bytes, pieces: dict[int, tuple[bytes, bool]]) -> tuple[bytes, bytes]:
    """The name has a star if the first piece is encoded; it holds the charset (RFC 2231 4.1)."""
    ordered = [pieces[number] for number in sorted(pieces)]
    if not ordered[0][1]:
        return name, b"".join([value for value, _ in ordered])
    # A plain piece in an encoded value must not be taken for encoded.
    whole = [value if is_encoded else value.replace(b"%", b"%25") for value, is_encoded in ordered]
    return name + b"*", b"".join(whole)
