"""Logging in: STARTTLS, LOGIN, AUTHENTICATE.

The law: a login is asked for once, and only where it is allowed (gateway/access/login.py).
"""

from gateway.access.login import (
    CROWDED,
    ONESELF,
    TOO_MANY,
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
from gateway.imap.general import capabilities
from gateway.imap.parts import Principal
from gateway.imap.session import Ok, Session, State
from gateway.imap.troubles import Bad, No
from gateway.login import NOT_ONESELF
from gateway.logins import TooManyFailures
from mail.imap import commands
from mail.sasl import Failed


async def start_tls(session: Session, _command: commands.StartTls) -> Ok:
    """RFC 3501 6.2.1."""
    if session.state is not State.NOT_AUTHENTICATED or not session.wire.can_start_tls:
        raise Bad("STARTTLS is not possible here")
    session.wants_tls = True
    return Ok("Begin TLS negotiation now")


async def login(session: Session, command: commands.Login) -> Ok:
    """RFC 3501 6.2.3."""
    _may_begin(session)
    name = command.user.decode("utf-8", "replace")
    try:
        principal = await verify(session.wire, session.services, name, command.password.decode())
    except UnicodeDecodeError:
        principal = None
    except TooManyFailures as refusal:
        raise _held_off(session, refusal) from None
    return await _finish(session, name, principal, "LOGIN")


async def authenticate(session: Session, command: commands.Authenticate) -> Ok:
    """RFC 3501 6.2.2, with the initial response of RFC 4959."""
    _may_begin(session)
    wire, services = session.wire, session.services
    offered = mechanisms(wire, services)
    if command.mechanism not in offered:
        raise No("That mechanism is not offered", "CANNOT")
    if command.mechanism == "LOGIN" and command.initial is not None:
        raise Bad("LOGIN begins with a challenge")  # RFC 4959 3
    try:
        found = await exchange(wire, services, command.mechanism, command.initial, offered=offered)
    except Broken as broken:
        raise Bad(broken.text) from None
    except TooManyFailures as refusal:
        raise _held_off(session, refusal) from None
    if not isinstance(found, Failed):
        return await _finish(session, found.login, found, command.mechanism)
    if found.why == NOT_ONESELF:
        raise No(ONESELF, "AUTHORIZATIONFAILED")
    return await _finish(session, found.authcid, None, command.mechanism, found.says)


def _may_begin(session: Session) -> None:
    if session.state is not State.NOT_AUTHENTICATED:
        raise Bad("You are logged in already")
    if not may_log_in(session.wire, session.services):
        raise No("Use TLS before you log in", "PRIVACYREQUIRED")  # RFC 5530


async def _finish(session: Session, name: str, principal: Principal | None, how: str, says: str = "") -> Ok:
    """Let the session in, or answer like every failure."""
    wire, services = session.wire, session.services
    if principal is None:
        if turn_away(session, wire, services, name, how):
            session.bye(TOO_MANY)
        raise No(says or WRONG, "AUTHENTICATIONFAILED")
    if not wire.arrive(principal):
        if crowded(session, wire, services, principal):
            session.bye(TOO_MANY)
        raise No(CROWDED, "LIMIT")  # RFC 5530
    session.principal = principal
    welcome(wire, services, principal, how)
    return Ok("Logged in", f"CAPABILITY {capabilities(session)}")


def _held_off(session: Session, refusal: TooManyFailures) -> No:
    """The right password may work later: [UNAVAILABLE] keeps clients from forgetting it (RFC 5530)."""
    if held_off(session, session.wire, session.services, refusal):
        session.bye(TOO_MANY)
    return No(refusal.says, "UNAVAILABLE")
