"""COPY and MOVE, with COPYUID (RFC 3501 6.4.7, RFC 6851, RFC 4315 3).

The law: all or nothing; after a MOVE no message is in both mailboxes or in none.
"""

from actors.mailbox.types import Added, Ranges
from gateway.imap.parts import Place
from gateway.imap.places import place, readable
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
    target = await _target(session, command.mailbox)
    if not len(alive):
        await _must_exist(session, target)
        return Ok("COPY completed")
    added = await selection.hold.copy(selection.ranges(alive), target.name)
    return Ok("COPY completed", copyuid(added) if await readable(session, target) else "")


async def move(session: Session, command: commands.Move) -> Ok:
    """RFC 6851 3.3: COPYUID comes untagged, before the EXPUNGE responses that the answer brings with it."""
    selection = writable(session)
    rows = selection.resolve(command.messages, uid=command.uid)
    alive, _ = selection.locate(rows)
    if len(alive) < len(rows) and not command.uid:
        raise No("Some of the messages were expunged", "EXPUNGEISSUED")
    target = await _target(session, command.mailbox)
    if not len(alive):
        await _must_exist(session, target)
        return Ok("MOVE completed")
    added = await selection.hold.copy(selection.ranges(alive), target.name, move=True)
    if (code := copyuid(added)) and await readable(session, target):
        session.answer(b"*", b"OK", "Moved", code)
    return Ok("MOVE completed")


def copyuid(added: Added) -> str:
    """The response code, empty when nothing was copied."""
    if not added.uids:
        return ""
    return f"COPYUID {added.uidvalidity} {uid_set(added.source)} {uid_set(added.uids)}"


def uid_set(ranges: Ranges) -> str:
    """The ranges as IMAP writes them; they are ascending."""
    return bytes(seqset.SequenceSet(ranges)).decode()


async def _target(session: Session, name: str) -> Place:
    """Where the messages go."""
    target = await place(session, name)
    if target.account != session.selected.account:
        raise No("Messages cannot be copied into another account", "CANNOT")
    return target


async def _must_exist(session: Session, target: Place) -> None:
    """A missing target is told even if there is nothing to copy."""
    tree = await session.services.mail.tree(target.account, target.who)
    if tree.find(target.name) is None:
        raise No("There is no mailbox of that name.", "TRYCREATE")
