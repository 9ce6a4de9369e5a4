"""SEARCH (RFC 3501 6.4.4, RFC 4731, RFC 9051 6.4.4), and what SORT and THREAD have in common with it.

The law: what is searched is what the client knows of the mailbox; messages that another session expunged are not found
any more (RFC 2180 4.3).
"""

import numpy as np

from gateway.imap.finding import Finder, Found
from gateway.imap.lookups import Lookups
from gateway.imap.masks import scope_of
from gateway.imap.parts import Array
from gateway.imap.progress import Progress
from gateway.imap.returns import Results, answer, has_mod_sequence, leaves, number_line, saving, which_of
from gateway.imap.selected import Selection
from gateway.imap.session import Ok, Session
from gateway.imap.troubles import Bad
from gateway.imap.updates import Wish
from mail.imap import commands
from mail.imap import search as key
from mail.imap.codes import UID_REQUIRED
from mail.imap.returning import RETURN_ALL


async def search(session: Session, command: commands.Search) -> Ok:
    """RFC 3501 6.4.4. Since IMAP4rev2 was enabled the answer is always ESEARCH (RFC 9051 6.4.4)."""
    selection = session.selected
    returns = RETURN_ALL if command.returns is None and session.rev2 else command.returns
    with saving(selection, returns):
        check_uids(session, command.key, uid=command.uid)
        wish = Wish.of(session, command.key, returns, uid=command.uid)
        finder = finder_of(session, selection)
        found = await finder.find(command.key, which_of(returns))
        results = results_of(finder, found, np.flatnonzero(found.mask), command.key)
        if returns is None:
            numbers = selection.uids[results.rows] if command.uid else results.rows + 1
            await number_line(session, b"SEARCH", numbers, results.highest)
        else:
            await answer(session, selection, results, returns, uid=command.uid)
        if wish is not None:
            wish.begin(finder.scope, results.rows)
    return Ok("SEARCH completed")


def check_uids(session: Session, wanted: key.SearchKey, *, uid: bool) -> None:
    """After ENABLE UIDONLY sequence numbers are used in neither direction (RFC 9586 3)."""
    if not session.uidonly:
        return
    if not uid or any(isinstance(one, key.SeqSet) and not one.messages.saved for one in leaves(wanted)):
        raise Bad("Only UIDs are in use", UID_REQUIRED.decode())


def finder_of(
    session: Session, selection: Selection, lookups: Lookups | None = None, progress: Progress | None = None
) -> Finder:
    """For a search in all that the client knows of a mailbox."""
    now_ms = session.services.clock.now_ms()
    scope = scope_of(selection, np.arange(len(selection.uids)), now_ms=now_ms, own=session.account)
    return Finder(session, scope, lookups or Lookups(session, selection.account), progress or Progress(session))


def results_of(finder: Finder, found: Found, places: Array, wanted: key.SearchKey) -> Results:
    """What was found at these rows of the scope, in their order."""
    return Results(
        finder.scope.rows[places],
        finder.scope.modseqs[places] if has_mod_sequence(wanted) else None,
        found.scores[places] if found.scores is not None else None,
    )
