"""Sets of message numbers (RFC 3501 9, sequence-set). A hostile set costs no more than its text: ranges stay ranges."""

from dataclasses import dataclass

STAR = 0
"""How `*`, the largest number in the mailbox, stands in a range. No message has number 0 (nz-number)."""


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """The ranges as the client wrote them: (first, last), either of which may be STAR; a single number is (n, n)."""

    ranges: tuple[tuple[int, int], ...]
