"""Choosing a mailbox and letting it go: SELECT, EXAMINE, CLOSE, UNSELECT.

The law: a SELECT that fails leaves no mailbox selected (RFC 3501 6.3.1); CLOSED stands between what is said of the
mailbox before and of the one now (RFC 7162 3.2.11). What it says of the mailbox is what this client may do with it
(RFC 4314 5).
"""

from actors.mailbox.rights import EXPUNGE
from gateway.access.ids import mailbox_id
from gateway.imap import resync
from gateway.imap.listing import line_of
from gateway.imap.places import place
from gateway.imap.session import Ok, Session
from mail.imap import codes, commands, render


async def select(session: Session, command: commands.Select) -> Ok:
    """RFC 3501 6.3.1."""
    return await _open(session, command, read_only=False)


async def examine(session: Session, command: commands.Examine) -> Ok:
    """RFC 3501 6.3.2."""
    return await _open(session, command, read_only=True)


async def close(session: Session, _command: commands.Close) -> Ok:
    r"""RFC 3501 6.4.2: messages with \Deleted go, and nothing is said of it, nor HIGHESTMODSEQ (RFC 7162 3.2.8)."""
    hold = session.selected.hold
    if not hold.read_only and EXPUNGE in hold.rights:  # RFC 4314 4: without that right nothing goes
        await hold.expunge()
    await session.leave()
    return Ok("CLOSE completed")


async def unselect(session: Session, _command: commands.Unselect) -> Ok:
    """RFC 3691."""
    await session.leave()
    return Ok("UNSELECT completed")


async def _open(session: Session, command: commands.Select | commands.Examine, *, read_only: bool) -> Ok:
    if command.qresync is not None:
        resync.check(session, command.qresync)
    was_selected = session.selection is not None
    if was_selected:
        await session.leave()  # also when there is no such place
    if command.condstore:
        session.enable(("CONDSTORE",))
    try:
        where = await place(session, command.mailbox)
        selection = await session.enter(where, read_only=read_only)
    finally:
        if was_selected:  # with what follows it, in one piece
            session.answer(b"*", b"OK", "The mailbox that was selected is not any more", codes.CLOSED.decode())
    session.wire.write(selection.greeting())
    object_id = mailbox_id(where.account, selection.hold.info.id)
    session.wire.write(render.untagged_line(b"OK", "Its name for ever", codes.mailbox_id_code(object_id)))
    if session.rev2:  # RFC 9051 6.3.2
        session.wire.write(await line_of(session, where, asked=command.mailbox))
    told = await resync.catch_up(session, command.qresync) if command.qresync is not None else None
    if read_only:
        return Ok("EXAMINE completed", "READ-ONLY", told)
    return Ok("SELECT completed", "READ-ONLY" if selection.hold.read_only else "READ-WRITE", told)
