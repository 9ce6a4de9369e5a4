"""Counters that fade: pure. Each halves with every half-life, so what counts is what was seen lately.

The law: counters are values as of a moment; adding brings them to now first. A clock that goes back does not make them
grow. What weighs less than FADED altogether is forgotten, which nobody can tell from zero.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from actors.reputation.keys import LAYOUT, slot_of
from actors.reputation.types import KEY_BYTES_MAX, KEYS_MAX, Asked, Counts, Observe, Read, Standing
from actors.shell.kind import EXPIRY, Decision, Needs, Timer, decode_command, decode_unit, encode
from cluster.errors import Refused

FADED: Final = 0.01  # messages
COUNT_MAX: Final = 1e12  # keeps sums exact enough, whatever is sent
IDEMS_KEPT: Final = 16  # of the last observations of a source: a retry comes within seconds
IDEM_BYTES: Final = 8


class ReputationSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is remembered of sources of mail."""

    half_life_s: Annotated[
        int, Meta(description="After so long, what was seen of a source counts half.", ge=60, le=10 * 365 * 86_400)
    ] = 7 * 86_400
    sweep_every_s: Annotated[int, Meta(description="How often sources that have faded are removed.", ge=1)] = 3600


class Source(Struct, frozen=True):
    """A source's counters as of `at_ms`, when to see whether they have faded, and the last observations' keys."""

    counts: Counts
    at_ms: int
    wake_ms: int
    idems: tuple[bytes, ...] = ()


_commands: Final[msgspec.msgpack.Decoder[Asked]] = msgspec.msgpack.Decoder(Asked)
_units: Final = msgspec.msgpack.Decoder(Source)


def faded(source: Source, now_ms: int, half_life_ms: float) -> Counts:
    """The counters as they weigh now."""
    part = 0.5 ** (max(now_ms - source.at_ms, 0) / half_life_ms)
    counts = source.counts
    return Counts(counts.messages * part, counts.spam * part, counts.ham * part, counts.rejects * part)


def weight(counts: Counts) -> float:
    """All that was counted."""
    return counts.messages + counts.spam + counts.ham + counts.rejects


def faded_ms(counts: Counts, now_ms: int, half_life_ms: float) -> int:
    """When counters of this moment will weigh less than FADED."""
    return now_ms + 1 + math.ceil(half_life_ms * max(math.log2(max(weight(counts), FADED) / FADED), 0.0))


class Reputation:
    """The kind of shard."""

    name = "reputation"
    layout = LAYOUT

    def __init__(self, settings: ReputationSettings | None = None) -> None:
        self._half_life_ms = (settings or ReputationSettings()).half_life_s * 1000.0

    def decode(self, slot: int, body: bytes) -> Asked:
        """Raises Refused."""
        command = decode_command(_commands, body)
        keys = command.keys if isinstance(command, Read) else list(command.add)
        if len(keys) > KEYS_MAX:
            raise Refused("Too many sources in one call.", log=f"{len(keys)} sources")
        for key in keys:
            if not 0 < len(key.encode()) <= KEY_BYTES_MAX or slot_of(key) != slot:
                raise Refused("A source has a wrong name.", log=f"source {key[:40]!r} in slot {slot}")
        if isinstance(command, Observe):
            if len(command.idem) != IDEM_BYTES:
                raise Refused("An observation needs a key.", log=f"idem of {len(command.idem)} bytes")
            if not all(_is_count(number) for counts in command.add.values() for number in _numbers(counts)):
                raise Refused("A count is from 0 up.", log="a count is negative, huge or no number")
        return command

    def needs(self, command: Asked) -> Needs:
        """The sources named."""
        keys = command.keys if isinstance(command, Read) else command.add
        return Needs(tuple(key.encode() for key in keys))

    def load(self, stored: bytes) -> Source:
        """Raises Corrupt."""
        return decode_unit(_units, stored)

    def store(self, unit: Source) -> bytes:
        """The inverse."""
        return encode(unit)

    def timer(self, unit: Source) -> Timer:
        """Not moved by every observation: when it comes, `expire` sets the next."""
        return Timer(EXPIRY, unit.wake_ms)

    def decide(
        self,
        slot: int,  # noqa: ARG002 (Kind's signature)
        command: Asked,
        units: Mapping[bytes, Source | None],
        now_ms: int,
    ) -> Decision[Source]:
        """Read or add."""
        if isinstance(command, Observe):
            changed: dict[bytes, Source | None] = {
                name: self._observed(source, command, name.decode(), now_ms) for name, source in units.items()
            }
            return Decision(self._standing(changed, now_ms), changed)
        return Decision(self._standing(units, now_ms))

    def expire(self, unit: Source, now_ms: int) -> Source | None:
        """It goes if it has faded."""
        counts = faded(unit, now_ms, self._half_life_ms)
        if weight(counts) < FADED:
            return None
        return msgspec.structs.replace(unit, wake_ms=faded_ms(counts, now_ms, self._half_life_ms))

    def _standing(self, units: Mapping[bytes, Source | None], now_ms: int) -> Standing:
        return Standing({
            name.decode(): faded(source, now_ms, self._half_life_ms) if source is not None else Counts()
            for name, source in units.items()
        })  # fmt: skip

    def _observed(self, source: Source | None, command: Observe, key: str, now_ms: int) -> Source:
        add = command.add[key]
        if source is None:
            return Source(add, now_ms, faded_ms(add, now_ms, self._half_life_ms), (command.idem,))
        if command.idem in source.idems:
            return source
        old = faded(source, now_ms, self._half_life_ms)
        counts = Counts(*(min(a + b, COUNT_MAX) for a, b in zip(_numbers(old), _numbers(add), strict=True)))
        idems = (*source.idems, command.idem)[-IDEMS_KEPT:]
        return Source(counts, max(now_ms, source.at_ms), source.wake_ms, idems)


def _numbers(counts: Counts) -> tuple[float, float, float, float]:
    return counts.messages, counts.spam, counts.ham, counts.rejects


def _is_count(number: float) -> bool:
    return 0.0 <= number <= COUNT_MAX  # neither is true of NaN
