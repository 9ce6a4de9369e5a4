"""A queue entry: an envelope and the steps it went through; what it is now follows from them. Pure.

The law: nothing changes an entry but a step. Of many steps the oldest are folded into `base` and forgotten, so that an
entry stays small whatever happens to it: a row is below 100 kB with the longest addresses and words there are.
"""

from functools import cached_property
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from actors.queue.types import BULK, NORMAL, URGENT, Envelope, Fate, Owed, Result, Shown, Status, Step, Told, Work
from actors.shell.kind import EXPIRY, WORK, Timer

STEPS_MAX: Final = 40  # kept of an entry's history
HEARD_BYTES_MAX: Final = 12_000  # of results, with their words whole; above it they are cut, to 31,000 at the very most
STEPS_BYTES_MAX: Final = 28_000  # and of their words, about: two attempts of which each recipient heard something else
ENDED: Final = ("delivered", "failed", "cancelled")
assert NORMAL == WORK


class Condition(Struct, frozen=True, omit_defaults=True):
    """What an entry is after some steps. `due_ms`: when it is to be tried, also while notices are owed. `lease_ms`:
    while lent, and while notices are owed, the end of the lease. When ended `due_ms` is the end of its memory."""

    status: Status = "waiting"
    held: bool = False
    due_ms: int = 0
    attempts: int = 0  # leases
    steps: int = 0
    tries: int = 0  # attempts that were made
    lease_ms: int = 0
    heard: tuple[Told, ...] = ()  # the last result of each recipient that has one
    delayed: tuple[int, ...] = ()  # recipients of whose delay the sender was told, or is to be
    owed: tuple[Owed, ...] = ()
    route: str = ""
    target: str = ""
    expires_ms: int = 0
    priority: int | None = None  # None: the envelope's
    forced: bool = False

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.status in ENDED and not self.owed

    @property
    def wake_ms(self) -> int:
        """When somebody has to look at it."""
        return self.lease_ms if self.status == "lent" or self.owed else self.due_ms

    def ready(self, at_ms: int) -> bool:
        """Whether it may be tried then; else it is lent for the notices that are owed."""
        return not self.held and (self.status == "lent" or (self.status == "waiting" and self.due_ms <= at_ms))


class Entry(Struct, frozen=True, omit_defaults=True, dict=True):
    """As stored; what follows from it is remembered beside it."""

    mail: Envelope
    base: Condition
    steps: tuple[Step, ...]

    @cached_property
    def now(self) -> Condition:
        """What it is after all its steps."""
        condition = self.base
        for step in self.steps:
            condition = after(condition, step, len(self.mail.recipients))
        return condition

    def then(self, step: Step) -> "Entry":
        """The entry after one more step. That nothing was tried says no more than that it waits: of such steps in a
        row the last is kept, so that they do not take the place of words."""
        steps, again = self.steps, False
        if step.what == "postponed" and not step.owed and len(steps) > 2:
            again = (steps[-2].what, steps[-1].what) == ("postponed", "lent") and not steps[-2].owed
        steps = (*(steps[:-2] if again else steps), step)
        base, size = self.base, sum(map(weight, steps))
        while len(steps) > STEPS_MAX or (size > STEPS_BYTES_MAX and len(steps) > 1):
            base = after(base, steps[0], len(self.mail.recipients))
            size -= weight(steps[0])
            steps = steps[1:]
        then = Entry(self.mail, base, steps)
        if not again:  # the same as from the beginning
            then.__dict__["now"] = after(self.now, step, len(self.mail.recipients))
        return then

    def timer(self) -> Timer | None:
        """When somebody has to look at it; None while it is held."""
        now = self.now
        if now.ended:
            return Timer(EXPIRY, now.due_ms)
        if now.held and not now.owed:
            return None
        return Timer(lane_of(self.mail.priority if now.priority is None else now.priority), now.wake_ms)

    def work(self, name: bytes, now: Condition, lease_ms: int, now_ms: int) -> Work:
        """The entry lent once more; `now`: what it was before."""
        fates = fates_of(now, len(self.mail.recipients))
        mail = self.mail if now.priority is None else replace(self.mail, priority=now.priority)
        return Work(
            name, now.attempts + 1, lease_ms, mail, now.tries, fates, now.owed,
            bool(now.owed) and not now.ready(now_ms), now.route, now.target, now.expires_ms, now.forced,
        )  # fmt: skip

    def shown(self, name: bytes, *, whole: bool = False) -> Shown:
        """For people."""
        now = self.now
        return Shown(
            id=name,
            mail=self.mail,
            status=now.status,
            held=now.held,
            due_ms=now.lease_ms if now.status == "lent" else now.due_ms,
            attempts=now.attempts,
            steps=self.steps if whole else (),
            forgotten=self.base.steps,
            tries=now.tries,
            fates=fates_of(now, len(self.mail.recipients)),
            owed=now.owed,
            route=now.route,
            target=now.target,
            expires_ms=now.expires_ms,
            priority=self.mail.priority if now.priority is None else now.priority,
            forced=now.forced,
        )


def lane_of(priority: int) -> int:
    """The lane of a priority's timers."""
    return URGENT if priority > 0 else BULK if priority < 0 else NORMAL


def destination(mail: Envelope, route: str, target: str) -> str:
    """As Work.destination."""
    return f"route {route}" if route else target or mail.domain


def weight(step: Step) -> int:
    """About how many bytes a step is stored in."""
    told = sum(result_weight(one.result) + 2 * len(one.recipients) for one in step.told) if step.told else 0
    owed = sum(2 * len(one.recipients) for one in step.owed) if step.owed else 0
    return 40 + len(step.said.encode()) + told + owed


def result_weight(result: Result) -> int:
    """About how many bytes a result is stored in."""
    texts = len(result.said.encode()) + len(result.host) + len(result.ip) + len(result.tls)
    return 90 + texts + len(result.status) + len(result.cause)


def fates_of(now: Condition, recipients: int) -> tuple[Fate, ...]:
    """What is known of each recipient."""
    fates = [Fate()] * recipients
    for told in now.heard:
        for index in told.recipients:
            fates[index] = Fate(told.result, told.at_ms)
    for index in now.delayed:
        fates[index] = replace(fates[index], delayed=True)
    return tuple(fates)


def after(was: Condition, step: Step, recipients: int) -> Condition:
    """What an entry is after a step. `recipients`: how many it has."""
    steps = was.steps + 1
    match step.what:
        case "queued":
            return replace(was, steps=steps, due_ms=step.until_ms)
        case "lent":  # for what is owed alone it is not lent, and may have ended else
            status: Status = was.status if was.owed and not was.ready(step.at_ms) else "lent"
            return replace(was, steps=steps, status=status, lease_ms=step.until_ms, attempts=step.attempt, forced=False)
        case "delivered" | "deferred" | "failed" | "postponed":
            return _reported(was, step, steps, recipients)
        case "told":
            owed = tuple(one for one in was.owed if one not in step.owed)
            return replace(was, steps=steps, owed=owed)
        case _:
            return _changed(was, step, steps)


def _changed(was: Condition, step: Step, steps: int) -> Condition:
    """After an operator's wish."""
    match step.what:
        case "held" | "released":
            return replace(was, steps=steps, held=step.what == "held")
        case "retried":
            return replace(was, steps=steps, due_ms=step.at_ms, forced=True)
        case "rerouted":  # why it waits, if it was tried, is no reason any more
            route, _, target = step.said.partition(" ")
            due_ms = step.at_ms if was.attempts else was.due_ms
            forced = was.forced or due_ms <= step.at_ms  # what is scheduled for later stays so
            return replace(was, steps=steps, route=route, target=target, due_ms=due_ms, forced=forced)
        case "expires":
            due_ms = min(was.due_ms, step.value) if step.value else was.due_ms
            return replace(was, steps=steps, expires_ms=step.value, due_ms=due_ms)
        case "recalled":
            return replace(was, steps=steps, lease_ms=step.at_ms)
        case "prioritised":
            return replace(was, steps=steps, priority=step.value)
        case _:
            return replace(was, steps=steps, status="cancelled", held=False, due_ms=step.until_ms)


def _reported(was: Condition, step: Step, steps: int, recipients: int) -> Condition:
    """After a report, of which the step has what counts: all of the newest lease, of an older one what it delivered.
    A lease that nothing came of may have left no step of its own."""
    heard = tuple(Told(told.result, told.recipients, step.at_ms) for told in step.told)
    if was.heard:
        new = {index for told in step.told for index in told.recipients}
        left = ((told, tuple(index for index in told.recipients if index not in new)) for told in was.heard)
        heard = fitted((*(Told(t.result, rest, t.at_ms) for t, rest in left if rest), *heard), HEARD_BYTES_MAX)
    status, due_ms = was.status, was.due_ms
    if sum(len(told.recipients) for told in heard if told.result.outcome != "deferred") == recipients:
        status = "delivered" if all(told.result.outcome == "delivered" for told in heard) else "failed"
        due_ms = step.until_ms
    elif step.attempt > was.attempts or (status == "lent" and step.attempt == was.attempts):
        # A wish of while it was under way is of after it.
        status, due_ms = "waiting", was.due_ms if was.forced else step.until_ms
    return replace(
        was, steps=steps, status=status, due_ms=due_ms, held=was.held and status not in ENDED, heard=heard,
        attempts=max(was.attempts, step.attempt), tries=was.tries + (step.what != "postponed"),
        owed=(*was.owed, *step.owed) if step.owed else was.owed, delayed=_delayed(was, step),
    )  # fmt: skip


def _delayed(was: Condition, step: Step) -> tuple[int, ...]:
    new = [index for owed in step.owed if owed.kind == "delay" for index in owed.recipients]
    return tuple(sorted({*was.delayed, *new})) if new else was.delayed


def fitted(told: tuple[Told, ...], bytes_max: int) -> tuple[Told, ...]:
    """The same with words cut so that they are not above some bytes: by as little as is enough, in three steps."""
    for said_max, name_max in ((500, 253), (200, 100), (80, 40)):
        cut_to = tuple(Told(_cut_result(one.result, said_max, name_max), one.recipients, one.at_ms) for one in told)
        if sum(result_weight(one.result) for one in cut_to) <= bytes_max:
            break
    return cut_to


def _cut_result(result: Result, said_max: int, name_max: int) -> Result:
    short = len(result.said) * 4 <= said_max and len(result.host) <= name_max and len(result.tls) <= name_max
    if short and len(result.status) <= 12 and len(result.ip) <= 46 and len(result.cause) <= 40:
        return result
    return replace(
        result, said=cut(result.said, said_max), host=cut(result.host, name_max), tls=cut(result.tls, name_max),
        status=cut(result.status, 12), ip=cut(result.ip, 46), cause=cut(result.cause, 40),
    )  # fmt: skip


def cut(text: str, bytes_max: int) -> str:
    """A text of so many bytes at most, no character in halves."""
    return text.encode("utf-8", "replace")[:bytes_max].decode("utf-8", "ignore")
