"""Where new messages come in an order that is there already (CONTEXT=SORT): by halving, so that few others are read.

The law: the order is the one that `ordering` makes of the same messages. Nothing here waits: who asks for the places is
told whose keys are missing, reads them, and asks again.
"""

from collections.abc import Sequence
from functools import cmp_to_key
from typing import Final, NamedTuple

import numpy as np

from gateway.imap.parts import Array

Value = int | bytes
Key = tuple[Value, ...]  # one value for each criterion


class Places(NamedTuple):
    """`uids` in order, and before which member each comes; or, if any are `missing`, whose keys have to be read."""

    uids: Array
    places: Array
    missing: frozenset[int] = frozenset()


_NONE: Final = np.empty(0, np.int64)


class Insertion:
    """Into one order. `reverses`: of each criterion, whether it is REVERSE."""

    def __init__(self, reverses: Sequence[bool]) -> None:
        self.keys: dict[int, Key] = {}  # by UID
        self._reverses = tuple(reverses)

    def into(self, members: Array, added: Array) -> Places:
        """Where these come, of which all have keys here."""
        ordered = sorted(added.tolist(), key=cmp_to_key(self._compare))
        missing: set[int] = set()
        places = []
        for uid in ordered:
            place = self._place(members, uid)
            if isinstance(place, Missing):
                missing.add(place.uid)
            else:
                places.append(place)
        if missing:
            return Places(_NONE, _NONE, frozenset(missing))
        return Places(np.array(ordered, members.dtype), np.array(places, np.int64))

    def _place(self, members: Array, uid: int) -> "int | Missing":
        low, high = 0, len(members)
        while low < high:
            middle = (low + high) // 2
            other = int(members[middle])
            if other not in self.keys:
                return Missing(other)
            if self._compare(other, uid) < 0:
                low = middle + 1
            else:
                high = middle
        return low

    def _compare(self, one: int, other: int) -> int:
        """Below 0 if the first comes first. Between equals it is the mailbox's order, never reversed (RFC 5256 3)."""
        for mine, its, is_reverse in zip(self.keys[one], self.keys[other], self._reverses, strict=True):
            if mine != its:
                return -1 if (mine < its) is not is_reverse else 1  # type: ignore[operator]
        return one - other


class Missing(NamedTuple):
    """The key of this member has to be read first."""

    uid: int
