"""How many messages one command handles (RFC 9738): of more, the newest, and the answer says from which UID on.

The law: the limit is far above what people do by hand, and who meets it is told how to go on.
"""

import numpy as np

from gateway.imap.parts import Array
from gateway.imap.selected import Selection
from gateway.imap.session import Session
from gateway.imap.troubles import No
from mail.imap import search as key
from mail.imap.codes import message_limit_code


def within(session: Session, rows: Array, most: int = 0) -> tuple[Array, str]:
    """The rows, or the last of them and the response code for that. `most`: if the command has a limit of its own."""
    limit = session.services.settings.message_limit
    limit = min(limit, most) if most else limit
    if len(rows) <= limit:
        return rows, ""
    kept = rows[-limit:]
    return kept, message_limit_code(limit, int(session.selected.uids[kept[0]])).decode()


def note(session: Session, code: str) -> None:
    """Say the code untagged, because the tagged answer has another (RFC 9738 3.1)."""
    if code:
        session.answer(b"*", b"NO", "Only the newest of the messages", code)


def searched(session: Session, selection: Selection, wanted: key.SearchKey) -> tuple[Array, str]:
    """The rows in which to look, and the code if these are not all: what is searched counts, not what is found. Sets of
    messages that all of it has to be in say what that is."""
    rows = np.arange(len(selection.uids))
    if len(rows) <= session.services.settings.message_limit:
        return rows, ""
    meant = np.ones(len(rows), bool)
    for one in key.conjuncts(wanted):
        match one:
            case key.SeqSet(messages):
                meant &= selection.mask(messages, uid=False)
            case key.UidSet(messages):
                meant &= selection.mask(messages, uid=True)
            case key.UidAfter(uid):
                meant &= selection.uids > uid
            case key.UidBefore(uid):
                meant &= selection.uids < uid
    kept, code = within(session, np.flatnonzero(meant))
    return (kept, code) if code else (rows, "")


def all_searched(session: Session, selection: Selection, wanted: key.SearchKey) -> None:
    """Raises No where that is not possible: some of a mailbox in order, or in threads, helps nobody (RFC 9738 3.3)."""
    if searched(session, selection, wanted)[1]:
        code = message_limit_code(session.services.settings.message_limit).decode()
        raise No("Narrow it down with UIDAFTER or UIDBEFORE", code)
