"""Ranges of UIDs as arrays: an (n, 2) array of inclusive ranges, ascending and apart from each other.

The law: nothing here walks UIDs one by one, so that a range costs the same however wide it is; no line is longer than
clients can be expected to read (RFC 7162 4).
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from actors.mailbox.index import run_bounds
from gateway.imap.parts import Array
from mail.imap.contents import vanished_line
from mail.imap.seqset import SequenceSet

_LINE_RANGES: Final = 400  # in a VANISHED response: 8,800 octets at most


def spans(pairs: Sequence[tuple[int, int]]) -> Array:
    """Ranges that ascend already."""
    return np.array(pairs, np.int64).reshape(-1, 2)


def runs(uids: Array) -> Array:
    """UIDs that ascend, as ranges."""
    if not len(uids):
        return spans(())
    found: Array = np.stack(run_bounds(uids), axis=1)
    return found


def gaps(uids: Array, last: int) -> Array:
    """What 1..last has besides these UIDs, which ascend and are not above it."""
    numbers = uids.astype(np.int64)
    lows = np.concatenate(([1], numbers + 1))
    highs = np.concatenate((numbers - 1, [last]))
    found: Array = np.stack((lows, highs), axis=1)[lows <= highs]
    return found


def common(one: Array, other: Array) -> Array:
    """What is in both."""
    starts = np.searchsorted(other[:, 1], one[:, 0])
    ends = np.searchsorted(other[:, 0], one[:, 1], "right")
    counts = np.maximum(ends - starts, 0)
    mine = np.repeat(np.arange(len(one)), counts)
    theirs = np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
    lows = np.maximum(one[mine, 0], other[theirs, 0])
    highs = np.minimum(one[mine, 1], other[theirs, 1])
    found: Array = np.stack((lows, highs), axis=1)
    return found


def holds(ranges: Array, uids: Array) -> Array:
    """Of each UID, whether it is in one of the ranges."""
    if not len(ranges):
        return np.zeros(len(uids), bool)
    at = np.searchsorted(ranges[:, 1], uids)
    found: Array = (at < len(ranges)) & (ranges[np.minimum(at, len(ranges) - 1), 0] <= uids)
    return found


def rendered(ranges: Array) -> bytes:
    """As IMAP writes a set (RFC 3501 9); b"" for none."""
    return bytes(SequenceSet(tuple(map(tuple, ranges.tolist()))))


def vanished(ranges: Array, *, earlier: bool = False) -> Iterator[bytes]:
    """VANISHED responses with these UIDs (RFC 7162 3.2.10), as many as it takes."""
    for start in range(0, len(ranges), _LINE_RANGES):
        yield vanished_line(rendered(ranges[start : start + _LINE_RANGES]), earlier=earlier)
