"""The claims that a shard has stored: taken before the first write to a slot, compared in every transaction.

The law: nothing is written to a slot but in a transaction that found this shard's claim there. A slot that is newly
held was somebody else's meanwhile, so whatever the shard remembers of it is forgotten first.
"""

from collections.abc import Callable, Iterable, Sequence

from cluster.errors import Fenced, Moved
from cluster.meta.store import Reader, Store, Transaction
from cluster.placement.claims import Claim, Claims, put


class Titles:
    """One a shard. `key_of` says where a slot's claim is stored."""

    def __init__(self, store: Store, claims: Claims, incarnation: int, key_of: Callable[[int], bytes]) -> None:
        self._store = store
        self._claims = claims
        self._incarnation = incarnation
        self._key_of = key_of
        self._held: dict[int, tuple[Claim | None, bytes]] = {}  # at most one each slot
        self._drops: dict[int, int] = {}  # how often each slot was dropped

    def known(self, slot: int) -> bool:
        """Whether the slot is held under the claim that holds now. Raises Moved when it is not this shard's."""
        claim = self._claims.claim(slot)
        held = self._held.get(slot)
        return held is not None and held[0] == claim

    async def hold(self, slots: Iterable[int]) -> list[int]:
        """Hold these slots; those newly held, whose remembered state must be forgotten. Raises Moved, Fenced.

        Of several that hold a slot at once, the first to end hears that it is new: what is remembered after that stays.
        """
        missing = {slot: self._claims.claim(slot) for slot in slots if not self.known(slot)}
        if not missing:
            return []
        drops = {slot: self._drops.get(slot, 0) for slot in missing}

        async def body(transaction: Transaction) -> dict[int, tuple[Claim | None, bytes]]:
            keys = [self._key_of(slot) for slot in missing]
            found = await transaction.get_many(keys)
            return {
                slot: (claim, put(transaction, key, stored, claim, self._incarnation, drops[slot]))
                for (slot, claim), key, stored in zip(missing.items(), keys, found, strict=True)
            }

        taken = await self._store.transact(body)
        if any(self._drops.get(slot, 0) != number for slot, number in drops.items()):
            # Dropped while it was taken: it may be another's since, so what was taken proves nothing any more.
            raise Moved("This is moving; try again.", log="a slot was dropped while it was taken")
        new = [slot for slot, title in taken.items() if self._held.get(slot) != title]
        self._held |= taken
        return new

    async def check(self, transaction: Transaction, slots: Sequence[int]) -> None:
        """Within a transaction that writes to these slots: it is still this shard that holds them. Raises Fenced."""
        if len(slots) == 1:  # by far the most common where one process has all: the shorter way
            held = self._held.get(slots[0])
            lost: Sequence[int] = [] if held and await transaction.get(self._key_of(slots[0])) == held[1] else slots
        else:
            lost = await self.lost(transaction, slots)
        if lost:
            raise Fenced("This has moved; try again.", log=f"slots {lost} have a newer owner")

    async def lost(self, reader: Reader, slots: Sequence[int]) -> list[int]:
        """Those of the slots that this shard does not hold, by what is stored."""
        stored = await reader.get_many([self._key_of(slot) for slot in slots])
        held = [self._held.get(slot) for slot in slots]
        return [slot for slot, mine, found in zip(slots, held, stored, strict=True) if mine is None or found != mine[1]]

    def drop(self, slot: int) -> None:
        """Forget the slot: it moved, or somebody else was found to hold it."""
        self._held.pop(slot, None)
        self._drops[slot] = self._drops.get(slot, 0) + 1
