"""What operators see of a page of a slot: which entries a filter means, and how many there are of what. Pure."""

from collections.abc import Iterable
from typing import Final

from actors.queue.entry import ENDED, destination
from actors.queue.types import Count, Filter, List, Shown

PENDING: Final = "pending"  # the status in a filter that means all that has not ended


def meant(which: Filter, shown: Shown) -> bool:
    """Whether a filter means an entry."""
    mail = shown.mail
    return (
        which.domain in ("", mail.domain)
        and (which.status in ("", shown.word) or (which.status == PENDING and shown.status not in ENDED))
        and (not which.before_ms or mail.queued_ms < which.before_ms)
        and (not which.sender or _is_address(which.sender, mail.sender))
        and (not which.recipient or any(_is_address(which.recipient, one.address) for one in mail.recipients))
    )


def filter_of(command: List) -> Filter:
    """What a List asks by, also in an older process's words."""
    which = command.which
    return Filter(
        which.sender, which.recipient, which.domain or command.domain, which.status or command.status, which.before_ms
    )


def _is_address(wanted: str, address: str) -> bool:
    wanted, address = wanted.lower(), address.lower()
    if wanted == "<>":
        return not address
    if wanted.startswith("@"):
        return address.endswith(wanted)
    return address == wanted


def tally(entries: Iterable[Shown]) -> tuple[Count, ...]:
    """Entries that have not ended, by destination."""
    counts: dict[str, Count] = {}
    for shown in entries:
        where = destination(shown.mail, shown.route, shown.target)
        counts[where] = together(counts.get(where, Count(where)), _count(where, shown))
    return tuple(counts.values())


def _count(where: str, shown: Shown) -> Count:
    left = [fate for fate in shown.fates if not fate.final]
    why_ms, why = max(((fate.at_ms, _why(fate.result.cause, fate.result.said)) for fate in left if fate.result),
                      default=(0, ""))  # fmt: skip
    due_ms = 0 if shown.held or shown.status == "lent" else shown.due_ms
    return Count(
        where, 1, int(shown.held), int(shown.status == "lent"), len(left), shown.mail.queued_ms, due_ms, why, why_ms
    )


def _why(cause: str, said: str) -> str:
    return f"{cause}: {said}" if cause and said else said or cause


def together(one: Count, other: Count) -> Count:
    """Two counts of one destination as one."""
    newer = max(one, other, key=lambda count: count.why_ms)
    return Count(
        one.domain,
        one.entries + other.entries,
        one.held + other.held,
        one.lent + other.lent,
        one.recipients + other.recipients,
        _earlier(one.oldest_ms, other.oldest_ms),
        _earlier(one.due_ms, other.due_ms),
        newer.why,
        newer.why_ms,
    )


def _earlier(one_ms: int, other_ms: int) -> int:
    return min(filter(None, (one_ms, other_ms)), default=0)
