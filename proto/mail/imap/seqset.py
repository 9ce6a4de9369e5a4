"""Sets of message numbers (RFC 3501 9, sequence-set). A hostile set costs no more than its text: ranges stay ranges."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from mail.imap.errors import ImapError

STAR = 0
"""How `*`, the largest number in the mailbox, stands in a range. No message has number 0 (nz-number)."""

NUMBER_MAX = 4_294_967_295
"""nz-number is an unsigned 32-bit number (RFC 3501 9)."""

# seq-number = nz-number / "*" ; seq-range = seq-number ":" seq-number
_PART = re.compile(rb"(?:([1-9][0-9]{0,9})|\*)(?::(?:([1-9][0-9]{0,9})|(\*)))?")


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """The ranges as the client wrote them: (first, last), either of which may be STAR; a single number is (n, n).

    `saved` is `$`, what the last SEARCH with SAVE found (RFC 5182): there are no ranges, and only the session knows.
    """

    ranges: tuple[tuple[int, int], ...]
    saved: bool = False

    @classmethod
    def parse(cls, text: bytes, ranges_max: int = 10_000) -> Self:
        """The set in `text`, whole. ImapError if it is none, or has too many ranges."""
        if text.count(b",") >= ranges_max:
            raise ImapError(f"More than {ranges_max} ranges in a set of messages", code=b"LIMIT")
        return cls(tuple(map(_parse_part, text.split(b","))))

    def resolve(self, largest: int) -> list[tuple[int, int]]:
        """Ascending ranges, apart from each other by at least one number, within 1..largest.

        `largest` is the largest number or UID in the mailbox, 0 if it is empty. `*` is the largest, so `9:*` in a
        mailbox whose largest UID is 5 holds 5 (RFC 3501 9, seq-range).
        """
        if largest <= 0:
            return []
        ascending = sorted(_ascending(first or largest, last or largest) for first, last in self.ranges)
        merged: list[tuple[int, int]] = []
        for first, last in ascending:
            if first > largest:
                break
            last = min(last, largest)
            if merged and first <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(merged[-1][1], last))
            else:
                merged.append((first, last))
        return merged

    def beyond(self, largest: int) -> bool:
        """Whether it names a number above `largest`: an error for sequence numbers, but not for UIDs (6.4.8)."""
        return any(max(pair) > largest or (largest == 0 and STAR in pair) for pair in self.ranges)

    def __bytes__(self) -> bytes:
        return b"$" if self.saved else b",".join(_render(first, last) for first, last in self.ranges)


SAVED: Final = SequenceSet((), saved=True)


class PartialRange(NamedTuple):
    """`first:last` of a list of results as the client wrote it: 1 is the first, -1 the last (RFC 9394 4)."""

    first: int
    last: int

    def places(self, count: int) -> range:
        """Which places, from 0 on, of a list of `count` results it names; those that are not there fall out."""
        low, high = sorted(self)
        if low > 0:
            return range(min(low - 1, count), min(high, count))
        return range(max(count + low, 0), max(count + high + 1, 0))

    def __bytes__(self) -> bytes:
        return b"%d:%d" % self


def build(numbers: Iterable[int]) -> bytes:
    """The shortest set of these numbers (1 and up), ascending, each once; b"" for none. Fastest if they are sorted."""
    if isinstance(numbers, range) and numbers.step == 1:
        return _render(numbers[0], numbers[-1]) if numbers else b""
    ordered = numbers if isinstance(numbers, (list, tuple)) else list(numbers)
    parts: list[bytes] = []
    first = last = 0
    for number in ordered:
        if number == last + 1 and first:
            last = number
        elif number > last:
            if first:
                parts.append(_render(first, last))
            first = last = number
        else:
            return build(sorted(set(ordered)))
    if first:
        parts.append(_render(first, last))
    return b",".join(parts)


def build_in_order(numbers: Iterable[int]) -> bytes:
    """A set in the order given, as the results of SORT are told (RFC 5267 4.4): only what ascends becomes a range."""
    parts: list[bytes] = []
    first = last = 0
    for number in numbers:
        if first and number == last + 1:
            last = number
            continue
        if first:
            parts.append(_render(first, last))
        first = last = number
    if first:
        parts.append(_render(first, last))
    return b",".join(parts)


def _parse_part(text: bytes) -> tuple[int, int]:
    if text.isdigit() and text[0] != 0x30 and len(text) < 10:
        return (first := int(text)), first
    found = _PART.fullmatch(text)
    if found is None:
        raise ImapError("This is no set of messages (RFC 3501 9, sequence-set)")
    one, other, star = found.groups()
    first = int(one) if one else STAR
    last = int(other) if other else STAR if star else first
    if first > NUMBER_MAX or last > NUMBER_MAX:
        raise ImapError("A message number has 32 bits (RFC 3501 9, nz-number)")
    return first, last


def _ascending(first: int, last: int) -> tuple[int, int]:
    return (first, last) if first <= last else (last, first)


def _render(first: int, last: int) -> bytes:
    start = b"%d" % first if first else b"*"
    if first == last:
        return start
    return b"%b:%b" % (start, b"%d" % last if last else b"*")
