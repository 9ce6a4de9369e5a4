"""SEARCH (RFC 3501 6.4.4): what the columns decide costs no message; the rest is read in batches.

The law: the answer is of one moment for flags, numbers and dates (that of the command's start); the event loop is
shared fairly however much there is to read.
"""

import asyncio
from typing import Final

import numpy as np

from actors.mailbox.client import Message
from cluster.errors import NotFound
from gateway.imap.matching import Candidate, Scope, Test, compile_key
from gateway.imap.parts import Pace
from gateway.imap.session import Ok, Session
from mail.imap import commands, render

_THREADED_ABOVE_BYTES: Final = 128 * 1024  # each of hundreds of keys looks through all of it: not on the event loop
_BATCH: Final = 200  # messages read at a time, as for FETCH


async def search(session: Session, command: commands.Search) -> Ok:
    """RFC 3501 6.4.4. Messages that another session expunged are not found any more (RFC 2180 4.3)."""
    selection = session.selected
    rows, places = selection.locate(np.arange(len(selection.uids)))
    index = selection.hold.view.index
    scope = Scope(selection, rows, index.flags[places], index.sizes[places], index.dates[places])
    emails = index.emails[places]
    test = compile_key(command.key, scope)
    sure, possible = test.bounds()
    open_rows = np.flatnonzero(possible & ~sure)
    found = sure.copy()
    work = _Search(session, test)
    for start in range(0, len(open_rows), _BATCH):
        batch = open_rows[start : start + _BATCH]
        for row in await work.batch(batch.tolist(), emails[batch].tolist()):
            found[row] = True
    hits = rows[found]
    numbers = selection.uids[hits] if command.uid else hits + 1
    session.wire.write(render.search_line(numbers.tolist()))
    return Ok("SEARCH completed")


class _Search:
    """One SEARCH under way, over what the columns could not decide."""

    def __init__(self, session: Session, test: Test) -> None:
        self._session = session
        self._test = test
        self._pace = Pace(session.services.clock)

    async def batch(self, rows: list[int], emails: list[int]) -> list[int]:
        """Those of the rows that match."""
        messages = await self._session.services.mail.messages(self._session.selected.account, emails)
        found = []
        for row, message in zip(rows, messages, strict=True):
            if message is not None and await self._matches(row, message):
                found.append(row)
            await self._pace.breathe()
        await self._session.wire.drain()  # ends a search whose client has gone
        return found

    async def _matches(self, row: int, message: Message) -> bool:
        answer = self._test.decide(row, Candidate(message.record))
        if answer is None:
            try:
                raw = await self._session.services.mail.content(message)
            except NotFound:  # expunged, and swept, since the search began
                return False
            candidate = Candidate(message.record, raw)
            if len(raw) > _THREADED_ABOVE_BYTES:
                answer = await asyncio.to_thread(self._test.decide, row, candidate)
            else:
                answer = self._test.decide(row, candidate)
        return bool(answer)
