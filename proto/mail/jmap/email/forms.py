"""Header values in the forms of RFC 8621 4.1.2, as they are in JSON.

The law: any bytes give a value of the form's type, or None where that form has it; nothing raises, and the time is
linear in the value.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import msgspec

from mail.message.address import Group, Mailbox, parse_addresses
from mail.message.charset import guess
from mail.message.date import Date, parse_date
from mail.message.header import unfold
from mail.message.limits import DEFAULT
from mail.message.thread import message_ids
from mail.message.words import decode_words

IDS_MAX: Final = 500
URLS_MAX: Final = 100

# Encoded words where RFC 2047 5 (1) has them: white space or an end on both sides, and none within.
_WORD: Final = rb"=\?[^?\s]++\?[bBqQ]\?[!->@-~]*+\?="
_WORDS: Final = re.compile(rb"(?<![^ \t])%b(?:[ \t]++%b)*(?![^ \t])" % (_WORD, _WORD))
_CONTROLS: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f]+")
# A piece of a text whose normal form does not depend on the pieces around: nothing before an ASCII character composes
# with it. Long runs without one are cut, for normalising takes quadratic time over combining marks.
_PIECE: Final = re.compile("[\x00-\x7f]*+[^\x00-\x7f]{0,255}")
_PIECE_CHARS: Final = 256
# A URL in its brackets, an edge of a comment, or a quoted pair, which is neither.
_URL_OR_EDGE: Final = re.compile(rb"<([^<>]*+)>|[()]|\\.", re.DOTALL)
_DEPTHS: Final = {b"(": 1, b")": -1}
_SPACES: Final = re.compile(rb"\s++")


class EmailAddress(msgspec.Struct, frozen=True, gc=False):
    """RFC 8621 4.1.2.3."""

    name: str | None
    email: str


class EmailAddressGroup(msgspec.Struct, frozen=True, gc=False):
    """RFC 8621 4.1.2.4; `name` is None for addresses outside groups."""

    name: str | None
    addresses: list[EmailAddress]


def tidy(text: str) -> str:
    """Text in normal form C and without control characters."""
    if text.isascii():
        return text if text.isprintable() else _CONTROLS.sub("", text)
    text = _CONTROLS.sub("", text)
    if len(text) <= _PIECE_CHARS:
        return unicodedata.normalize("NFC", text)
    return "".join([unicodedata.normalize("NFC", piece) for piece in _PIECE.findall(text)])


def raw(value: bytes) -> str:
    """Raw (4.1.2.1): the bytes up to the line end, as UTF-8."""
    if value.endswith(b"\n"):
        value = value[:-2] if value.endswith(b"\r\n") else value[:-1]
    text = value.decode("utf-8", "replace")
    return text.replace("\0", "") if "\0" in text else text


def text(value: bytes) -> str:
    """Text (4.1.2.2). What only looks like an encoded word stays as it is."""
    value = unfold(value)
    if b"=?" not in value:
        return tidy(guess(value))
    out: list[str] = []
    position = 0
    for match in _WORDS.finditer(value):
        out += guess(value[position : match.start()]), decode_words(match[0])
        position = match.end()
    out.append(guess(value[position:]))
    return tidy("".join(out))


def addresses(value: bytes) -> list[EmailAddress]:
    """Addresses (4.1.2.3): those of groups in their places."""
    found: list[EmailAddress] = []
    for one in parse_addresses(value[: DEFAULT.value_bytes_max], DEFAULT.addresses_max):
        if isinstance(one, Group):
            found.extend(map(_address, one.members))
        else:
            found.append(_address(one))
    return found


def grouped(value: bytes) -> list[EmailAddressGroup]:
    """GroupedAddresses (4.1.2.4)."""
    found: list[EmailAddressGroup] = []
    for one in parse_addresses(value[: DEFAULT.value_bytes_max], DEFAULT.addresses_max):
        if isinstance(one, Group):
            found.append(EmailAddressGroup(tidy(decode_words(one.name)).strip(), list(map(_address, one.members))))
        elif found and found[-1].name is None:
            found[-1].addresses.append(_address(one))
        else:
            found.append(EmailAddressGroup(None, [_address(one)]))
    return found


def _address(mailbox: Mailbox) -> EmailAddress:
    name = mailbox.display_name
    return EmailAddress(tidy(name).strip() if name is not None else None, tidy(mailbox.email))


def ids(value: bytes) -> list[str] | None:
    """MessageIds (4.1.2.5); None where there is none."""
    return list(message_ids(value[: DEFAULT.value_bytes_max], IDS_MAX)) or None


def date(value: bytes) -> str | None:
    """Date (4.1.2.6)."""
    found = parse_date(value)
    return rfc3339(found) if found else None


def rfc3339(moment: Date) -> str | None:
    """The moment in the zone it was written in; None outside the years that RFC 3339 can say."""
    zone = timezone(timedelta(minutes=moment.zone_min))
    try:
        local = datetime.fromtimestamp(moment.epoch_s, zone)
    except (OverflowError, ValueError):
        return None
    written = local.isoformat()
    return written[:-6] + "Z" if moment.zone_min == 0 else written


def urls(value: bytes) -> list[str] | None:
    """URLs (4.1.2.7, RFC 2369 2): what is in angle brackets outside comments, without white space; None where there is
    none. Parentheses within the brackets are the URL's own."""
    found: list[str] = []
    depth = 0
    for piece in _URL_OR_EDGE.finditer(value[: DEFAULT.value_bytes_max]):
        if piece[1] is None:
            depth = max(0, depth + _DEPTHS.get(piece[0], 0))
        elif depth == 0 and len(found) < URLS_MAX:
            found.append(tidy(_SPACES.sub(b"", piece[1]).decode("utf-8", "replace")))
    return [url for url in found if url] or None


READERS: Final[Mapping[str, Callable[[bytes], Any]]] = {
    "Raw": raw,
    "Text": text,
    "Addresses": addresses,
    "GroupedAddresses": grouped,
    "MessageIds": ids,
    "Date": date,
    "URLs": urls,
}
