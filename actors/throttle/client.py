"""What a gateway may ask of throttles: to go in under several limits at once, and to come out.

Limits live in different slots, and each slot decides by itself. They are entered one slot after the other, in the order
of the slots; at the first that refuses, those entered before are undone. As all ask in the same order, of two that want
the same the first gets in; and nobody holds one while waiting for another, so nobody waits for ever.

The law: Admitted means that every limit has counted it, once. What is not admitted is undone as far as shards answer;
what cannot be undone ends with its lease, or counts for its period: too much is never let in.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

import structlog

from actors.shell.client import Asking
from actors.throttle.keys import slot_of, unit_of
from actors.throttle.types import TAKES_MAX, Enter, Entered, Leave, Renew, Take, Tallied, Tally
from cluster.errors import Trouble
from cluster.rpc.service import Calling

CALL_S: Final = 5.0  # a connection waits for this: longer would hold it up more than the limit protects
UNDOING_MAX: Final = 1_000  # undone in the background at once; beyond, leases and periods end by themselves


class Limit(NamedTuple):
    """At most `rate` in `per_s` and `concurrency` at once (0: no such limit), under a name, for a key."""

    name: str
    key: str
    concurrency: int = 0
    rate: int = 0
    per_s: float = 0.0


class Admitted(NamedTuple):
    """It may go on; to be handed to `leave`, and to `renew` while it lasts, where it holds places."""

    ident: bytes
    held: tuple[Limit, ...]


class Wait(NamedTuple):
    """It may not; try again after so long. The limit in the way."""

    seconds: float
    which: Limit


class Told(NamedTuple):
    """How much a limit has counted, and after how long it would let one more in."""

    counted: int
    wait_s: float


class ThrottleClient:
    """Asks the shards, wherever they are."""

    def __init__(self, calling: Calling, lease_s: float) -> None:
        self._asking = Asking(calling, "throttle")
        self._lease_ms = round(lease_s * 1000)
        self._undoing: set[asyncio.Task[None]] = set()

    async def enter(self, limits: Sequence[Limit], ident: bytes) -> Admitted | Wait:
        """Go in under all limits or none. `ident`: 16 random bytes, the same when asked again for the same thing.
        Raises Trouble: then it is not in, nor is it any more if it was."""
        entered: list[tuple[int, list[Limit]]] = []
        try:
            for slot, some in _by_slot(limits):
                entered.append((slot, some))
                answer = await self._ask(slot, Enter(tuple(map(_take, some)), ident, self._lease_ms))
                if not answer.admitted:
                    entered.pop()
                    await self._leave_all(entered, ident, undo=True)
                    return Wait(answer.wait_ms / 1000, some[min(answer.which, len(some) - 1)])
        except BaseException:  # also when whoever asked has gone: nobody else would undo it
            self._undo_later(entered, ident)
            raise
        return Admitted(ident, tuple(limit for limit in dict.fromkeys(limits) if limit.concurrency))

    async def leave(self, admitted: Admitted) -> None:
        """Give the places back. Never raises: what cannot be given back ends with its lease."""
        await self._leave_all(_by_slot(admitted.held), admitted.ident, undo=False)

    async def renew(self, admitted: Admitted) -> int:
        """Hold the places for another lease; how many were lost. Raises Trouble."""
        lost = 0
        for slot, some in _by_slot(admitted.held):
            lost += (await self._ask(slot, Renew(tuple(map(_take, some)), admitted.ident, self._lease_ms))).lost
        return lost

    async def tally(self, limits: Sequence[Limit], ident: bytes = b"", *, timeout_s: float = CALL_S) -> list[Told]:
        """What each limit has counted; nobody is refused, and places mean nothing here. `ident` (16 random bytes):
        counts one more of each first. Raises Trouble: then some of them may have counted it."""
        slots = _by_slot(limits)
        asked = (self._asking.ask(slot, Tally(tuple(map(_take, some)), ident), Tallied, timeout_s=timeout_s)
                 for slot, some in slots)  # fmt: skip
        found: dict[Limit, Told] = {}
        for (_slot, some), told in zip(slots, await asyncio.gather(*asked), strict=True):
            for limit, count, wait_ms in zip(some, told.counts, told.waits_ms, strict=True):
                found[limit] = Told(count, wait_ms / 1000)
        return [found[limit] for limit in limits]

    async def close(self) -> None:
        """Finish what is being undone."""
        await asyncio.gather(*self._undoing, return_exceptions=True)

    async def _ask(self, slot: int, command: Enter | Leave | Renew) -> Entered:
        return await self._asking.ask(slot, command, Entered, timeout_s=CALL_S)

    async def _leave_all(self, entered: Sequence[tuple[int, list[Limit]]], ident: bytes, *, undo: bool) -> None:
        for slot, some in entered:
            units = tuple(unit_of(limit.name, limit.key) for limit in some)
            try:
                await self._ask(slot, Leave(units, ident, undo))
            except Trouble as trouble:
                structlog.get_logger().warning("throttle.not_left", slot=slot, why=trouble.log)

    def _undo_later(self, entered: Sequence[tuple[int, list[Limit]]], ident: bytes) -> None:
        if entered and len(self._undoing) < UNDOING_MAX:
            task = asyncio.get_running_loop().create_task(self._leave_all(entered, ident, undo=True))
            self._undoing.add(task)
            task.add_done_callback(self._undoing.discard)


def _take(limit: Limit) -> Take:
    per_ms = max(round(limit.per_s * 1000), 1) if limit.rate else 0
    return Take(unit_of(limit.name, limit.key), limit.concurrency, limit.rate, per_ms)


def _by_slot(limits: Sequence[Limit]) -> list[tuple[int, list[Limit]]]:
    slots: dict[int, dict[bytes, Limit]] = {}
    for limit in limits:
        unit = unit_of(limit.name, limit.key)
        slots.setdefault(slot_of(unit), {}).setdefault(unit, limit)
    found = [(slot, list(some.values())) for slot, some in sorted(slots.items())]
    return [(slot, some[start : start + TAKES_MAX]) for slot, some in found for start in range(0, len(some), TAKES_MAX)]
