"""Commands about messages: STAT, LIST, UIDL, RETR, TOP, DELE, RSET.

The law: a listing touches no message; what is written ahead of the client is bounded; a message that another session
removed meanwhile is told as gone.
"""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from cluster.errors import NotFound
from gateway.access.parts import Array
from gateway.pop3.session import Ok, Session
from gateway.pop3.troubles import Err
from mail.message.surrogate import Surrogate, surrogate
from mail.pop3 import commands, render

Said = Callable[[Array], list[int] | list[str]]  # what a listing says of these rows

_ROWS_MAX: Final = 1000  # lines of a listing at a time: about 20 kB


async def stat(session: Session, _command: commands.Stat) -> Ok:
    """RFC 1939 5."""
    return Ok(f"{session.maildrop.count} {session.maildrop.total_bytes}")


async def list_(session: Session, command: commands.List) -> Ok:
    """RFC 1939 5."""
    return _listed(session, command.number, session.maildrop.sizes)


async def uidl(session: Session, command: commands.Uidl) -> Ok:
    """RFC 1939 7."""
    return _listed(session, command.number, session.maildrop.unique_ids)


def _listed(session: Session, number: int | None, said: Said) -> Ok:
    """A message's line, or everybody's."""
    drop = session.maildrop
    if number is not None:
        (about,) = said(np.array([drop.row(number)]))
        return Ok(f"{number} {about}")
    return Ok(str(drop), _lines(drop.rows(), said))


def _lines(rows: Array, said: Said) -> Iterator[bytes]:
    for start in range(0, len(rows), _ROWS_MAX):
        some = rows[start : start + _ROWS_MAX]
        numbered = zip((some + 1).tolist(), said(some), strict=True)
        yield "".join([f"{number} {about}\r\n" for number, about in numbered]).encode()
    yield render.END


async def retr(session: Session, command: commands.Retr) -> Ok:
    """RFC 1939 5."""
    row = session.maildrop.row(command.number)
    content, _ = await _content(session, command.number, row)
    session.maildrop.read(row)
    session.services.metrics.retrieved.inc()
    return Ok(f"{len(content)} octets", render.message(content))


async def top(session: Session, command: commands.Top) -> Ok:
    """RFC 1939 7."""
    content, body = await _content(session, command.number, session.maildrop.row(command.number))
    return Ok("", render.message(render.top(content, body, command.lines)))


async def _content(session: Session, number: int, row: int) -> Surrogate:
    """The message's octets, or those it has for a client that has not said UTF8 (RFC 6856 2.1). Raises Err where it is
    gone, Trouble."""
    email = session.maildrop.email(row)
    if email is not None:
        mail = session.services.mail
        (message,) = await mail.messages(session.account, [email])
        if message is not None:
            try:
                content = await mail.content(message)
            except NotFound:  # removed, and swept, since its record was read
                pass
            else:
                root = message.record.root
                return Surrogate(content, root.body) if session.utf8 else surrogate(content, root)
    raise Err(f"Message {number} was removed by another session")


async def dele(session: Session, command: commands.Dele) -> Ok:
    """RFC 1939 5."""
    session.maildrop.delete(session.maildrop.row(command.number))
    return Ok(f"Message {command.number} is marked as deleted")


async def rset(session: Session, _command: commands.Rset) -> Ok:
    """RFC 1939 5."""
    session.maildrop.undelete()
    return Ok(str(session.maildrop))
