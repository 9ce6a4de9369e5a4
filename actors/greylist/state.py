"""The rule of greylisting: pure. First come is told to wait; who comes again in time passes, and is then known.

The law: before `delay` nobody unknown passes. Who does not come again within `window` is new; who passed is known until
`lifetime` after being seen last.
"""

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from actors.greylist.keys import LAYOUT, TRIPLET_BYTES, slot_of
from actors.greylist.types import Check, Verdict
from actors.shell.kind import EXPIRY, Decision, Needs, Timer, decode_command, decode_unit, encode
from cluster.errors import Refused


class GreylistSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who has never sent from here to there waits."""

    delay_s: Annotated[int, Meta(description="How long who is new has to wait.", ge=0, le=86_400)] = 300
    window_s: Annotated[
        int, Meta(description="Within this after the first attempt they must come again.", ge=60, le=30 * 86_400)
    ] = 2 * 86_400
    lifetime_s: Annotated[
        int, Meta(description="How long who has passed is known without being seen.", ge=60, le=400 * 86_400)
    ] = 36 * 86_400
    sweep_every_s: Annotated[int, Meta(description="How often what is forgotten is removed.", ge=1)] = 3600


class Triplet(Struct, frozen=True):
    """When it was seen, whether it has passed, and when to look whether it is forgotten."""

    first_ms: int
    last_ms: int
    passed: bool
    wake_ms: int


_commands: Final = msgspec.msgpack.Decoder(Check)
_units: Final = msgspec.msgpack.Decoder(Triplet)


class Greylist:
    """The kind of shard."""

    name = "greylist"
    layout = LAYOUT

    def __init__(self, settings: GreylistSettings | None = None) -> None:
        settings = settings or GreylistSettings()
        self._delay_ms = settings.delay_s * 1000
        self._window_ms = max(settings.window_s, settings.delay_s + 1) * 1000  # else nobody could ever pass
        self._lifetime_ms = settings.lifetime_s * 1000

    def decode(self, slot: int, body: bytes) -> Check:
        """Raises Refused."""
        command = decode_command(_commands, body)
        if len(command.triplet) != TRIPLET_BYTES or slot_of(command.triplet) != slot:
            raise Refused("This is no triplet.", log=f"triplet of {len(command.triplet)} bytes in slot {slot}")
        return command

    def needs(self, command: Check) -> Needs:
        """The triplet."""
        return Needs((command.triplet,))

    def load(self, stored: bytes) -> Triplet:
        """Raises Corrupt."""
        return decode_unit(_units, stored)

    def store(self, unit: Triplet) -> bytes:
        """The inverse."""
        return encode(unit)

    def timer(self, unit: Triplet) -> Timer:
        """Not moved by every attempt: when it comes, `expire` sets the next."""
        return Timer(EXPIRY, unit.wake_ms)

    def decide(
        self,
        slot: int,  # noqa: ARG002 (Kind's signature)
        command: Check,
        units: Mapping[bytes, Triplet | None],
        now_ms: int,
    ) -> Decision[Triplet]:
        """Wait or pass."""
        known = units[command.triplet]
        if known is None or now_ms >= self._ends_ms(known):
            first = Triplet(now_ms, now_ms, self._delay_ms == 0, now_ms + self._window_ms)
            return self._seen(command, first, now_ms)
        passed = known.passed or now_ms >= known.first_ms + self._delay_ms
        last_ms = max(now_ms, known.last_ms)
        return self._seen(command, Triplet(known.first_ms, last_ms, passed, known.wake_ms), now_ms)

    def expire(self, unit: Triplet, now_ms: int) -> Triplet | None:
        """It goes if it is forgotten."""
        ends_ms = self._ends_ms(unit)
        return None if now_ms >= ends_ms else msgspec.structs.replace(unit, wake_ms=ends_ms)

    def _ends_ms(self, unit: Triplet) -> int:
        return unit.last_ms + self._lifetime_ms if unit.passed else unit.first_ms + self._window_ms

    def _seen(self, command: Check, triplet: Triplet, now_ms: int) -> Decision[Triplet]:
        changes: dict[bytes, Triplet | None] = {command.triplet: triplet}
        if triplet.passed:
            return Decision(Verdict("pass"), changes)
        left_ms = triplet.first_ms + self._delay_ms - now_ms
        return Decision(Verdict("wait", -(-left_ms // 1000)), changes)
