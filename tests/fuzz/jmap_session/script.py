"""What several clients ask, made from a seed before anything runs, so that what failed can be played again and cut.

The law: the same seed gives the same script; a step stands for itself, so that steps can be left out.
"""

import random
from typing import Any, Final, NamedTuple

from tests.fuzz.jmap_session.calls import call

LOGINS: Final = ("alice", "alice", "bob", "carol")
STEPS: Final = 60
CALLS_MAX: Final = 4


class Step(NamedTuple):
    """A request of one person's; None: a message comes to him from outside, made from `seed`."""

    login: str
    calls: list[Any] | None
    created: dict[str, str] | None = None
    seed: int = 0


def script(seed: int, steps: int = STEPS) -> list[Step]:
    """Some messages first."""
    dice = random.Random(seed)
    made = [Step(login, None, seed=dice.randrange(1000)) for login in ("alice",) * 6 + ("bob",) * 2]
    for _ in range(steps):
        login = dice.choice(LOGINS)
        if dice.random() < 0.05:
            made.append(Step(login, None, seed=dice.randrange(1000)))
            continue
        calls = [call(dice, number) for number in range(dice.randint(1, CALLS_MAX))]
        created = {"k3": "@E0", "k2": "@F1"} if dice.random() < 0.1 else None
        made.append(Step(login, calls, created))
    return made
