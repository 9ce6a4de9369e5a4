"""Lists of which messages of a segment have a term, packed, many at a time.

    sparse   for each message the gap to the one before, in 7 bits a byte, the high bit on all but the last
    dense    one bit a message, where more than one in eight has the term

The law: a list is ascending, and is unpacked with the number of its messages (`counts`) and of the segment's, which
also tell the form. Everything is done for all lists at once: a loop over lists would cost more than the rest of a
merge.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cluster.errors import Corrupt

Array = npt.NDArray[Any]

MESSAGES_MAX: Final = 1 << 18  # of a segment: a dense list has 32 kB, a gap at most three bytes
_DENSE_FROM: Final = 8  # one message in so many: there a byte a message is as long as a bit for each


def is_dense(counts: Array, messages: int) -> Array:
    """Which lists have a bit for each message."""
    dense: Array = counts.astype(np.int64) * _DENSE_FROM > messages
    return dense


def pack_lists(places: Array, counts: Array, messages: int) -> tuple[bytes, Array]:
    """The bytes of lists one after another, and the length of each. `places`: all lists' messages; none is empty."""
    dense = is_dense(counts, messages)
    of_dense = np.repeat(dense, counts)
    sparse_places, sparse_counts = (places[~of_dense], counts[~dense]) if dense.any() else (places, counts)
    data, sparse_lengths = _pack_gaps(sparse_places, sparse_counts)
    if not dense.any():
        return data.tobytes(), sparse_lengths
    lengths = np.empty(len(counts), np.int64)
    lengths[~dense] = sparse_lengths
    lengths[dense] = (messages + 7) // 8
    out = np.empty(int(lengths.sum()), np.uint8)
    is_bits = np.repeat(dense, lengths)
    out[~is_bits] = data
    bits = np.zeros((int(dense.sum()), messages), np.uint8)
    bits[np.repeat(np.arange(len(bits)), counts[dense]), places[of_dense]] = 1
    out[is_bits] = np.packbits(bits, axis=1).ravel()
    return out.tobytes(), lengths


def unpack_lists(data: bytes | memoryview, counts: Array, lengths: Array, messages: int) -> Array:
    """The inverse: all lists' messages one after another. Raises Corrupt."""
    raw = np.frombuffer(data, np.uint8)
    if len(raw) != int(lengths.sum()):
        raise Corrupt("A search index is damaged.", log=f"{len(raw)} bytes of lists, {int(lengths.sum())} expected")
    dense = is_dense(counts, messages)
    if not dense.any():
        return _unpack_gaps(raw, counts, messages)
    is_bits = np.repeat(dense, lengths)
    rows = int(dense.sum())
    if int(lengths[dense].sum()) != rows * ((messages + 7) // 8):
        raise Corrupt("A search index is damaged.", log="dense lists of another length")
    bits = np.unpackbits(raw[is_bits].reshape(rows, -1), axis=1, count=messages)
    if not np.array_equal(bits.sum(axis=1), counts[dense]):
        raise Corrupt("A search index is damaged.", log="dense lists of another count")
    places = np.empty(int(counts.sum()), np.int32)
    of_dense = np.repeat(dense, counts)
    places[of_dense] = np.nonzero(bits)[1]
    places[~of_dense] = _unpack_gaps(raw[~is_bits], counts[~dense], messages)
    return places


def _pack_gaps(places: Array, counts: Array) -> tuple[Array, Array]:
    """Sparse lists, and their lengths."""
    if not len(places):
        return np.empty(0, np.uint8), np.zeros(len(counts), np.int64)
    ends = np.cumsum(counts)
    gaps = np.empty(len(places), np.int32)
    gaps[0] = places[0]
    gaps[1:] = places[1:] - places[:-1] - 1
    gaps[ends[:-1]] = places[ends[:-1]]
    two, three = gaps >= 1 << 7, gaps >= 1 << 14
    sizes = 1 + two.astype(np.int64) + three
    last = np.cumsum(sizes) - 1
    out = np.empty(int(last[-1]) + 1, np.uint8)
    out[last] = gaps & 127
    out[last[two] - 1] = gaps[two] >> 7 & 127 | 128
    out[last[three] - 2] = gaps[three] >> 14 | 128
    return out, np.diff(last[ends - 1] + 1, prepend=0)


def _unpack_gaps(raw: Array, counts: Array, messages: int) -> Array:
    last = np.flatnonzero(raw < 128)
    if len(last) != int(counts.sum()) or (len(raw) and raw[-1] >= 128):
        raise Corrupt("A search index is damaged.", log=f"{len(last)} gaps where {int(counts.sum())} were stored")
    if not len(last):
        return np.empty(0, np.int32)
    gaps = raw[last].astype(np.int32)
    sizes = np.diff(last, prepend=-1)
    two = sizes >= 2
    if two.any():
        gaps[two] += (raw[last[two] - 1] & 127).astype(np.int32) << 7
        three = sizes >= 3
        gaps[three] += (raw[last[three] - 2] & 127).astype(np.int32) << 14
    sums = np.cumsum(gaps + 1)
    starts = np.cumsum(counts) - counts
    base = np.where(starts > 0, sums[starts - 1], 0)
    places: Array = (sums - np.repeat(base, counts) - 1).astype(np.int32)
    if int(places.max()) >= messages or int(sizes.max()) > 3:
        raise Corrupt("A search index is damaged.", log="a list names messages that are not there")
    return places
