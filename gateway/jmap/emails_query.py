"""Email/query and /queryChanges (RFC 8621 4.4, 4.5).

The law: results are of one moment, that of the state they are told with; who applies what /queryChanges tells to an old
list has what /query tells now. What was found is kept while it holds.
"""

from typing import Final, NamedTuple

import numpy as np
from msgspec import UNSET

from actors.mailbox.sight import Sight
from gateway.access.finding.finder import Finder
from gateway.access.finding.lookups import Lookups
from gateway.access.parts import Array
from gateway.jmap import querying
from gateway.jmap.email_columns import EmailScope
from gateway.jmap.email_filters import Compiler, Depends, check, depends, only_mailbox
from gateway.jmap.email_order import Before, Orderer, collapsed
from gateway.jmap.positions import Position, state
from gateway.jmap.results import Found, Kept, results_of, room_of
from gateway.jmap.searching import EmailHost
from gateway.jmap.session import COLLATIONS
from gateway.jmap.standard import Answer, changes_since
from gateway.jmap.turn import Reached, Turn
from mail.jmap.conditions import EmailCondition
from mail.jmap.errors import MethodError
from mail.jmap.filters import Filter, leaves, read_filter
from mail.jmap.methods import special, standard
from mail.jmap.sorting import Comparator, read_sort

TRIES: Final = 5  # of finding what changed, while it goes on changing
CHANGED_MAX: Final = 50_000  # emails of which it is told that they changed


async def query(turn: Turn, asked: special.EmailQuery) -> Answer:
    """RFC 8621 4.4."""
    reached = await turn.reach(asked.account_id)
    wanted = _Wanted.of(turn, asked, collapses=asked.collapse_threads)
    found = await wanted.find(turn, reached)
    return querying.part(
        asked,
        state(Position(found.stamp)),
        found,
        reached.email_id,
        lambda name: reached.email_of(turn.created.find(name) or ""),
    )


async def query_changes(turn: Turn, asked: special.EmailQueryChanges) -> Answer:
    """RFC 8621 4.5."""
    reached = await turn.reach(asked.account_id)
    wanted = _Wanted.of(turn, asked, collapses=asked.collapse_threads)
    for _ in range(TRIES):
        found = await wanted.find(turn, reached)
        changes = await changes_since(turn, reached, asked.since_query_state, *_kinds(reached))
        if changes.unknown:
            break
        if _stamp(changes.sight, reached) == found.stamp:  # both are of one moment
            needs = wanted.depends
            changed = changes.affected(flags=needs.flags, threads=needs.threads or wanted.collapses)
            if len(changed) > CHANGED_MAX:
                break
            return _changes(asked, found, changed, changed - changes.stored, reached)
    raise MethodError("cannotCalculateChanges")


def _changes(
    asked: standard.QueryChanges, found: Found, changed: set[int], removed: set[int], reached: Reached
) -> Answer:
    places = np.flatnonzero(np.isin(found.emails, np.fromiter(changed, np.int64)))
    added = list(zip(places.tolist(), found.emails[places].tolist(), strict=True))
    position = state(Position(found.stamp))
    return querying.changes(asked, position, len(found), added, sorted(removed), reached.email_id)


class _Wanted(NamedTuple):
    """What a query asks for."""

    tree: Filter | None
    sort: tuple[Comparator, ...]
    collapses: bool
    depends: Depends
    is_fixed: bool  # nothing in it was named in this request

    @staticmethod
    def of(turn: Turn, asked: standard.Filtered, *, collapses: bool) -> "_Wanted":
        """Raises MethodError."""
        tree = read_filter("Email", asked.filter, turn.limits)
        check(tree)
        sort = read_sort("Email", asked.sort, COLLATIONS, turn.limits)
        return _Wanted(tree, sort, collapses, depends(tree, sort), is_fixed=not any(map(_refers, leaves(tree))))

    async def find(self, turn: Turn, reached: Reached) -> Found:
        """All of it, as of now."""
        sight = await turn.sight(reached)
        mailbox = self._mailbox(turn, reached, sight)
        is_wide = mailbox is None or self.depends.flags or self._asks_other(mailbox, turn, reached)
        numbers = tuple(sight.readable) if is_wide or mailbox is None else (mailbox,)
        version = sight.version(numbers, flags=self.depends.flags)
        key = (self.tree, self.sort, self.collapses, reached.who is None, numbers)
        kept, stamp = results_of(sight), _stamp(sight, reached)
        held = kept.get(key) if self.is_fixed else None
        if held is not None and held.version == version:
            return Found(held.emails, stamp)
        room = room_of(sight)
        before = held.order if held is not None else None
        scope = EmailScope(sight, mailbox, wide=is_wide)
        emails, order = await self._search(turn, reached, list(sight.account.keywords), scope, before)
        if self.is_fixed:
            kept.put(key, Kept(version, emails, Before(order, scope.emails)), room)
        return Found(emails, stamp)

    async def _search(
        self, turn: Turn, reached: Reached, words: list[str], scope: EmailScope, before: Before | None
    ) -> tuple[Array, Array]:
        """Emails, and their rows in order. `words`: the account's keywords."""
        test = Compiler(lambda name: _number(turn, reached, name), words).compile(self.tree)
        host = EmailHost(turn.services, reached)
        finder = Finder(host, scope, Lookups(turn.services.indexes, reached.number))
        places = np.flatnonzero(await finder.run(test))
        order = places = await Orderer(host, finder, words).ordered(places, self.sort, before)
        if self.collapses:
            places = await collapsed(places, scope.rows.threads)
        return scope.emails[places], order.astype(np.int32)

    def _mailbox(self, turn: Turn, reached: Reached, sight: Sight) -> int | None:
        """The one that all of it is in, if it may be read."""
        name = only_mailbox(self.tree)
        number = None if name is None else _number(turn, reached, name)
        return number if number in sight.readable else None

    def _asks_other(self, mailbox: int | None, turn: Turn, reached: Reached) -> bool:
        """Whether it asks for more than the rows of one mailbox."""
        return any(
            leaf.in_mailbox_other_than is not UNSET
            or (leaf.in_mailbox is not UNSET and _number(turn, reached, leaf.in_mailbox) != mailbox)
            for leaf in leaves(self.tree)
            if isinstance(leaf, EmailCondition)
        )


def _kinds(reached: Reached) -> tuple[str, ...]:
    """What the state is of: for others than the owner rights count, which are the mailboxes'."""
    return ("Email",) if reached.who is None else ("Email", "Mailbox")


def _stamp(sight: Sight, reached: Reached) -> int:
    return max(map(sight.account.stamp, _kinds(reached)))


def _number(turn: Turn, reached: Reached, name: str) -> int | None:
    return reached.mailbox_of(turn.created.find(name) or "")


def _refers(leaf: object) -> bool:
    assert isinstance(leaf, EmailCondition)
    names = [] if leaf.in_mailbox_other_than is UNSET else list(leaf.in_mailbox_other_than)
    if leaf.in_mailbox is not UNSET:
        names.append(leaf.in_mailbox)
    return any(name.startswith("#") for name in names)
