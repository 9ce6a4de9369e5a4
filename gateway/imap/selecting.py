"""Choosing a mailbox and letting it go: SELECT, EXAMINE, CLOSE, UNSELECT.

The law: a SELECT that fails leaves no mailbox selected (RFC 3501 6.3.1).
"""

from gateway.imap.places import place
from gateway.imap.session import Ok, Session
from mail.imap import commands


async def select(session: Session, command: commands.Select) -> Ok:
    """RFC 3501 6.3.1."""
    return await _open(session, command.mailbox, read_only=False)


async def examine(session: Session, command: commands.Examine) -> Ok:
    """RFC 3501 6.3.2."""
    return await _open(session, command.mailbox, read_only=True)


async def close(session: Session, _command: commands.Close) -> Ok:
    r"""RFC 3501 6.4.2: messages with \Deleted go, and nothing is said of them."""
    hold = session.selected.hold
    if not hold.read_only:
        await hold.expunge()
    await session.leave()
    return Ok("CLOSE completed")


async def unselect(session: Session, _command: commands.Unselect) -> Ok:
    """RFC 3691."""
    await session.leave()
    return Ok("UNSELECT completed")


async def _open(session: Session, name: str, *, read_only: bool) -> Ok:
    await session.leave()  # also when there is no such place
    selection = await session.enter(await place(session, name), read_only=read_only)
    session.wire.write(selection.greeting())
    if read_only:
        return Ok("EXAMINE completed", "READ-ONLY")
    return Ok("SELECT completed", "READ-WRITE")
