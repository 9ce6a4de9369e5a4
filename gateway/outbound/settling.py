"""What follows from an attempt: which recipients are given up, when the others are tried again, which notices the
sender is owed (RFC 3461 5.2, 6). Pure.

The law: a notice is never owed to the null sender, so no notice begets another; nor to who asked for NEVER. A remote
server's words stay with the result, whatever is made of it.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from actors.queue.types import Envelope, Kind, Owed, Recipient, Result, Told, Work
from gateway.outbound.schedule import SPREAD, Schedule

EXPIRED: Final = "expired"  # the cause of what was given up for its age
_KINDS: Final[tuple[Kind, ...]] = ("failure", "delay", "relayed", "success")


class Settled(NamedTuple):
    """A report."""

    told: tuple[Told, ...]
    until_ms: int
    owed: tuple[Owed, ...]


def pending(work: Work) -> tuple[int, ...]:
    """The recipients (indices) that are to be served still."""
    return tuple(index for index, fate in enumerate(work.fates) if not fate.final)


def settle(
    work: Work,
    results: Iterable[tuple[int, Result]],
    schedule: Schedule,
    now_ms: int,
    *,
    tried: bool = True,
    wait_until_ms: int = 0,
) -> Settled:
    """What to report of an attempt that ended so for those recipients. `wait_until_ms`: nobody is asked before."""
    final: list[tuple[int, Result]] = []
    notices: dict[Kind, list[int]] = {}
    next_ms: list[int] = []
    attempts = work.tries + tried
    for index, result in results:
        if result.outcome == "deferred":
            times = schedule.times(work, index, attempts, result.cause, now_ms)
            if times.expired:
                result = given_up(work.mail, result, now_ms)
            else:
                next_ms.append(max(times.next_ms, wait_until_ms if tried else _spread(work, now_ms, wait_until_ms)))
                if times.late and not work.fates[index].delayed and wants(work.mail, index, "delay"):
                    notices.setdefault("delay", []).append(index)
        kind = notice_of(work.mail, index, result)
        if kind is not None:
            notices.setdefault(kind, []).append(index)
        final.append((index, result))
    owed = tuple(Owed(kind, tuple(notices[kind])) for kind in _KINDS if kind in notices)
    return Settled(together(final), min(next_ms, default=0), owed)


def _spread(work: Work, now_ms: int, until_ms: int) -> int:
    """A time that many wait for, for each some seconds later, up to a tenth of the wait."""
    wait_s = max(until_ms - now_ms, 0) // 1000
    return until_ms + wait_s * work.id[-2] // SPREAD // 256 * 1000


def given_up(mail: Envelope, result: Result, now_ms: int) -> Result:
    """The last result of what is given up for its age: the words stay (RFC 3463: 4.4.7; RFC 2852: 5.4.7)."""
    in_time = mail.by_mode == "R" and 0 < mail.by_ms <= now_ms
    return replace(result, outcome="failed", cause=EXPIRED, status="5.4.7" if in_time else "4.4.7")


def notice_of(mail: Envelope, index: int, result: Result) -> Kind | None:
    """The notice that a final result is followed by. What a server with DSN took over is that server's to tell of
    (RFC 3461 5.2.1); one without is told of as relayed (5.2.2), and so is what asked for a trace (RFC 2852)."""
    if result.outcome == "failed":
        return "failure" if wants(mail, index, "failure") else None
    if result.outcome != "delivered" or not mail.sender:
        return None
    notify = mail.recipients[index].notify
    if result.stored:  # RFC 3461 5.2.3
        return "success" if "SUCCESS" in notify else None
    if result.relayed and "SUCCESS" in notify:
        return "relayed"
    return "relayed" if mail.by_trace and mail.by_ms and "NEVER" not in notify else None


def wants(mail: Envelope, index: int, kind: Kind) -> bool:
    """Whether the sender wants such a notice of a recipient."""
    return bool(mail.sender) and asked_for(mail.recipients[index], kind)


def asked_for(recipient: Recipient, kind: Kind) -> bool:
    """NOTIFY's rules (RFC 3461 4.1): where nothing is given, failures and delays are told of."""
    if kind in ("success", "relayed"):
        return "SUCCESS" in recipient.notify
    return not recipient.notify or kind.upper() in recipient.notify


def together(results: Sequence[tuple[int, Result]]) -> tuple[Told, ...]:
    """Recipients with the same result told of at once."""
    groups: dict[Result, list[int]] = {}
    for index, result in results:
        groups.setdefault(result, []).append(index)
    return tuple(Told(result, tuple(indices)) for result, indices in groups.items())
