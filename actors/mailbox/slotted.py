"""Which slots a shard holds, and which it will not take just now.

The law: what may be answered or written is what `sort` calls neither refused nor new. A slot that was released is
refused until it has been assigned anew, or the one who asked for it has not taken it for a while.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from actors.mailbox import keys
from cluster.clock import Clock
from cluster.errors import Fenced, Moved, Trouble
from cluster.meta.store import Store
from cluster.placement.claims import Claim, Claims
from cluster.placement.holding import RELEASE_HOLD_S
from cluster.placement.titles import Titles


class Slotted:
    """A shard's."""

    def __init__(self, store: Store, clock: Clock, claims: Claims, incarnation: int) -> None:
        self._store = store
        self._clock = clock
        self._claims = claims
        self._titles = Titles(store, claims, incarnation, keys.claim)
        self.check: Final = self._titles.check  # within a transaction: Titles.check
        self._held: set[int] = set()
        self._released: dict[int, tuple[Claim | None, float]] = {}  # the claim then, and until when it is refused

    @property
    def held(self) -> list[int]:
        """The slots that are held and may be, ascending."""
        refused, new = self.sort(self._held)
        return sorted(self._held - refused.keys() - set(new))

    @property
    def refusing(self) -> bool:
        """Whether any slot may be refused."""
        return bool(self._released)

    def is_held(self, slot: int) -> bool:
        """Whether the slot was taken and not let go of."""
        return slot in self._held

    def known(self, slot: int) -> bool:
        """Whether the slot is held under the claim that holds now. Raises Moved."""
        return self._titles.known(slot)

    def refuse(self, slot: int) -> None:
        """Take no more for this slot, for now."""
        try:
            claim = self._claims.claim(slot)
        except Moved:
            claim = None
        self._released[slot] = (claim, self._clock.monotonic() + RELEASE_HOLD_S)

    def check_taken(self, slot: int) -> None:
        """Raises Moved while commands for the slot are refused."""
        if slot not in self._released:
            return
        then, until = self._released[slot]
        if self._clock.monotonic() < until and self._claims.claim(slot) == then:
            raise Moved("The mailbox is moving; try again.", log=f"slot {slot} is being released")
        del self._released[slot]

    def sort(self, slots: Iterable[int]) -> tuple[dict[int, Trouble], list[int]]:
        """Those that are not this shard's, with why; and those that it would have to take."""
        refused: dict[int, Trouble] = {}
        new = []
        for slot in slots:
            try:
                if not self._titles.known(slot):
                    new.append(slot)
            except Moved as moved:
                refused[slot] = moved
        return refused, new

    async def take(self, slots: Sequence[int]) -> tuple[list[int], dict[int, Trouble]]:
        """Take slots, all at once if nobody else has any; those newly held, and why not the others."""
        try:
            taken = await self._titles.hold(slots)
        except (Fenced, Moved) as error:
            if len(slots) == 1:
                return [], {slots[0]: error}
        except Trouble as error:
            return [], dict.fromkeys(slots, error)
        else:
            self._held.update(taken)
            return taken, {}
        one_by_one = [await self.take([slot]) for slot in slots]
        return (
            [slot for taken, _refused in one_by_one for slot in taken],
            {slot: why for _taken, refused in one_by_one for slot, why in refused.items()},
        )

    async def lost(self, slots: Iterable[int]) -> set[int]:
        """Those of the slots that somebody else holds; all, when it cannot be known."""
        wanted = list(slots)
        try:
            return set(await self._titles.lost(self._store, wanted))
        except Trouble:
            return set(wanted)

    def drop(self, slot: int) -> None:
        """Let go of a slot."""
        self._held.discard(slot)
        self._titles.drop(slot)
