r"""The UIDs that are \Recent for one session, as runs: a mailbox that nobody opened yet may have a million, and many
sessions may look at it.

The law: runs ascend and do not touch, so they are as few as can be; it equals the set of the same UIDs.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np
import numpy.typing as npt


class Recent(AbstractSet[int]):
    """A set of UIDs that only grows."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, uids: Iterable[int] = ()) -> None:
        self._starts: list[int] | tuple[()] = ()  # nothing is recent in most selections, and a list costs
        self._ends: list[int] | tuple[()] = ()  # one behind the last of each run
        self.update(uids)

    def __contains__(self, uid: object) -> bool:
        if not isinstance(uid, int):
            return False
        at = bisect_right(self._starts, uid) - 1
        return at >= 0 and uid < self._ends[at]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Recent):
            return self._starts == other._starts and self._ends == other._ends
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __iter__(self) -> Iterator[int]:
        for start, end in zip(self._starts, self._ends, strict=True):
            yield from range(start, end)

    def __len__(self) -> int:
        return sum(self._ends) - sum(self._starts)

    def __bool__(self) -> bool:
        return bool(self._starts)

    def update(self, uids: Iterable[int]) -> None:
        """Take these in; a range costs what a UID does."""
        if isinstance(uids, range) and uids.step == 1:
            self._add(uids.start, uids.stop)
        else:
            for uid in uids:
                self._add(uid, uid + 1)

    def rows_in(self, uids: npt.NDArray[Any]) -> list[tuple[int, int]]:
        """Which rows of ascending UIDs are in it: runs, the end of each not in it."""
        if not self._starts:
            return []
        starts = np.searchsorted(uids, np.array(self._starts, np.int64), "left").tolist()
        ends = np.searchsorted(uids, np.array(self._ends, np.int64), "left").tolist()
        return list(zip(starts, ends, strict=True))

    def _add(self, start: int, end: int) -> None:
        if start >= end:
            return
        if not isinstance(self._starts, list) or not isinstance(self._ends, list):
            self._starts, self._ends = [start], [end]
            return
        # The runs that this one touches become one with it; as a rule that is the last, or none.
        first, behind = bisect_left(self._ends, start), bisect_right(self._starts, end)
        if first < behind:
            start, end = min(start, self._starts[first]), max(end, self._ends[behind - 1])
        self._starts[first:behind], self._ends[first:behind] = [start], [end]
