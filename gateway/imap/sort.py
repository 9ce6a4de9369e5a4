"""SORT and THREAD (RFC 5256; RFC 5267 3 for RETURN).

The law: both first search, and then arrange what was found, and nothing else: a message that was not found is in no
thread.
"""

import asyncio
from typing import Final

import numpy as np

from actors.search.brief import Columns
from gateway.imap.bounds import all_searched
from gateway.imap.finding import Finder
from gateway.imap.ordering import arrived, ordered, sent
from gateway.imap.parts import Array
from gateway.imap.returns import answer, answer_plainly, saving
from gateway.imap.search import asks_mod_sequence, finder_of, results_of
from gateway.imap.session import Ok, Session
from gateway.imap.updates import Wish
from mail.imap import commands
from mail.imap.results import thread_line
from mail.message import threading

_THREADED_ABOVE: Final = 2000  # messages: 20 ms to thread, and less to write


async def sort(session: Session, command: commands.Sort) -> Ok:
    """RFC 5256 3, RFC 5267 3."""
    selection, returns = session.selected, command.returns
    with saving(selection, returns):
        asks_mod_sequence(session, command.key)
        wish = Wish.of(session, command.key, returns, uid=command.uid, criteria=command.criteria)
        all_searched(session, selection, command.key)
        finder = finder_of(session, selection)
        found = await finder.find(command.key)
        places = await ordered(session, finder, np.flatnonzero(found.mask), command.criteria, found.scores)
        results = results_of(finder, found, places, command.key)
        if returns is None:
            await answer_plainly(session, selection, b"SORT", results, uid=command.uid)
        else:
            await answer(session, selection, results, returns, uid=command.uid)
        if wish is not None:
            wish.begin(finder.scope, results.rows)
    return Ok("SORT completed")


async def thread(session: Session, command: commands.Thread) -> Ok:
    """RFC 5256 3."""
    selection = session.selected
    asks_mod_sequence(session, command.key)
    all_searched(session, selection, command.key)
    finder = finder_of(session, selection)
    found = await finder.find(command.key)
    places = np.flatnonzero(found.mask)

    async def work() -> Array:
        briefs = await finder.briefs(places) if len(places) else None
        if briefs is None:
            return np.empty(0, np.int32)
        if len(places) > _THREADED_ABOVE:
            return await asyncio.to_thread(_threads, command.algorithm, finder, places, briefs)
        return _threads(command.algorithm, finder, places, briefs)

    what = (selection.account, selection.hold.info.id, command.algorithm)
    tokens = await session.services.arrangements.of(what, finder.scope.uids[places], work)
    rows = finder.scope.rows[places]
    numbers = selection.uids[rows].astype(np.int64) if command.uid else rows + 1
    if len(places):
        tokens = np.where(tokens >= 0, numbers[np.maximum(tokens, 0)], tokens)
    if len(places) > _THREADED_ABOVE:
        session.wire.write(await asyncio.to_thread(thread_line, tokens.tolist()))
    else:
        session.wire.write(thread_line(tokens.tolist()))
    return Ok("THREAD completed")


def _threads(algorithm: str, finder: Finder, places: Array, briefs: Columns) -> Array:
    """`threading.nested` of the rows' threads."""
    dates = sent(finder, places, briefs)
    if algorithm == "ORDEREDSUBJECT":
        forest = threading.ordered_subject(briefs.subject.used().rows(), dates)
    else:
        ids = [one or None for one in briefs.ids.tolist()]
        parents = briefs.parents_of()
        if algorithm == "REFS":
            forest = threading.refs(ids, parents, dates, arrived(finder, places))
        else:
            forest = threading.references(ids, parents, dates, briefs.subject.used().rows(), briefs.replies.tolist())
    return np.array(threading.nested(forest), np.int32)
