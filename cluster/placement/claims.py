"""By what right a shard writes: the claim that it stores before its first write to a slot and checks in every one.

The law: the greatest claim stored wins, for ever. `epoch` grows with every assignment of the slot, so a new owner
outranks the old; `incarnation` comes from a counter in the store and grows with every start of a process, so a restart
outranks what may be left of the process before it. The map in etcd says who should own; only this says who may write.
"""

from struct import Struct
from typing import Final, NamedTuple, Protocol

from cluster.errors import Fenced
from cluster.meta.store import Store, Transaction

_CLAIM: Final = Struct(">QQ")
_TAKES_BYTES: Final = 8  # stored behind the claim of a slot that was taken again


class Claim(NamedTuple):
    """Ordered: epoch first, then incarnation."""

    epoch: int
    incarnation: int

    def encode(self) -> bytes:
        """16 bytes that sort as claims do."""
        return _CLAIM.pack(*self)


def decode(stored: bytes | None) -> Claim:
    """The stored claim; (0, 0) where there is none, and for the 8 bytes that one process alone stored before."""
    return Claim(*_CLAIM.unpack_from(stored)) if stored is not None and len(stored) >= _CLAIM.size else Claim(0, 0)


class Claims(Protocol):
    """What a shard knows of its right to slots, now."""

    def claim(self, slot: int) -> Claim | None:
        """The claim to a slot, None for `as whoever owns it now` (one process alone, which holds the data's lock).

        Raises Moved when the slot is not this shard's, as far as it knows, or its lease has run out unrenewed: then
        neither writes nor answers from memory may be given.
        """
        ...


class Alone:
    """The claims of a process that holds its data's lock: all slots, as whoever."""

    def claim(self, slot: int) -> Claim | None:  # noqa: ARG002 (Claims' signature)
        """None: take the slot over."""
        return None


async def take(transaction: Transaction, key: bytes, claim: Claim | None, incarnation: int) -> bytes:
    """Store the claim to a slot under its key; what every later write has to find there. Raises Fenced."""
    return put(transaction, key, await transaction.get(key), claim, incarnation)


def put(
    transaction: Transaction, key: bytes, found: bytes | None, claim: Claim | None, incarnation: int, takes: int = 0
) -> bytes:
    """As `take`, for what was found under the key in the same transaction. `takes`: how often this process has let go
    of the slot, so that a slot taken anew holds something new: a commit that found what was there before, and of which
    nobody knows where it is, can land no more."""
    stored = decode(found)
    if claim is None:
        claim = Claim(stored.epoch, incarnation)
    if stored > claim:
        raise Fenced("The mailbox has moved; try again.", log=f"claim {claim} to {key!r} is below the stored {stored}")
    mine = claim.encode() + (takes.to_bytes(_TAKES_BYTES, "big") if takes else b"")
    transaction.set(key, mine)
    return mine


INCARNATION_KEY: Final = b"c/incarnation"


async def next_incarnation(store: Store) -> int:
    """A number above every one before; each process that owns slots takes one when it starts. Never goes back, also
    when etcd has lost its data: it is kept in the store that it protects."""

    async def body(transaction: Transaction) -> int:
        number = int.from_bytes(await transaction.get(INCARNATION_KEY) or b"", "big") + 1
        transaction.set(INCARNATION_KEY, number.to_bytes(8, "big"))
        return number

    return await store.transact(body)
