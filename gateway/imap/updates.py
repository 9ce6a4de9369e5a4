"""Updates of contexts (RFC 5267 4.3): which changed messages have come into a search's result, and which have left it.

The law: only what changed or is new is looked at, so many messages at a time; what is said follows the EXISTS and FETCH
that caused it. While no command runs, nothing is said but in IDLE or with NOTIFY, and then by the connection, as a
command of its own. What cannot be read now is tried again later.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import numpy as np

from cluster.errors import Trouble
from gateway.access.finding.lookups import Lookups
from gateway.access.finding.matching import questions
from gateway.imap.contexts import Context, Contexts
from gateway.imap.fetch import fetch
from gateway.imap.finding import Finder
from gateway.imap.inserting import Insertion
from gateway.imap.masks import Scope, scope_of
from gateway.imap.matching import compile_key
from gateway.imap.ordering import sort_keys
from gateway.imap.parts import Array
from gateway.imap.selected import Selection
from gateway.imap.session import Ok, Session
from gateway.imap.troubles import Bad, No
from mail.imap import commands
from mail.imap import search as key
from mail.imap.codes import no_update_code
from mail.imap.results import Searched
from mail.imap.returning import ReturnOption, SearchReturn
from mail.imap.seqset import STAR, SequenceSet
from mail.imap.sorting import SortCriterion, SortKey

_READ_AT_ONCE: Final = 500  # messages looked at for a command that is about to be answered
_FROZEN_RANGES_MAX: Final = 10_000  # in the sets of a key


@dataclass(frozen=True, slots=True)
class Wish:
    """UPDATE, asked for by the command that runs. Its sets of messages are those of the command's start."""

    session: Session
    wanted: key.SearchKey | None  # None: too large to be kept
    returns: SearchReturn
    uid: bool
    criteria: tuple[SortCriterion, ...]
    searched: Searched | None

    @classmethod
    def of(
        cls,
        session: Session,
        wanted: key.SearchKey,
        returns: SearchReturn | None,
        *,
        uid: bool,
        criteria: tuple[SortCriterion, ...] = (),
        searched: Searched | None = None,
    ) -> "Wish | None":
        """Raises Bad where the tag has updates already (RFC 5267 4.3)."""
        if returns is None or ReturnOption.UPDATE not in returns.options:
            return None
        contexts = session.selected.contexts
        if contexts is not None and session.progress.tag in contexts.all:
            raise Bad("There is a search with this tag that tells its updates")
        return cls(session, _frozen(wanted, session.selected), returns, uid, criteria, searched)

    def begin(self, scope: Scope, rows: Array) -> None:
        """From now on what changes is told; or NOUPDATE. `rows`: what was found in the scope, in order."""
        session, selection = self.session, self.session.selected
        if selection.contexts is None:
            selection.contexts = Contexts(scope.uids)
        contexts = selection.contexts
        by_relevancy = any(criterion.key is SortKey.RELEVANCY for criterion in self.criteria)
        if self.wanted is None or by_relevancy or not contexts.has_room(len(rows)):
            self.refuse()
            return
        newest = int(selection.uids[-1]) if len(selection.uids) else 0
        contexts.all[session.progress.tag] = Context(
            session.progress.tag,
            self.uid or session.uidonly,
            self.wanted,
            self.criteria,
            self.returns.update_items,
            self.searched,
            selection.uids[rows],
            scope.modseq,
            newest,
            newest,
            scope.now_s,
            selection.uids[:0],
            newest,
        )

    def refuse(self) -> None:
        """RFC 5267 4.3.1."""
        self.session.answer(b"*", b"NO", "There will be no updates", no_update_code(self.session.progress.tag).decode())


async def cancel_update(session: Session, command: commands.CancelUpdate) -> Ok:
    """RFC 5267 4.3.5."""
    contexts = session.selected.contexts
    if contexts is None or not contexts.cancel(command.tags):
        raise No("There is no search with such a tag that tells its updates")
    return Ok("CANCELUPDATE completed")


async def catch_up(session: Session) -> bool:
    """Tell what has changed; whether there is more to look at. Run by a command, or like one: nothing else is said."""
    selection = session.selection
    if selection is None or selection.contexts is None or session.ended or not selection.readable:
        return False
    left = False
    for context in list(selection.contexts.all.values()):
        try:
            await _news(session, selection, context)
        except Trouble as trouble:  # it stays due
            session.log.warning("imap.context", trouble=type(trouble).__name__, detail=trouble.log)
            continue
        left = left or len(context.due) > 0
    return left


def has_news(session: Session) -> bool:
    """Whether there are contexts, and the client hears of them while no command runs: in IDLE, or with NOTIFY."""
    selection, notices = session.selection, session.notices
    if selection is None or selection.contexts is None or not selection.contexts.all:
        return False
    return session.idling is not None if notices is None else notices.wishes.selected is not None


async def tell(session: Session) -> None:
    """Between commands: tell some of what has changed, and later of the rest."""
    if has_news(session) and await catch_up(session):
        session.wire.news()


async def _news(session: Session, selection: Selection, context: Context) -> None:
    """Say ADDTO and REMOVEFROM of one context."""
    now_ms = session.services.clock.now_ms()
    _collect(selection, context, now_ms // 1000)
    if not len(context.due):
        return
    judged = context.due
    if questions(compile_key(context.key)):
        judged = judged[:_READ_AT_ONCE]
    scope = _scope(session, selection, judged)
    found = await Finder(session, scope, Lookups(session.services.indexes, selection.account)).find(context.key)
    new, was_judged = scope.uids[found.mask], context.judged
    context.judged = max(was_judged, int(judged[-1]))
    await _fetched(session, selection, context, new[(new > was_judged) & ~np.isin(new, context.members)])
    context.due = context.due[len(judged) :]
    session.wire.write(_left(selection))
    session.wire.write(context.remove(scope.uids[~found.mask], selection))
    added = scope.uids[found.mask]
    added = added[~np.isin(added, context.members) & np.isin(added, selection.hold.view.index.uids)]
    if context.criteria:
        context.due = np.union1d(context.due, added)  # until they are said
        await _insert(session, selection, context, added)
    elif len(added):
        session.wire.write(context.add(added, np.searchsorted(context.members, added), selection))


async def _insert(session: Session, selection: Selection, context: Context, added: Array) -> None:
    """ADDTO at the right positions. What others expunge meanwhile leaves first."""
    insertion = Insertion([criterion.reverse for criterion in context.criteria])
    insertion.keys.update(await sort_keys(session, _scope(session, selection, added), context.criteria))
    while len(added):
        session.wire.write(_left(selection))
        added = added[np.isin(added, selection.hold.view.index.uids)]
        places = insertion.into(context.members, added)
        if not places.missing:
            context.due = np.setdiff1d(context.due, added, assume_unique=True)
            if len(added):
                session.wire.write(context.add(places.uids, places.places, selection))
            return
        members = np.array(sorted(places.missing), np.uint32)
        read = await sort_keys(session, _scope(session, selection, members), context.criteria)
        insertion.keys.update(read)
        if not places.missing <= read.keys():  # gone, and the mailbox does not say so yet
            return


async def _fetched(session: Session, selection: Selection, context: Context, new: Array) -> None:
    """What UPDATE asks for of messages that are new, before it is said that they are in (RFC 5465 7)."""
    if not context.items or not len(new):
        return
    ranges = selection.ranges(np.searchsorted(selection.uids, new))
    with suppress(No):  # of some it cannot be told
        await fetch(session, commands.Fetch(SequenceSet(ranges), context.items, uid=True))


def _left(selection: Selection) -> bytes:
    return b"" if selection.contexts is None else selection.contexts.leave(selection)


def _scope(session: Session, selection: Selection, uids: Array) -> Scope:
    """Those of these messages, ascending, that the client knows and that are there."""
    rows = np.searchsorted(selection.uids, uids)
    there = rows < len(selection.uids)
    there[there] = selection.uids[rows[there]] == uids[there]
    return scope_of(selection, rows[there], now_ms=session.services.clock.now_ms())


def _collect(selection: Selection, context: Context, now_s: int) -> None:
    """Add what came, what changed, and what a moment has passed, to what is due."""
    index, uids = selection.hold.view.index, selection.uids
    parts = [context.due, uids[int(np.searchsorted(uids, context.last, "right")) :]]
    if context.modseq < selection.hold.view.modseq:
        changed = index.uids[index.modseqs > context.modseq]
        parts.append(changed[changed <= context.last])
        context.modseq = selection.hold.view.modseq
    newest = int(uids[-1]) if len(uids) else 0
    for one in key.leaves(context.key):
        if isinstance(one, (key.Older, key.Younger)):
            seconds = index.dates // 1000
            passed = (seconds >= context.moment_s - one.seconds) & (seconds <= now_s - one.seconds)
            parts.append(index.uids[passed & (index.uids <= context.last)])
        elif (
            isinstance(one, key.UidSet)
            and newest != context.newest
            and any(STAR in pair for pair in one.messages.ranges)
        ):
            parts.append(np.array([context.newest, newest], np.uint32))
    context.last, context.newest, context.moment_s = max(context.last, newest), newest, now_s
    context.due = np.unique(np.concatenate(parts)) if any(map(len, parts)) else context.due


def _frozen(wanted: key.SearchKey, selection: Selection) -> key.SearchKey | None:
    """The key with sequence numbers and `$` as the UIDs that they are now (RFC 5267 4.3); None: too large."""
    left = [_FROZEN_RANGES_MAX]

    def frozen(one: key.SearchKey) -> key.SearchKey:
        match one:
            case key.And(keys):
                return key.And(tuple(map(frozen, keys)))
            case key.Or(first, second):
                return key.Or(frozen(first), frozen(second))
            case key.Not(inner):
                return key.Not(frozen(inner))
            case key.Fuzzy(inner):
                return key.Fuzzy(frozen(inner))
            case key.SeqSet(messages) | key.UidSet(messages) if messages.saved or isinstance(one, key.SeqSet):
                rows = np.flatnonzero(selection.mask(messages, uid=isinstance(one, key.UidSet)))
                ranges = selection.ranges(rows)
                left[0] -= len(ranges)
                return key.UidSet(SequenceSet(ranges if left[0] >= 0 else ()))
        return one

    kept = frozen(wanted)
    return kept if left[0] >= 0 else None
