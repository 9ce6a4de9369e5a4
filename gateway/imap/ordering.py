"""The order that SORT asks for (RFC 5256 3, RFC 5957, RFC 6203 6), of messages that were found.

The law: what can be in the columns is read nowhere else; texts are compared by their folded octets; nothing holds the
event loop, however many texts there are to be sorted.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import numpy as np

from actors.search.brief import UNKNOWN, Columns, Texts, columns_of
from gateway.access.finding.lookups import Lookups
from gateway.access.finding.ranking import ranks
from gateway.imap.finding import Finder
from gateway.imap.inserting import Key
from gateway.imap.masks import Scope
from gateway.imap.parts import Array, Pace
from gateway.imap.session import Session
from mail.imap.sorting import SortCriterion, SortKey
from mail.message.sorting import order

_THREADED_ABOVE: Final = 50_000  # numbers that are sorted in 20 ms

TEXTS: Final[dict[SortKey, str]] = {
    SortKey.SUBJECT: "subject",
    SortKey.FROM: "from_",
    SortKey.TO: "to",
    SortKey.CC: "cc",
    SortKey.DISPLAYFROM: "from_shown",
    SortKey.DISPLAYTO: "to_shown",
}


async def ordered(
    session: Session, finder: Finder, places: Array, criteria: Sequence[SortCriterion], scores: Array | None
) -> Array:
    """These rows of the scope in order: a permutation of them. `scores`: of each, for RELEVANCY."""

    async def work() -> Array:
        return await _order(session, finder, places, criteria, scores)

    arrangements = session.services.arrangements
    if any(criterion.key is SortKey.RELEVANCY for criterion in criteria):
        at = await arrangements.once(work)
    else:
        hold = finder.scope.selection.hold
        what = (finder.scope.selection.account, hold.info.id, *criteria)
        at = await arrangements.of(what, finder.scope.uids[places], work)
    rows: Array = places[at]
    return rows


async def sort_keys(session: Session, scope: Scope, criteria: Sequence[SortCriterion]) -> dict[int, Key]:
    """What each of a few messages is sorted by, by UID."""
    finder, rows = (
        Finder(session, scope, Lookups(session.services.indexes, scope.selection.account)),
        np.arange(len(scope)),
    )
    keys = {criterion.key for criterion in criteria}
    briefs = await finder.briefs(rows) if len(scope) and keys & {SortKey.DATE, *TEXTS} else columns_of(())
    columns: list[Sequence[int | bytes]] = []
    for criterion in criteria:
        if criterion.key in TEXTS:
            texts: Texts = getattr(briefs, TEXTS[criterion.key])
            columns.append([texts.words[code] for code in texts.codes.tolist()])
        elif criterion.key is SortKey.DATE:
            columns.append(sent(finder, rows, briefs).tolist())
        else:
            columns.append((arrived(finder, rows) if criterion.key is SortKey.ARRIVAL else scope.sizes).tolist())
    return dict(zip(scope.uids.tolist(), zip(*columns, strict=True), strict=True)) if len(scope) else {}


async def _order(
    session: Session, finder: Finder, places: Array, criteria: Sequence[SortCriterion], scores: Array | None
) -> Array:
    keys = {criterion.key for criterion in criteria}
    briefs = await finder.briefs(places) if keys & {SortKey.DATE, *TEXTS} else None
    pace = Pace(session.services.clock)
    columns: dict[str, Array] = {}
    for key in keys:
        columns[key.name] = await _column(key, finder, places, briefs, scores, pace)
    wanted = [(criterion.key.name, criterion.reverse) for criterion in criteria]
    if len(places) * len(criteria) > _THREADED_ABOVE:
        found = await asyncio.to_thread(order, columns, wanted)
    else:
        found = order(columns, wanted)
    return found.astype(np.int32)


async def _column(
    key: SortKey, finder: Finder, places: Array, briefs: Columns | None, scores: Array | None, pace: Pace
) -> Array:
    match key:
        case SortKey.ARRIVAL:
            return arrived(finder, places)
        case SortKey.SIZE:
            return finder.scope.sizes[places].astype(np.int64)
        case SortKey.RELEVANCY:  # the best first
            assert scores is not None
            return -scores[places].astype(np.int64)
    assert briefs is not None
    if key is SortKey.DATE:
        return sent(finder, places, briefs)
    return await ranks(getattr(briefs, TEXTS[key]), pace)


def arrived(finder: Finder, places: Array) -> Array:
    """The internal dates as they are told, in seconds."""
    dates: Array = finder.scope.dates[places] // 1000
    return dates


def sent(finder: Finder, places: Array, briefs: Columns) -> Array:
    """The sent dates in UTC, else the internal ones (RFC 5256 2.2)."""
    dates: Array = np.where(briefs.sent_s == UNKNOWN, arrived(finder, places), briefs.sent_s)
    return dates
