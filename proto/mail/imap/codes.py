"""Response codes of extensions, without their brackets; `render` has those of RFC 3501 and puts the brackets around.

The law: nothing of a message, a name or a password is in a code, but for the client's own tag.
"""

from collections.abc import Iterable

CLOSED = b"CLOSED"
"""RFC 7162 3.2.11, RFC 9051 7.1: what came before is of the mailbox that was selected until now."""
NOTIFICATION_OVERFLOW = b"NOTIFICATIONOVERFLOW"
"""RFC 5465 5.8."""
NOT_SAVED = b"NOTSAVED"
"""RFC 5182 2.5: the result of a search was not kept."""
TOO_FEW = b"TOOFEW"
"""RFC 10022: the batches would be smaller than this server makes them."""
TOO_MANY = b"TOOMANY"
"""RFC 10022: more messages than are put into batches at once."""
UID_REQUIRED = b"UIDREQUIRED"
"""RFC 9586: no sequence numbers after ENABLE UIDONLY."""
METADATA_TOO_MANY = b"METADATA TOOMANY"
"""RFC 5464 4.3: no room for another entry."""


def metadata_long_entries_code(size_bytes: int) -> bytes:
    """RFC 5464 4.2.1: how large the largest value is that was not told, as it is above MAXSIZE."""
    return b"METADATA LONGENTRIES %d" % size_bytes


def metadata_max_size_code(size_bytes: int) -> bytes:
    """RFC 5464 4.3: the largest value that would be taken."""
    return b"METADATA MAXSIZE %d" % size_bytes


def mailbox_id_code(object_id: str) -> bytes:
    """RFC 8474 4.1, 4.2."""
    return b"MAILBOXID (%b)" % object_id.encode("ascii")


def bad_event_code(events: Iterable[bytes]) -> bytes:
    """RFC 5465 3.1: the names of all events that can be asked for."""
    return b"BADEVENT (%b)" % b" ".join(events)


def message_limit_code(limit: int, lowest_uid: int | None = None) -> bytes:
    """RFC 9738 3.1: the most messages of one command, and the lowest UID done; None if nothing was."""
    return b"MESSAGELIMIT %d" % limit if lowest_uid is None else b"MESSAGELIMIT %d %d" % (limit, lowest_uid)


def in_progress_code(tag: bytes | None = None, done: int | None = None, goal: int | None = None) -> bytes:
    """RFC 9585 4: how far the command is. A goal, above 0, means nothing without what is done."""
    if tag is None and done is None:
        return b"INPROGRESS"
    quoted = b'"%b"' % tag if tag is not None else b"NIL"  # a tag has neither quotes nor backslashes
    counts = [b"%d" % count if count is not None else b"NIL" for count in (done, goal if done is not None else None)]
    return b"INPROGRESS (%b %b %b)" % (quoted, *counts)


def modified_code(messages: bytes) -> bytes:
    """RFC 7162 3.1.3: the numbers of the messages, UIDs in UID STORE, that were changed since; a set, not empty."""
    return b"MODIFIED " + messages


def no_update_code(tag: bytes) -> bytes:
    """RFC 5267 4.3.1: the search with this tag gets no updates."""
    return b'NOUPDATE "%b"' % tag


def url_mech_code(mechanisms: Iterable[bytes] = ()) -> bytes:
    """RFC 4467: how tokens are made, besides INTERNAL."""
    return b" ".join((b"URLMECH INTERNAL", *mechanisms))
