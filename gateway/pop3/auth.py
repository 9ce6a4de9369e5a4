"""Logging in: STLS, USER and PASS, AUTH.

The law: a login is asked for once, and only where it is allowed (gateway/access/login.py); who is let in has a maildrop
already.
"""

from actors.mailbox.types import INBOX
from gateway.access.login import (
    CROWDED,
    ONESELF,
    WRONG,
    Broken,
    crowded,
    exchange,
    held_off,
    may_log_in,
    mechanisms,
    turn_away,
    verify,
    welcome,
)
from gateway.login import NOT_ONESELF, Principal
from gateway.logins import TooManyFailures
from gateway.pop3.maildrop import Maildrop
from gateway.pop3.session import Ok, Session
from gateway.pop3.troubles import CREDENTIALS, TEMPORARY, Err, Mistake
from mail.pop3 import commands, render
from mail.sasl import Failed, NotPrintable, saslprep


async def stls(session: Session, _command: commands.Stls) -> Ok:
    """RFC 2595 4."""
    if not session.wire.can_start_tls:
        raise Mistake("STLS is not possible here")
    session.name, session.utf8 = None, False  # said in the clear, by anybody
    session.wants_tls = True
    return Ok("Begin TLS negotiation")


async def user(session: Session, command: commands.User) -> Ok:
    """RFC 1939 7. Whether there is such a user is not told."""
    _may_begin(session)
    session.name = command.name
    return Ok()


async def password(session: Session, command: commands.Pass) -> Ok:
    """RFC 1939 7, with SASLprep of both (RFC 6856 2.2)."""
    _may_begin(session)
    name, session.name = session.name, None
    if name is None:
        raise Mistake("PASS follows USER")
    principal = None
    try:
        principal = await verify(session.wire, session.services, saslprep(name), saslprep(command.password))
    except NotPrintable:
        pass
    except TooManyFailures as refusal:
        raise _held_off(session, refusal) from None
    return await _finish(session, name, principal, "PASS")


async def auth(session: Session, command: commands.Auth) -> Ok:
    """RFC 5034 4."""
    _may_begin(session)
    wire, services = session.wire, session.services
    offered = mechanisms(wire, services)
    if command.mechanism is None:
        return Ok("Mechanisms follow", [render.listing(offered)])
    if command.mechanism not in offered:
        raise Err("That mechanism is not offered")
    try:
        found = await exchange(wire, services, command.mechanism, command.initial, offered=offered)
    except Broken as broken:
        raise Err(broken.text) from None
    except TooManyFailures as refusal:
        raise _held_off(session, refusal) from None
    if not isinstance(found, Failed):
        return await _finish(session, found.login, found, command.mechanism)
    if found.why == NOT_ONESELF:
        raise Err(ONESELF, CREDENTIALS)
    return await _finish(session, found.authcid, None, command.mechanism, found.says)


def _may_begin(session: Session) -> None:
    if not may_log_in(session.wire, session.services):
        raise Err("Use TLS before you log in", CREDENTIALS)


async def _finish(session: Session, name: str, principal: Principal | None, how: str, says: str = "") -> Ok:
    """Open the maildrop, or answer like every failure; the last one closes the connection. Raises Trouble."""
    wire, services = session.wire, session.services
    if principal is None:
        session.ended = turn_away(session, wire, services, name, how)
        raise Err(says or WRONG, CREDENTIALS)
    if not wire.arrive(principal):
        session.ended = crowded(session, wire, services, principal)
        raise Err(CROWDED, TEMPORARY)
    try:
        hold = await services.mail.select(principal.account, INBOX, read_only=True, changed=_nothing)
    except BaseException:
        wire.depart()
        raise
    session.drop = Maildrop(hold)
    session.principal = principal
    welcome(wire, services, principal, how)
    return Ok(str(session.drop))


def _held_off(session: Session, refusal: TooManyFailures) -> Err:
    """The right password may work later (RFC 3206 4)."""
    session.ended = held_off(session, session.wire, session.services, refusal)
    return Err(refusal.says, TEMPORARY)


def _nothing() -> None:
    """A maildrop stays as it was."""
