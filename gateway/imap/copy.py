"""COPY and MOVE, with COPYUID (RFC 3501 6.4.7, RFC 6851, RFC 4315 3).

The law: all or nothing; after a MOVE no message is in both mailboxes or in none.
"""

from actors.mailbox.types import COPY_MAX, Added, Ranges
from gateway.imap.bounds import refuse_copy, within
from gateway.imap.session import Ok, Session
from gateway.imap.store import writable
from gateway.imap.troubles import No
from mail.imap import commands, seqset


async def copy(session: Session, command: commands.Copy) -> Ok:
    """RFC 3501 6.4.7."""
    selection = session.selected
    rows = selection.resolve(command.messages, uid=command.uid)
    alive, _ = selection.locate(rows)
    if len(alive) < len(rows) and not command.uid:
        raise No("Some of the messages were expunged", "EXPUNGEISSUED")  # RFC 2180 4.4.1: nothing is copied
    if not len(alive):
        await _must_exist(session, command.mailbox)
        return Ok("COPY completed")
    refuse_copy(session, alive)
    added = await selection.hold.copy(selection.ranges(alive), command.mailbox)
    return Ok("COPY completed", copyuid(added))


async def move(session: Session, command: commands.Move) -> Ok:
    """RFC 6851 3.3: COPYUID comes untagged, before the EXPUNGE responses that the answer brings with it."""
    selection = writable(session)
    rows = selection.resolve(command.messages, uid=command.uid)
    alive, _ = selection.locate(rows)
    if len(alive) < len(rows) and not command.uid:
        raise No("Some of the messages were expunged", "EXPUNGEISSUED")
    if not len(alive):
        await _must_exist(session, command.mailbox)
        return Ok("MOVE completed")
    alive, limit = within(session, alive, COPY_MAX)
    added = await selection.hold.copy(selection.ranges(alive), command.mailbox, move=True)
    if code := copyuid(added):
        session.answer(b"*", b"OK", "Moved", code)
    return Ok("MOVE completed", limit, highest=bool(added.uids))


def copyuid(added: Added) -> str:
    """The response code, empty when nothing was copied."""
    if not added.uids:
        return ""
    return f"COPYUID {added.uidvalidity} {uid_set(added.source)} {uid_set(added.uids)}"


def uid_set(ranges: Ranges) -> str:
    """The ranges as IMAP writes them; they are ascending."""
    return bytes(seqset.SequenceSet(ranges)).decode()


async def _must_exist(session: Session, name: str) -> None:
    """A missing target is told even if there is nothing to copy."""
    tree = await session.services.mail.tree(session.account)
    if tree.find(name) is None:
        raise No("There is no such mailbox", "TRYCREATE")
