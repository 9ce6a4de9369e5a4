"""When mail that could not be delivered is tried again, when its sender hears of the delay, and when it is given up.
Pure.

The law: a time is decided from the entry and the rule alone, so a repeated decision is the same; what is tried again
always has an end.
"""

from collections.abc import Callable
from typing import Annotated, Final, NamedTuple

from msgspec import Meta, Struct

from actors.queue.types import Envelope, Work
from gateway.facts import AtOutbound

SPREAD: Final = 10  # a wait grows by up to a tenth, by the entry's id: what came together does not come again together


class Pace(NamedTuple):
    """The times of one recipient, in seconds: the waits after the first failed attempt, the second, and so on, of which
    the last stays; when its sender is told of the delay (0: never); and when it is given up."""

    retry: tuple[int, ...] = (300, 600, 1200, 1800, 3600, 7200, 14_400)
    notify_after: int = 4 * 3600
    expire_after: int = 5 * 86_400


class ScheduleSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When outgoing mail is tried again, and until when. Rules are asked for each recipient when an attempt has failed:
    `retry` counts the attempts made, `cause` says why the last one failed. They should say the same when they are asked
    again: what was promised by one answer is measured by the next."""

    retry: Annotated[
        AtOutbound[
            Annotated[tuple[Annotated[int, Meta(ge=1, le=7 * 86_400)], ...], Meta(min_length=1, max_length=100)]
        ],
        Meta(
            description="Seconds to wait after the first failed attempt, the second, and so on; the last number stays."
        ),
    ] = AtOutbound.of(Pace().retry)
    notify_after: Annotated[
        AtOutbound[Annotated[int, Meta(ge=0, le=30 * 86_400)]],
        Meta(description="After so many seconds without delivery the sender is told that it takes longer; 0: never."),
    ] = AtOutbound.of(Pace().notify_after)
    expire_after: Annotated[
        AtOutbound[Annotated[int, Meta(ge=60, le=30 * 86_400)]],
        Meta(description="After so many seconds without delivery it is given up, and the sender told."),
    ] = AtOutbound.of(Pace().expire_after)

    @property
    def is_plain(self) -> bool:
        """Whether nothing of it is said by rules."""
        return self.retry.is_plain and self.notify_after.is_plain and self.expire_after.is_plain

    @property
    def pace(self) -> Pace:
        """The one schedule for all mail where it is plain; else what holds otherwise."""
        return Pace(self.retry.values[-1], self.notify_after.values[-1], self.expire_after.values[-1])


class Circumstance(NamedTuple):
    """What a rule may choose a schedule by: one recipient of an entry, by its number, and why it waits."""

    mail: Envelope
    recipient: int
    attempts: int  # made so far, the one that has just ended included
    cause: str


Choosing = Callable[[Circumstance], Pace]


class Times(NamedTuple):
    """Of one recipient that waits. `expired`: it is given up now. `late`: its sender is to hear of the delay now, if
    it has not yet. `next_ms`: when it is tried again, or looked at."""

    expired: bool
    late: bool
    next_ms: int


class Schedule:
    """Rules applied to entries."""

    def __init__(self, choose: Choosing | Pace | None = None) -> None:
        """`choose`: the schedule by circumstance, or one for all mail."""
        self._fixed = choose if isinstance(choose, Pace) else Pace()
        self._choose: Choosing | None = choose if callable(choose) else None

    def times(self, work: Work, index: int, attempts: int, cause: str, now_ms: int) -> Times:
        """For a recipient (index) that was not served now, in an entry of which so many attempts were made."""
        mail, rule = work.mail, self._rule(work.mail, index, attempts, cause)
        expires_ms = _expires_ms(mail, rule, work.expires_ms)
        if now_ms >= expires_ms:
            return Times(expired=True, late=False, next_ms=now_ms)
        late_ms = _late_ms(mail, rule)
        wait_s = rule.retry[min(max(attempts, 1), len(rule.retry)) - 1]
        # Whole seconds: what is due in the same second is taken at once.
        next_ms = (now_ms // 1000 + 1 + wait_s + wait_s * work.id[-1] // SPREAD // 256) * 1000
        # The last attempt is made when the time is over; and what was promised by a time is told of at that time.
        next_ms = min(next_ms, expires_ms)
        if mail.by_mode == "N" and now_ms < mail.by_ms:
            next_ms = min(next_ms, mail.by_ms)
        return Times(expired=False, late=late_ms is not None and now_ms >= late_ms, next_ms=next_ms)

    def until_ms(self, mail: Envelope, index: int, attempts: int, cause: str, expires_ms: int = 0) -> int:
        """How long a recipient is tried. `expires_ms`: an operator's word, which goes before the rule's."""
        return _expires_ms(mail, self._rule(mail, index, attempts, cause), expires_ms)

    def too_late(self, work: Work, now_ms: int) -> bool:
        """Whether it must not even be tried any more: past the time of RFC 2852's mode R, or an operator's."""
        by_ms = work.mail.by_ms if work.mail.by_mode == "R" else 0
        return 0 < by_ms <= now_ms or 0 < work.expires_ms <= now_ms

    def _rule(self, mail: Envelope, index: int, attempts: int, cause: str) -> Pace:
        return self._fixed if self._choose is None else self._choose(Circumstance(mail, index, attempts, cause))


def _expires_ms(mail: Envelope, rule: Pace, told_ms: int) -> int:
    expires_ms = told_ms or _since_ms(mail) + rule.expire_after * 1000
    return min(expires_ms, mail.by_ms) if mail.by_mode == "R" and mail.by_ms else expires_ms


def _since_ms(mail: Envelope) -> int:
    """What ages are counted from: time that it was to wait (RFC 4865) is no delay."""
    return mail.ready_ms or mail.queued_ms


def _late_ms(mail: Envelope, rule: Pace) -> int | None:
    times = [_since_ms(mail) + rule.notify_after * 1000] if rule.notify_after else []
    if mail.by_mode == "N" and mail.by_ms:
        times.append(mail.by_ms)
    return min(times, default=None)
