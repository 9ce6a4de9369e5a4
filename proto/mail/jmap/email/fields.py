"""Header fields of an Email that is created: values of RFC 8621 4.1.2's forms to fields of a message.

The law: a value that could end its field, or begin another one, is refused; what is written in a form is read in that
form as the same, but that a raw value which begins without a space gets one.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from mail.jmap.email.encoded import LINE_BYTES_MAX, fold, phrase_pieces, text_pieces
from mail.message.date import format_date

ADDRESSES_MAX: Final = 2000  # of one field; submission has its own limit of recipients
IDS_MAX: Final = 1000
URLS_MAX: Final = 100
INSTANCES_MAX: Final = 100  # of one field, with :all
VALUE_CHARS_MAX: Final = 64 * 1024  # what is read of a value (limits.value_bytes_max)
_TEXT_CHARS_MAX: Final = 20_000
_TOKEN_CHARS_MAX: Final = 900  # an id, address or URL: it has to stand on one line
_CONTROLS: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NOT_ID: Final = re.compile(r"[\s<>\x00-\x1f\x7f\ud800-\udfff]")
_NOT_ADDRESS: Final = re.compile("[<>\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_PLAIN_ADDRESS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+")  # it needs no brackets
# A raw value: line ends only in front of white space, and no other control characters.
_RAW: Final = re.compile("(?:[\t\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]|\r\n(?=[ \t]+[^ \t\r\n]))*")
_DATE: Final = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.\d{1,9})?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))")


class BadValue(ValueError):
    """A value that is not of its form; says what it should be."""


def raw(name: str, value: Any) -> bytes:
    """Raw (4.1.2.1): as it is, but for the space before it that every field has."""
    if not isinstance(value, str) or len(value) > VALUE_CHARS_MAX or not _RAW.fullmatch(value):
        raise BadValue("a raw value is a string without control characters, folded with CRLF and white space")
    space = "" if value[:1] in " \t\r" else " "
    field = f"{name}:{space}{value}\r\n".encode()
    if any(len(line) > LINE_BYTES_MAX for line in field.split(b"\r\n")):
        raise BadValue(f"a line of a raw value has at most {LINE_BYTES_MAX} octets")
    return field


def text(name: str, value: Any) -> bytes:
    """Text (4.1.2.2)."""
    return fold(name, text_pieces(_line(value, "a text")))


def _line(value: Any, what: str) -> str:
    if not isinstance(value, str) or len(value) > _TEXT_CHARS_MAX or _CONTROLS.search(value):
        raise BadValue(f"{what} is a string of at most {_TEXT_CHARS_MAX} characters without line ends and controls")
    return value.replace("\t", " ")


def addresses(name: str, value: Any) -> bytes:
    """Addresses (4.1.2.3)."""
    return fold(name, _separated([_mailbox(one) for one in _listed(value, "addresses", ADDRESSES_MAX)]))


def grouped(name: str, value: Any) -> bytes:
    """GroupedAddresses (4.1.2.4)."""
    written: list[list[str]] = []
    left = ADDRESSES_MAX
    for group in _listed(value, "groups", ADDRESSES_MAX):
        if not isinstance(group, dict) or group.keys() - {"name", "addresses"} or "addresses" not in group:
            raise BadValue("a group is an object with `name` and `addresses`")
        members = [_mailbox(one) for one in _listed(group["addresses"], "addresses", left)]
        left -= len(members)
        label = group.get("name")
        if label is None:
            written += members
            continue
        pieces = phrase_pieces(_line(label, "a group's name"))
        pieces[-1] += ":"
        pieces += _separated(members)
        pieces[-1] += ";"
        written.append(pieces)
    return fold(name, _separated(written))


def _listed(value: Any, what: str, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise BadValue(f"{what} are a list of at most {most}")
    return value


def _separated(items: list[list[str]]) -> list[str]:
    """The pieces of all items, with a comma behind each but the last."""
    pieces: list[str] = []
    for item in items:
        if pieces:
            pieces[-1] += ","
        pieces += item
    return pieces


def _mailbox(address: Any) -> list[str]:
    """`name <email>`. The address of a draft need not be a valid one (4.6), but it has to be only one."""
    if not isinstance(address, dict) or address.keys() - {"name", "email"}:
        raise BadValue("an address is an object with `name` and `email`")
    email, label = address.get("email"), address.get("name")
    if not isinstance(email, str) or len(email) > _TOKEN_CHARS_MAX or _NOT_ADDRESS.search(email):
        raise BadValue("an address's `email` is a string without angle brackets and controls")
    if label is not None and not isinstance(label, str):
        raise BadValue("an address's `name` is a string or null")
    if label:
        return [*phrase_pieces(_line(label, "a name")), f"<{email}>"]
    return [email if _PLAIN_ADDRESS.fullmatch(email) else f"<{email}>"]


def ids(name: str, value: Any) -> bytes:
    """MessageIds (4.1.2.5)."""
    found = _listed(value, "message ids", IDS_MAX)
    if not all(isinstance(one, str) and 0 < len(one) <= _TOKEN_CHARS_MAX and not _NOT_ID.search(one) for one in found):
        raise BadValue("a message id is a string without angle brackets and spaces")
    return fold(name, [f"<{one}>" for one in found])


def date(name: str, value: Any) -> bytes:
    """Date (4.1.2.6)."""
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise BadValue("a date is as in RFC 3339, such as 2014-10-30T14:12:00+08:00")
    local, sign, hours, minutes = match.groups()
    try:
        moment = datetime.fromisoformat(local.upper() + "+00:00")
    except ValueError:
        raise BadValue("no such date") from None
    zone_min = 0 if sign is None else (int(hours) * 60 + int(minutes)) * (-1 if sign == "-" else 1)
    epoch_ms = (int(moment.timestamp()) - zone_min * 60) * 1000
    return fold(name, [format_date(epoch_ms, zone_min).decode("ascii")])


def urls(name: str, value: Any) -> bytes:
    """URLs (4.1.2.7, RFC 2369 2)."""
    found = _listed(value, "URLs", URLS_MAX)
    if not all(isinstance(one, str) and 0 < len(one) <= _TOKEN_CHARS_MAX and not _NOT_ID.search(one) for one in found):
        raise BadValue("a URL is a string without angle brackets and spaces")
    return fold(name, _separated([[f"<{one}>"] for one in found]))


WRITERS: Final[Mapping[str, Callable[[str, Any], bytes]]] = {
    "Raw": raw,
    "Text": text,
    "Addresses": addresses,
    "GroupedAddresses": grouped,
    "MessageIds": ids,
    "Date": date,
    "URLs": urls,
}


def write_field(field: str, form: str, value: Any, *, every: bool) -> bytes:
    """The field, or with `every` all its instances; empty for a list of nothing. Raises BadValue."""
    if value == []:
        return b""
    if not every:
        return WRITERS[form](field, value)
    if not isinstance(value, list) or len(value) > INSTANCES_MAX:
        raise BadValue(f"the values of all instances are a list of at most {INSTANCES_MAX}")
    return b"".join([WRITERS[form](field, one) for one in value])


def token(value: Any, what: str) -> str:
    """An id or URI that stands on one line without spaces: `cid`, `location`."""
    if not isinstance(value, str) or not 0 < len(value) <= _TOKEN_CHARS_MAX or _NOT_ID.search(value):
        raise BadValue(f"{what} is a string without angle brackets, spaces and controls")
    return value


def one_line(value: Any, what: str, chars_max: int) -> str:
    """A short text on one line."""
    line = _line(value, what)
    if len(line) > chars_max:
        raise BadValue(f"{what} has at most {chars_max} characters")
    return line
