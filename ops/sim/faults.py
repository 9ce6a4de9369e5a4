"""Which faults befall a run, and when: a schedule drawn from the seed, for the kinds that were asked for.

The law: a schedule is a list of moments and what happens then; everything that is broken is mended again by `horizon`,
so that what follows must be well.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final, Literal, NamedTuple, get_args

Kind = Literal["loss", "delay", "reorder", "crash", "pause", "partition", "clock", "registry", "store"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

JUMP_S: Final = 86_400.0  # of wall time, either way


class Fault(NamedTuple):
    """At `at`, for `lasts` seconds of true time, `what` happens to `who` (and `whom`)."""

    at: float
    what: str
    who: str = ""
    whom: str = ""
    lasts: float = 0.0
    much: float = 0.0

    def __str__(self) -> str:
        words = f"{self.what} {self.who} {self.whom}".split()
        return f"{' '.join(words)} for {self.lasts:.2f} s ({self.much:.3g})"


def schedule(
    kinds: Sequence[Kind],
    dice: Random,
    horizon: float,
    *,
    gateways: Sequence[str],
    shards: Sequence[str],
    controllers: Sequence[str],
) -> list[Fault]:
    """All faults of a run, in the order of their moments. Names are hosts."""
    made: list[Fault] = []
    everyone = [*gateways, *shards, *controllers]
    draws = {
        "loss": lambda: _weather(dice, horizon, "lose"),
        "delay": lambda: _weather(dice, horizon, "delay"),
        "reorder": lambda: _weather(dice, horizon, "slow"),
        "crash": lambda: _crashes(dice, horizon, gateways, shards, controllers),
        "pause": lambda: _pauses(dice, horizon, everyone, shards),
        "partition": lambda: _partitions(dice, horizon, everyone, gateways, shards),
        "clock": lambda: _jumps(dice, horizon, everyone),
        "registry": lambda: _registry(dice, horizon, everyone, shards),
        "store": lambda: _store(dice, horizon),
    }
    for kind in KINDS:  # in one order, whatever the order asked for
        if kind in kinds:
            made.extend(draws[kind]())
    return sorted(made, key=lambda fault: fault.at)


def _times(dice: Random, horizon: float, low: int, high: int) -> Iterator[float]:
    for _ in range(dice.randint(low, high)):
        yield dice.uniform(0.0, horizon * 0.8)


def _lasts(dice: Random, at: float, horizon: float, *bounds: tuple[float, float]) -> float:
    return min(dice.uniform(*dice.choice(bounds)), horizon - at)


def _weather(dice: Random, horizon: float, what: str) -> Iterator[Fault]:
    for at in _times(dice, horizon, 1, 2):
        yield Fault(at, what, lasts=_lasts(dice, at, horizon, (2.0, 20.0)), much=dice.choice((0.01, 0.05, 0.2)))


def _crashes(
    dice: Random, horizon: float, gateways: Sequence[str], shards: Sequence[str], controllers: Sequence[str]
) -> Iterator[Fault]:
    for at in _times(dice, horizon, 1, 3):
        who = dice.choice([*shards, *shards, *shards, *gateways, *controllers])
        # Restarted at once in place; or away for longer than its lease, so that others take over.
        lasts = _lasts(dice, at, horizon, (0.2, 2.0), (0.2, 2.0), (6.0, 20.0))
        yield Fault(at, dice.choice(("kill", "kill", "power")), who, lasts=lasts)


def _pauses(dice: Random, horizon: float, everyone: Sequence[str], shards: Sequence[str]) -> Iterator[Fault]:
    for at in _times(dice, horizon, 1, 3):
        lasts = _lasts(dice, at, horizon, (0.05, 2.0), (3.0, 20.0))
        yield Fault(at, "pause", dice.choice([*everyone, *shards]), lasts=lasts)
    for at in _times(dice, horizon, 0, 2):
        # At the worst moment: when a commit has been checked, and not sent.
        yield Fault(at, "pause-in-commit", dice.choice(shards), lasts=dice.uniform(1.0, 15.0))


def _partitions(
    dice: Random, horizon: float, everyone: Sequence[str], gateways: Sequence[str], shards: Sequence[str]
) -> Iterator[Fault]:
    for at in _times(dice, horizon, 1, 2):
        # A shard and a gateway that reach each other and the store, and do not hear what was decided without them.
        lasts = _lasts(dice, at, horizon, (2.0, 20.0))
        yield Fault(at, "island", dice.choice(shards), dice.choice(gateways), lasts=lasts)
    for at in _times(dice, horizon, 1, 3):
        who = dice.choice([*everyone, *shards, *shards])
        whom = dice.choice([*(other for other in everyone if other != who), "store", "registry", "registry", "*"])
        how = dice.choice(("partition", "partition", "mute", "deaf"))
        yield Fault(at, how, who, whom, lasts=_lasts(dice, at, horizon, (0.2, 3.0), (3.0, 20.0)))


def _jumps(dice: Random, horizon: float, everyone: Sequence[str]) -> Iterator[Fault]:
    for at in _times(dice, horizon, 2, 5):
        yield Fault(at, "jump", dice.choice(everyone), much=dice.choice((1.0, 60.0, JUMP_S)) * dice.uniform(-1, 1))


def _registry(dice: Random, horizon: float, everyone: Sequence[str], shards: Sequence[str]) -> Iterator[Fault]:
    for at in _times(dice, horizon, 1, 3):
        what = dice.choice(("registry-away", "registry-away", "cut-off", "cut-off", "compact"))
        who = dice.choice([*everyone, *shards]) if what == "cut-off" else ""
        yield Fault(at, what, who, lasts=_lasts(dice, at, horizon, (0.2, 3.0), (3.0, 20.0)))


def _store(dice: Random, horizon: float) -> Iterator[Fault]:
    for at in _times(dice, horizon, 1, 3):
        what = dice.choice(("store-refuses", "store-unknown", "store-late", "store-slow", "store-away"))
        lasts = _lasts(dice, at, horizon, (0.2, 3.0), (3.0, 10.0))
        yield Fault(at, what, lasts=lasts, much=dice.choice((0.02, 0.1, 0.3)))
