"""Who may go in: pure. All takes of a call together, or none of them. Tally only counts, for who decides by himself.

The law: of those who enter never more than `rate` are let in within any `per_ms`, never more than `concurrency` hold a
place at once; who was let in and asks again is let in and counted once. Who is refused leaves no trace. Only a clock of
a new owner that is ahead of the last one's can make a period shorter, by as much as it is ahead.
"""

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from actors.shell.kind import EXPIRY, Decision, Needs, Timer, decode_command, decode_unit, encode
from actors.throttle.counting import (
    Counted,
    as_of,
    counted,
    over_ms,
    placed,
    uncounted,
    unplaced,
    wait_for_place,
    wait_for_rate,
)
from actors.throttle.keys import LAYOUT, UNIT_BYTES, slot_of
from actors.throttle.types import (
    CONCURRENCY_MAX,
    IDENT_BYTES,
    LEASE_MS_MAX,
    PERIOD_MS_MAX,
    RATE_MAX,
    TAKES_MAX,
    Asked,
    Enter,
    Entered,
    Leave,
    Renew,
    Take,
    Tallied,
    Tally,
)
from cluster.errors import Refused

WAKE_LATER_MS: Final = 60_000  # a unit's timer comes this much after its end, so that it is not moved by each take


class ThrottleShardSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What throttles share."""

    lease_s: Annotated[
        float,
        Meta(
            description="How long the places of a gateway that died stay taken; live ones renew them meanwhile.",
            ge=10,
            le=3600,
        ),
    ] = 120.0
    sweep_every_s: Annotated[int, Meta(description="How often counts that are over are removed.", ge=1)] = 600


_commands: Final[msgspec.msgpack.Decoder[Asked]] = msgspec.msgpack.Decoder(Asked)
_units: Final = msgspec.msgpack.Decoder(Counted)


class Throttle:
    """The kind of shard."""

    name = "throttle"
    layout = LAYOUT

    def decode(self, slot: int, body: bytes) -> Asked:
        """Raises Refused."""
        command = decode_command(_commands, body)
        names = command.units if isinstance(command, Leave) else tuple(take.unit for take in command.takes)
        if not 0 < len(names) <= TAKES_MAX or len(set(names)) < len(names):
            raise Refused("A call takes of 1 to 64 different things.", log=f"{len(names)} units in one call")
        if any(len(name) != UNIT_BYTES or slot_of(name) != slot for name in names):
            raise Refused("This is no throttle.", log=f"a unit that does not belong into slot {slot}")
        if len(command.ident) != IDENT_BYTES and not (isinstance(command, Tally) and not command.ident):
            raise Refused("A call needs an ident of 16 bytes.", log=f"ident of {len(command.ident)} bytes")
        if isinstance(command, Enter | Renew) and not 0 < command.lease_ms <= LEASE_MS_MAX:
            raise Refused("A lease has up to a day.", log=f"a lease of {command.lease_ms} ms")
        for take in () if isinstance(command, Leave) else command.takes:
            _check(take)
        return command

    def needs(self, command: Asked) -> Needs:
        """The units named."""
        return Needs(command.units if isinstance(command, Leave) else tuple(take.unit for take in command.takes))

    def load(self, stored: bytes) -> Counted:
        """Raises Corrupt."""
        return decode_unit(_units, stored)

    def store(self, unit: Counted) -> bytes:
        """The inverse."""
        return encode(unit)

    def timer(self, unit: Counted) -> Timer:
        """Not moved by every take: when it comes, `expire` sets the next."""
        return Timer(EXPIRY, unit.wake_ms)

    def decide(
        self,
        slot: int,  # noqa: ARG002 (Kind's signature)
        command: Asked,
        units: Mapping[bytes, Counted | None],
        now_ms: int,
    ) -> Decision[Counted]:
        """Let in, let out, or hold on."""
        match command:
            case Enter():
                return self._enter(command, units, now_ms)
            case Renew():
                return self._renew(command, units, now_ms)
            case Leave():
                return self._leave(command, units, now_ms)
            case Tally():
                return self._tally(command, units, now_ms)

    def expire(self, unit: Counted, now_ms: int) -> Counted | None:
        """It goes when nothing of it counts any more."""
        ends_ms = over_ms(unit)
        return None if now_ms >= ends_ms else msgspec.structs.replace(unit, wake_ms=ends_ms + WAKE_LATER_MS)

    def _enter(self, command: Enter, units: Mapping[bytes, Counted | None], now_ms: int) -> Decision[Counted]:
        before = [as_of(units[take.unit], now_ms, take.per_ms) for take in command.takes]
        waits = [_wait(take, unit, command.ident) for take, unit in zip(command.takes, before, strict=True)]
        longest = max(waits)
        if longest:
            return Decision(Entered(admitted=False, wait_ms=longest, which=waits.index(longest)))
        changes: dict[bytes, Counted | None] = {}
        for take, unit in zip(command.takes, before, strict=True):
            if take.rate:
                unit = counted(unit, command.ident)
            if take.concurrency:
                unit = placed(unit, command.ident, unit.seen_ms + command.lease_ms)
            if unit != units[take.unit]:
                changes[take.unit] = _timed(unit)
        return Decision(Entered(), changes)

    def _renew(self, command: Renew, units: Mapping[bytes, Counted | None], now_ms: int) -> Decision[Counted]:
        changes: dict[bytes, Counted | None] = {}
        lost = 0
        for take in command.takes:
            unit = as_of(units[take.unit], now_ms, 0)
            if wait_for_place(unit, command.ident, take.concurrency):
                lost += 1
            else:
                changes[take.unit] = _timed(placed(unit, command.ident, unit.seen_ms + command.lease_ms))
        return Decision(Entered(lost=lost), changes)

    def _tally(self, command: Tally, units: Mapping[bytes, Counted | None], now_ms: int) -> Decision[Counted]:
        changes: dict[bytes, Counted | None] = {}
        counts, waits = [], []
        for take in command.takes:
            unit = as_of(units[take.unit], now_ms, take.per_ms)
            if command.ident:
                unit = counted(unit, command.ident)
                changes[take.unit] = _timed(unit)
            counts.append(sum(spell.count for spell in unit.spells))
            waits.append(wait_for_rate(unit, b"", take.rate))
        return Decision(Tallied(tuple(counts), tuple(waits)), changes)

    def _leave(self, command: Leave, units: Mapping[bytes, Counted | None], now_ms: int) -> Decision[Counted]:
        changes: dict[bytes, Counted | None] = {}
        for name, unit in units.items():
            if unit is None:
                continue
            left = unplaced(as_of(unit, now_ms, 0), command.ident)
            if command.undo:
                left = uncounted(left, command.ident)
            if left.places != unit.places or left.spells != unit.spells:
                changes[name] = _timed(left) if left.places or left.spells else None
        return Decision(Entered(), changes)


def _wait(take: Take, unit: Counted, ident: bytes) -> int:
    place_ms = wait_for_place(unit, ident, take.concurrency) if take.concurrency else 0
    return max(place_ms, wait_for_rate(unit, ident, take.rate) if take.rate else 0)


def _timed(unit: Counted) -> Counted:
    """With a timer that comes when it is over, or has been set before."""
    if unit.wake_ms > unit.seen_ms:
        return unit
    return msgspec.structs.replace(unit, wake_ms=over_ms(unit) + WAKE_LATER_MS)


def _check(take: Take) -> None:
    if not (0 <= take.concurrency <= CONCURRENCY_MAX and 0 <= take.rate <= RATE_MAX):
        raise Refused("A limit is out of bounds.", log=f"concurrency {take.concurrency}, rate {take.rate}")
    if take.rate and not 0 < take.per_ms <= PERIOD_MS_MAX:
        raise Refused("A period has up to 31 days.", log=f"a period of {take.per_ms} ms")
