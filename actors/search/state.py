"""What an account's index is made of, and what shall be done next with it: pure.

The law: segments are ascending and apart: each covers the emails from `first` to `last`, and none beyond `watermark`.
Up to it every email is in a segment, or among the entries behind the last one, or gone, or cannot be read; whoever
wants to know of one that is nowhere has to look at it. A state is replaced only by who has seen it (`change` grows each
time).
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import msgspec

from actors.search.postings import MESSAGES_MAX
from cluster.errors import Corrupt

FORMAT: Final = 5
FAN: Final = 8  # neighbours of a size become one: a message is written again once for each eightfold
FULL_MESSAGES: Final = MESSAGES_MAX // 2
TIER_MESSAGES: Final = 64  # the least size; so many entries become a segment


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """A segment. `pieces`: rows of its directory; `size`: bytes of all its rows; `made_ms`: what was gone by then is
    not in it."""

    id: int
    first: int
    last: int
    messages: int
    size: int
    pieces: int
    made_ms: int = 0


class State(msgspec.Struct, frozen=True, array_like=True):
    """As stored. `entries`: how many are behind the last segment; `checked_ms`: when gone mail was last looked for."""

    format: int = FORMAT
    change: int = 0
    watermark: int = 0
    segments: tuple[Piece, ...] = ()
    entries: int = 0
    checked_ms: int = 0

    @property
    def messages(self) -> int:
        """How many are indexed."""
        return sum(piece.messages for piece in self.segments) + self.entries

    @property
    def size(self) -> int:
        """Bytes of all segments."""
        return sum(piece.size for piece in self.segments)


def encode(state: State) -> bytes:
    """As stored."""
    return msgspec.msgpack.encode(state)


def decode(stored: bytes) -> State:
    """The inverse; of another format only `format` and `change` count. Raises Corrupt."""
    try:
        parts = msgspec.msgpack.decode(stored)
        if parts[0] != FORMAT:
            return State(format=parts[0], change=parts[1])
        return msgspec.msgpack.decode(stored, type=State)
    except (msgspec.MsgspecError, TypeError, IndexError) as error:
        raise Corrupt("A search index is damaged.", log=f"state: {error}") from error


def changed(state: State, **changes: object) -> State:
    """The next state."""
    return msgspec.structs.replace(state, change=state.change + 1, **changes)


def added(state: State, piece: Piece, watermark: int) -> State:
    """With a segment behind the others; the entries are in it."""
    return changed(state, segments=(*state.segments, piece), entries=0, watermark=watermark)


def replaced(state: State, old: Sequence[int], new: Piece | None) -> State | None:
    """With one segment instead of some neighbours; None if they are not there any more."""
    ids = [piece.id for piece in state.segments]
    at = ids.index(old[0]) if old[0] in ids else -1
    if at < 0 or ids[at : at + len(old)] != list(old):
        return None
    middle = (new,) if new is not None else ()
    return changed(state, segments=(*state.segments[:at], *middle, *state.segments[at + len(old) :]))


def to_merge(state: State) -> tuple[Piece, ...]:
    """The neighbours to make one of next: the newest, where FAN of them are of a size, with the smaller ones behind
    them. Those that are half as large as can be stay as they are."""
    least, tier = 0, TIER_MESSAGES * FAN
    while True:
        start = len(state.segments)
        while start and state.segments[start - 1].messages < min(tier, FULL_MESSAGES):
            start -= 1
        run = state.segments[start:]
        if sum(piece.messages >= least for piece in run) >= FAN:
            return _within(run)
        if tier >= FULL_MESSAGES:
            return ()
        least, tier = tier, tier * FAN


def _within(run: Sequence[Piece]) -> tuple[Piece, ...]:
    """As many of them, from the oldest on, as fit one segment: at least two, for each is less than half of one."""
    totals = accumulate(piece.messages for piece in run)
    return tuple(piece for piece, total in zip(run, totals, strict=True) if total <= MESSAGES_MAX)
