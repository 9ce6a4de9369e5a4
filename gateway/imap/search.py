"""SEARCH (RFC 3501 6.4.4, RFC 4731, RFC 9051 6.4.4), and what SORT and THREAD have in common with it.

The law: what is searched is what the client knows of the mailbox; messages that another session expunged are not found
any more (RFC 2180 4.3).
"""

import numpy as np

from gateway.access.finding.lookups import Lookups
from gateway.imap.bounds import searched
from gateway.imap.finding import Finder, Found, Role
from gateway.imap.masks import scope_of
from gateway.imap.parts import Array
from gateway.imap.returns import Results, answer, answer_plainly, has_mod_sequence, saving, which_of
from gateway.imap.selected import Selection
from gateway.imap.session import Ok, Session
from gateway.imap.updates import Wish
from mail.imap import commands
from mail.imap import search as key
from mail.imap.returning import RETURN_ALL


async def search(session: Session, command: commands.Search) -> Ok:
    """RFC 3501 6.4.4. Since IMAP4rev2 was enabled the answer is always ESEARCH (RFC 9051 6.4.4)."""
    selection = session.selected
    returns = RETURN_ALL if command.returns is None and session.rev2 else command.returns
    with saving(selection, returns):
        asks_mod_sequence(session, command.key)
        wish = Wish.of(session, command.key, returns, uid=command.uid)
        rows, limit = searched(session, selection, command.key)
        finder = finder_of(session, selection, rows=rows)
        found = await finder.find(command.key, which_of(returns))
        results = results_of(finder, found, np.flatnonzero(found.mask), command.key)
        if returns is None:
            await answer_plainly(session, selection, b"SEARCH", results, uid=command.uid)
        else:
            await answer(session, selection, results, returns, uid=command.uid)
        if wish is not None and limit:
            wish.refuse()  # of what was not searched nobody knows whether it is in
        elif wish is not None:
            wish.begin(finder.scope, results.rows)
    return Ok("SEARCH completed", limit)


def asks_mod_sequence(session: Session, wanted: key.SearchKey) -> None:
    """Who looks for MODSEQs wants to be told of them from then on (RFC 7162 3.1)."""
    if has_mod_sequence(wanted):
        session.enable(("CONDSTORE",))


def finder_of(
    session: Session,
    selection: Selection,
    lookups: Lookups | None = None,
    role: Role = "command",
    rows: Array | None = None,
) -> Finder:
    """For a search in all that the client knows of a mailbox, or in some rows of it."""
    now_ms = session.services.clock.now_ms()
    rows = np.arange(len(selection.uids)) if rows is None else rows
    scope = scope_of(selection, rows, now_ms=now_ms)
    return Finder(session, scope, lookups or Lookups(session.services.indexes, selection.account), role)


def results_of(finder: Finder, found: Found, places: Array, wanted: key.SearchKey) -> Results:
    """What was found at these rows of the scope, in their order."""
    return Results(
        finder.scope.rows[places],
        finder.scope.modseqs[places] if has_mod_sequence(wanted) else None,
        found.scores[places] if found.scores is not None else None,
    )
