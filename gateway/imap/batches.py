"""UIDBATCHES (RFC 10022): ranges of UIDs with so many messages each, the newest first.

The law: the ranges of all batches together are 1 up to the highest UID, each UID in one of them.
"""

from typing import Final

from gateway.imap.session import Ok, Session
from gateway.imap.troubles import No
from mail.imap import codes, commands
from mail.imap.results import uid_batches_line

SIZE_MIN: Final = 500  # RFC 10022 3.1.3: what a server has to take; smaller ones are no help to anybody


async def uid_batches(session: Session, command: commands.UidBatches) -> Ok:
    """A batch holds no more than one command may handle (RFC 9738)."""
    if command.size < SIZE_MIN:
        raise No(f"A batch has {SIZE_MIN} messages or more", codes.TOO_FEW.decode())
    size = min(command.size, session.services.settings.message_limit)
    uids = session.selected.uids
    count = -(-len(uids) // size)
    first, last = command.batches or (1, count)
    ranges = []
    for batch in range(first, min(last, count) + 1):
        high = len(uids) - (batch - 1) * size  # rows below it are in this batch or in a later one
        low = high - size
        top = int(uids[high - 1]) if batch == 1 else int(uids[high]) - 1
        ranges.append((top, int(uids[low]) if low > 0 else 1))
    session.wire.write(uid_batches_line(session.progress.tag, ranges))
    return Ok("UIDBATCHES completed")
