"""One turn of a shard: what was loaded for a batch of calls, and what their decisions make of it. Pure.

The law: a decision is taken over whole or not at all, and later calls of the batch are decided on top of it. A unit's
timer is written and cleared with the unit, so each has the one timer that it says; timers that lead nowhere go.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final, Generic

from actors.shell.cache import Place
from actors.shell.kind import EXPIRY, WORK, Command, Kind, Needs, Unit, encode
from cluster.errors import Corrupt, TooLarge
from cluster.meta.store import VALUE_BYTES_MAX, Transaction

SWEEP_UNITS: Final = 500  # looked at in one step of a sweep
_PER_WRITE_BYTES: Final = 64  # what a store counts besides the value: about a key


class Sweep:
    """The shell's own command: look at what has come to its end."""


SWEEP: Final = Sweep()
NOTHING: Final = Needs()


@dataclass(slots=True, eq=False)
class Asked(Generic[Command]):
    """A call that waits for its answer."""

    slot: int
    command: Command | Sweep
    needs: Needs
    answer: "asyncio.Future[bytes]"
    size: int  # bytes of its body
    found: list[bytes] = field(default_factory=list)  # names that its range reads came upon
    timers: list[bytes] = field(default_factory=list)  # and by which timers, the first of them
    finished: bool = False
    next_ms: int | None = None  # when the first unit of its lane that it did not look at is due

    @property
    def weight(self) -> int:
        """Units it may load, at most."""
        if isinstance(self.command, Sweep):
            return SWEEP_UNITS
        return len(self.needs.names) + self.needs.work_max + self.needs.page_max


class Turn(Generic[Command, Unit]):
    """What one group commit changes, on top of what was loaded for it."""

    def __init__(self, kind: Kind[Command, Unit]) -> None:
        self._kind = kind
        self.units: dict[Place, Unit | None] = {}  # as loaded, then as decided; None: not there
        self.sizes: dict[Place, int] = {}
        self.broken: dict[Place, Corrupt] = {}
        self.guards: dict[bytes, bytes | None] = {}  # rows as loaded
        self.stood: dict[bytes, bytes | None] = {}  # those of them on which decisions rest
        self.slots: set[int] = set()  # that are written to
        self.writes: dict[bytes, bytes | None] = {}  # None: cleared
        self.size = 0
        self.expired = 0
        self.work: dict[tuple[int, int], int] = {}  # by slot and lane: the earliest timer written

    def write(self, slot: int, key: bytes, value: bytes | None) -> None:
        """The last write to a key counts."""
        self.slots.add(slot)
        self.writes[key] = value
        self.size += len(value or b"") + _PER_WRITE_BYTES

    def into(self, transaction: Transaction) -> None:
        """Write all."""
        for key, value in self.writes.items():
            if value is None:
                transaction.clear(key)
            else:
                transaction.set(key, value)

    def loaded(self, place: Place, stored: bytes | None) -> None:
        """A row as the store has it."""
        try:
            self.units[place] = None if stored is None else self._kind.load(stored)
            self.sizes[place] = len(stored or b"")
        except Corrupt as error:
            self.broken[place] = error

    def decide(self, asked: Asked[Command], now_ms: int) -> bytes:
        """The answer to a call, its changes taken over. Raises what was wrong: then nothing has changed."""
        slot, guard = asked.slot, asked.needs.guard
        if guard is not None:
            if (trouble := guard.why(self.guards[guard.key])) is not None:
                raise trouble
            self.stood[guard.key] = self.guards[guard.key]
        units: dict[bytes, Unit | None] = {}
        for name in asked.needs.names:
            if (slot, name) in self.broken:
                raise self.broken[slot, name]
            units[name] = self.units[slot, name]
        for name in asked.found:
            if (unit := self.units.get((slot, name))) is not None:
                units[name] = unit
        if isinstance(asked.command, Sweep):
            reply = b""
            self._apply(slot, self._expired(units, now_ms), {})
        else:
            decision = self._kind.decide(slot, asked.command, units, now_ms)
            reply = encode(decision.reply)
            self._apply(slot, decision.changes, decision.rows)
        for key, name in zip(asked.timers, asked.found, strict=False):  # what leads nowhere must not be found again
            if key != self._timer_key(slot, name, self.units.get((slot, name))):
                self.write(slot, key, None)
        return reply

    def _expired(self, units: dict[bytes, Unit | None], now_ms: int) -> dict[bytes, Unit | None]:
        changes: dict[bytes, Unit | None] = {}
        for name, unit in units.items():
            timer = self._kind.timer(unit) if unit is not None else None
            if unit is not None and timer is not None and timer.lane == EXPIRY and timer.time_ms <= now_ms:
                changes[name] = self._kind.expire(unit, now_ms)
                if changes[name] is None:
                    self.expired += 1
        return changes

    def _apply(self, slot: int, changes: dict[bytes, Unit | None], further: dict[bytes, bytes | None]) -> None:
        """Take a decision over, whole: what can fail comes first."""
        layout = self._kind.layout
        rows = {name: None if unit is None else self._kind.store(unit) for name, unit in changes.items()}
        for value in (*rows.values(), *further.values()):
            if len(value or b"") > VALUE_BYTES_MAX:
                raise TooLarge("This is too large to be kept.", log=f"a {self._kind.name} row of {len(value or b'')} B")
        timers = {name: (self._timer_key(slot, name, self.units[slot, name]), self._timer_key(slot, name, unit))
                  for name, unit in changes.items()}  # fmt: skip
        for name, unit in changes.items():
            self.write(slot, layout.unit(slot, name), rows[name])
            self.units[slot, name] = unit
            self.sizes[slot, name] = len(rows[name] or b"")
            before, after = timers[name]
            if before is not None and before != after:
                self.write(slot, before, None)
            if after is not None and before != after:
                self.write(slot, after, b"")
                lane, time_ms = layout.timer_lane(after), layout.timer_ms(after)
                if lane is not None and lane >= WORK:
                    self.worked(slot, lane, time_ms)
        for key, value in further.items():
            self.write(slot, key, value)

    def worked(self, slot: int, lane: int, time_ms: int) -> None:
        """Remember that a lane has something due then."""
        self.work[slot, lane] = min(time_ms, self.work.get((slot, lane), time_ms))

    def _timer_key(self, slot: int, name: bytes, unit: Unit | None) -> bytes | None:
        timer = self._kind.timer(unit) if unit is not None else None
        return None if timer is None else self._kind.layout.timer(slot, timer.lane, timer.time_ms, name)
