"""SORT (RFC 5256, RFC 5957): what a message is sorted by, and the order of messages by several keys.

The law: keys come from the record alone; texts are folded (i;unicode-casemap), and what is absent is the empty text,
which comes first. An order is a permutation of the rows, and rows whose keys are all equal stay as they were.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mail.message.charset import fold
from mail.message.envelope import GROUP_END, IN_ADDRESS, strings
from mail.message.record import Address, Record
from mail.message.words import decode_words

Array = npt.NDArray[Any]
Column = Array | Sequence[str]  # numbers, or texts that are folded already

FROM: Final = 2  # where an address list stands in ENVELOPE (RFC 3501 7.4.2)
SENDER: Final = 3
REPLY_TO: Final = 4
TO: Final = 5
CC: Final = 6
BCC: Final = 7

_QUOTED: Final = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*)"', re.DOTALL)
_QUOTED_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)


def sent_s(record: Record, internal_ms: int) -> int:
    """DATE: the sent date in UTC, else the internal date (RFC 5256 2.2), in seconds since 1970."""
    return internal_ms // 1000 if record.sent_s is None else record.sent_s


def subject(record: Record) -> str:
    """SUBJECT: the base subject."""
    return fold(record.base_subject)


def mailbox_from(record: Record) -> str:
    """FROM: addr-mailbox of the first address."""
    return fold(_mailbox(record, record.from_, FROM))


def mailbox_to(record: Record) -> str:
    """TO: addr-mailbox of the first address."""
    return fold(_mailbox(record, record.to, TO))


def mailbox_cc(record: Record) -> str:
    """CC: addr-mailbox of the first address."""
    return fold(_mailbox(record, record.cc, CC))


def display_from(record: Record) -> str:
    """DISPLAYFROM (RFC 5957 4)."""
    return fold(shown_from(record))


def display_to(record: Record) -> str:
    """DISPLAYTO (RFC 5957 4)."""
    return fold(shown_to(record))


def shown_from(record: Record) -> str:
    """DISPLAYFROM as it is written."""
    return _display(record, record.from_, FROM)


def shown_to(record: Record) -> str:
    """DISPLAYTO as it is written."""
    return _display(record, record.to, TO)


def _mailbox(record: Record, addresses: tuple[Address, ...], field: int) -> str:
    group = _first_group(record.envelope, field)
    if group is not None:
        return group
    return _split(addresses[0][1])[0] if addresses else ""


def _display(record: Record, addresses: tuple[Address, ...], field: int) -> str:
    """RFC 5957 3: the name, else mailbox@host. A group begins with its name as a mailbox without a host."""
    group = _first_group(record.envelope, field)
    if group is not None:
        return group
    if not addresses:
        return ""
    name, address = addresses[0]
    if name:
        return name
    local, domain = _split(address)
    return f"{local}@{domain}" if domain else local


def _split(address: str) -> tuple[str, str]:
    """Local part without its quoting, and domain, of an address as records have it."""
    if quoted := _QUOTED.match(address):
        return _QUOTED_PAIR.sub(r"\1", quoted[1]), address[quoted.end() + 1 :]
    local, _, domain = address.partition("@")
    return local, domain


def _first_group(envelope: bytes, field: int) -> str | None:
    """The name of the group that an address list of the ENVELOPE begins with; records keep no groups."""
    if GROUP_END not in envelope:
        return None
    first = [value for at, depth, value in strings(envelope) if at == field and depth == IN_ADDRESS][:4]
    if len(first) < 4 or first[3] is not None or first[2] is None:
        return None
    return decode_words(first[2])


def group_names(envelope: bytes, field: int) -> list[str]:
    """The names of all groups of an address list of the ENVELOPE; records keep their members alone."""
    if GROUP_END not in envelope:
        return []
    found = [value for at, depth, value in strings(envelope) if at == field and depth == IN_ADDRESS]
    addresses = zip(found[2::4], found[3::4], strict=True)
    return [decode_words(name) for name, host in addresses if host is None and name is not None]


def ranks(texts: Sequence[str]) -> Array:
    """For each text its place among the different ones, from 0; equal texts have equal ranks. int64."""
    places = {text: place for place, text in enumerate(sorted(set(texts)))}
    return np.fromiter(map(places.__getitem__, texts), np.int64, len(texts))


def order(columns: Mapping[str, Column], criteria: Sequence[tuple[str, bool]]) -> Array:
    """The rows in the order that SORT asks for: a permutation, int64.

    `criteria` are names of columns, the weightiest first, each with whether it is REVERSE; the columns are as long
    as each other and in the order of the mailbox, which decides between equals, never reversed (RFC 5256 3).
    """
    keys = [_key(columns[name], is_reverse) for name, is_reverse in reversed(criteria)]
    if len(keys) == 1:
        return np.argsort(keys[0], kind="stable")
    return np.lexsort(keys)


def _key(column: Column, is_reverse: bool) -> Array:
    numbers = column if isinstance(column, np.ndarray) else ranks(column)
    return ~numbers if is_reverse else numbers  # turns any integers around, and none overflows
