"""ESEARCH: a search in several mailboxes (RFC 7377), one's own and those that others share.

The law: no mailbox is selected or left by it, and no message stops being new; of a mailbox in which nothing is found,
that is not there or that the client may not read, nothing is said.
"""

from typing import Final

import numpy as np

from cluster.errors import NotFound, Refused
from gateway.access.finding.lookups import Lookups
from gateway.imap.parts import Place
from gateway.imap.returns import answer, saving
from gateway.imap.search import asks_mod_sequence, finder_of, results_of
from gateway.imap.selected import Selection
from gateway.imap.session import Ok, Session
from gateway.imap.sources import places_of
from gateway.imap.troubles import Bad, No
from gateway.imap.updates import Wish
from mail.imap import commands
from mail.imap.esearch import SearchSource, SourceKind
from mail.imap.results import Searched
from mail.imap.returning import ReturnOption

MAILBOXES_MAX: Final = 1000  # of one search: opening each takes a millisecond


async def esearch(session: Session, command: commands.Esearch) -> Ok:
    """RFC 7377 2."""
    selected = SearchSource(SourceKind.SELECTED) in command.sources
    if session.selection is None and (selected or ReturnOption.UPDATE in command.returns.options):
        raise Bad("No mailbox is selected")
    asks_mod_sequence(session, command.key)
    with saving(session.selection, command.returns):
        work = _Search(session, command)
        places = await places_of(session, command.sources)
        if len(places) > MAILBOXES_MAX:
            raise No(f"These are more than {MAILBOXES_MAX} mailboxes", "LIMIT")
        if selected and session.selected.readable:
            await work.of_selection(session.selected)
        session.progress.goal = len(places)
        for number, place in enumerate(places):
            session.progress.done = number
            await work.of_place(place)
        work.finish()
    return Ok("ESEARCH completed")


class _Search:
    """One ESEARCH under way."""

    def __init__(self, session: Session, command: commands.Esearch) -> None:
        self._session = session
        self._command = command
        self._lookups: dict[int, Lookups] = {}
        self._done: set[tuple[int, int]] = set()
        searched = _searched(session.selection) if session.selection is not None else None
        self._wish = Wish.of(session, command.key, command.returns, uid=True, searched=searched)

    async def of_place(self, place: Place) -> None:
        """Search a mailbox that is opened for it, unless it was searched already."""
        mail = self._session.services.mail
        try:
            hold = await mail.select(place.account, place.name, read_only=True, changed=_nothing, who=place.who)
        except (NotFound, Refused):
            return
        selected = self._session.selection
        is_selected = selected is not None and (selected.account, selected.hold.info.id) == (
            place.account,
            hold.info.id,
        )
        try:
            await self.of_selection(selected if selected is not None and is_selected else Selection(hold, place))
        finally:
            await hold.close()
        await self._session.wire.drain()

    async def of_selection(self, selection: Selection) -> None:
        """Search what is open, and say what was found."""
        session, command = self._session, self._command
        mailbox = (selection.account, selection.hold.info.id)
        if mailbox in self._done:
            return
        self._done.add(mailbox)
        lookups = self._lookups.setdefault(selection.account, Lookups(session.services.indexes, selection.account))
        finder = finder_of(session, selection, lookups, "part")
        found = await finder.find(command.key)
        results = results_of(finder, found, np.flatnonzero(found.mask), command.key)
        if len(results):
            await answer(session, selection, results, command.returns, uid=True, searched=_searched(selection))
        elif ReturnOption.SAVE in command.returns.options:
            selection.forget()
        if self._wish is not None and selection is session.selection:
            self._wish.begin(finder.scope, results.rows)
            self._wish = None

    def finish(self) -> None:
        """Updates are of the selected mailbox only (RFC 7377 2.2): else there are none."""
        if self._wish is not None:
            self._wish.refuse()


def _searched(selection: Selection) -> Searched:
    return Searched(selection.name, selection.hold.info.uidvalidity)


def _nothing() -> None:
    pass
