"""A queue entry: an envelope and the steps it went through; what it is now follows from them. Pure.

The law: nothing changes an entry but a step. Of many steps the oldest are folded into `base` and forgotten, so that an
entry stays small whatever happens to it.
"""

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from actors.queue.types import Envelope, Shown, Status, Step
from actors.shell.kind import EXPIRY, WORK, Timer

STEPS_MAX: Final = 40  # kept of an entry's history: 25 kB with the longest words
ENDED: Final = ("delivered", "failed", "cancelled")


class Condition(Struct, frozen=True, omit_defaults=True):
    """What an entry is after some steps. `due_ms`: while lent, the end of the lease; when ended, of its memory."""

    status: Status = "waiting"
    held: bool = False
    due_ms: int = 0
    attempts: int = 0
    steps: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.status in ENDED


class Entry(Struct, frozen=True, omit_defaults=True):
    """As stored."""

    mail: Envelope
    base: Condition
    steps: tuple[Step, ...]

    @property
    def now(self) -> Condition:
        """What it is after all its steps."""
        condition = self.base
        for step in self.steps:
            condition = after(condition, step)
        return condition

    def then(self, step: Step) -> "Entry":
        """The entry after one more step."""
        steps = (*self.steps, step)
        base = self.base
        while len(steps) > STEPS_MAX:
            base, steps = after(base, steps[0]), steps[1:]
        return Entry(self.mail, base, steps)

    def timer(self) -> Timer | None:
        """When somebody has to look at it; None while it is held."""
        now = self.now
        if now.ended:
            return Timer(EXPIRY, now.due_ms)
        return None if now.held else Timer(WORK, now.due_ms)

    def shown(self, name: bytes, *, whole: bool = False) -> Shown:
        """For people."""
        now = self.now
        steps = self.steps if whole else ()
        return Shown(name, self.mail, now.status, now.held, now.due_ms, now.attempts, steps, self.base.steps)


def after(was: Condition, step: Step) -> Condition:
    """What an entry is after a step."""
    was = replace(was, steps=was.steps + 1)
    match step.what:
        case "queued" | "deferred":
            return replace(was, status="waiting", due_ms=step.until_ms)
        case "lent":
            return replace(was, status="lent", due_ms=step.until_ms, attempts=step.attempt)
        case "held":
            return replace(was, held=True)
        case "released":
            return replace(was, held=False)
        case "delivered" | "failed" | "cancelled":
            return replace(was, status=step.what, held=False, due_ms=step.until_ms)
