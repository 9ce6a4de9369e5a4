"""How many messages one command handles (RFC 9738): of more, the newest, and the answer says from which UID on.

The law: the limit is far above what people do by hand, and who meets it is told how to go on.
"""

from gateway.imap.parts import Array
from gateway.imap.session import Session
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
