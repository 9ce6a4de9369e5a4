"""Commands about the session itself: CAPA, UTF8, LANG, NOOP, QUIT.

The law: what is announced here holds; it depends on the connection's state, never on the client.
"""

from typing import Final

from cluster.errors import Trouble
from gateway.access.login import may_log_in, mechanisms
from gateway.pop3.maildrop import messages
from gateway.pop3.session import Ok, Session
from gateway.pop3.troubles import Err, as_err
from mail.pop3 import commands, render

# RFC 2449 6, RFC 3206 6
_ALWAYS: Final = ("TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER")
_NEWER: Final = ("UTF8 USER", "LANG", "IMPLEMENTATION Rookery")  # RFC 6856; our version is nobody's business
_LANGUAGE: Final = "en"


def capabilities(session: Session) -> list[str]:
    """What is offered now. What one logs in with is told after login too (RFC 2449 5); STLS only where it is possible
    (RFC 2595 4)."""
    lines = [*_ALWAYS]
    if session.wire.can_start_tls and not session.known:
        lines.append("STLS")
    if may_log_in(session.wire, session.services):
        lines.append("USER")
        if offered := mechanisms(session.wire, session.services):
            lines.append(" ".join(("SASL", *offered)))
    return [*lines, *_NEWER]


async def capa(session: Session, _command: commands.Capa) -> Ok:
    """RFC 2449 5."""
    return Ok("Capability list follows", [render.listing(capabilities(session))])


async def utf8(session: Session, _command: commands.Utf8) -> Ok:
    """RFC 6856 2.1: from now on messages are sent as they are."""
    session.utf8 = True
    return Ok("UTF-8 it is")


async def lang(_session: Session, command: commands.Lang) -> Ok:
    """RFC 6856 3."""
    if command.wanted is None:
        return Ok("Language listing follows", [render.listing([f"{_LANGUAGE} English"])])
    if command.wanted.lower() not in ("*", _LANGUAGE):
        raise Err("There is English only (en)")
    return Ok(f"{_LANGUAGE} English it is")


async def noop(_session: Session, _command: commands.Noop) -> Ok:
    """RFC 1939 5."""
    return Ok()


async def quit_(session: Session, _command: commands.Quit) -> Ok:
    """RFC 1939 4, 6. Whatever comes of it, the connection is closed."""
    session.ended = True
    if session.drop is None:
        return Ok("Goodbye")
    try:
        count = await session.drop.remove()
    except Trouble as trouble:
        told = as_err(trouble)
        raise Err(f"Some deleted messages were not removed: {told.text}", told.code) from trouble
    finally:
        await session.leave()
    session.services.metrics.removed.inc(count)
    return Ok(f"Goodbye ({messages(count)} removed)" if count else "Goodbye")
