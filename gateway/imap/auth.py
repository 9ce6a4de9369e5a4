"""Logging in: STARTTLS, LOGIN, AUTHENTICATE.

The law: no password is read on a connection without TLS unless the operator allows it; a failed attempt is answered
late and always alike, and neither passwords nor what was tried in their place are ever logged.
"""

import asyncio
import binascii
from typing import Final

from gateway.imap.general import capabilities, may_log_in, mechanisms
from gateway.imap.parts import Principal
from gateway.imap.session import Ok, Session, State
from gateway.imap.troubles import Bad, No
from gateway.mechanisms import PLUS
from mail import sasl
from mail.imap import commands

_NONCE_BYTES: Final = 18  # 144 bits: never twice
_STEPS_MAX: Final = 10  # LOGIN, the longest exchange, takes 5


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
        principal = await session.services.directory.verify(name, command.password.decode())
    except UnicodeDecodeError:
        principal = None
    return await _finish(session, name, principal, "LOGIN")


async def authenticate(session: Session, command: commands.Authenticate) -> Ok:
    """RFC 3501 6.2.2, with the initial response of RFC 4959."""
    _may_begin(session)
    services = session.services
    nonce = binascii.b2a_base64(services.dice.randbytes(_NONCE_BYTES), newline=False).decode()
    offered = mechanisms(session)
    if command.mechanism not in offered:
        raise No("That mechanism is not offered", "CANNOT")
    if command.mechanism == "LOGIN" and command.initial is not None:
        raise Bad("LOGIN begins with a challenge")  # RFC 4959 3
    exchange = sasl.begin(
        command.mechanism,
        nonce=nonce,
        secret=services.sasl_secret,
        bindings=session.wire.bindings if PLUS in offered else (),
        scope=services.directory.token_scope,
    )
    step = exchange.step(command.initial or b"")
    if command.initial == b"":  # RFC 4959 3: the client's first message is there, and empty
        step = exchange.step(b"")
    principal: Principal | None = None
    for _ in range(_STEPS_MAX):
        match step:
            case sasl.Challenge(data):
                step = exchange.step(await _response(session, data))
            case sasl.NeedPassword(user, password):
                principal = await services.directory.verify(user, password)
                step = exchange.answer(principal is not None)
            case sasl.NeedToken(user, token):
                principal = await services.directory.token(user, token)
                step = exchange.answer(principal is not None)
            case sasl.NeedScram(user):
                step = exchange.answer(await services.directory.scram(user))
            case sasl.Done(authcid, authzid):
                principal = principal or await services.directory.principal(authcid)
                if authzid and authzid != authcid:
                    raise No("You may act as yourself only", "AUTHORIZATIONFAILED")
                return await _finish(session, authcid, principal, command.mechanism)
            case sasl.Failed(_, authcid, says):
                return await _finish(session, authcid, None, command.mechanism, says)
    raise Bad("This exchange has no end")


async def _response(session: Session, challenge: bytes) -> bytes:
    """The client's answer to a challenge, decoded."""
    line = await session.wire.ask(binascii.b2a_base64(challenge, newline=False))
    if line == b"*":
        raise Bad("AUTHENTICATE was cancelled")  # RFC 3501 6.2.2
    try:
        return binascii.a2b_base64(line, strict_mode=True)
    except binascii.Error:
        raise Bad("Expected base64") from None


def _may_begin(session: Session) -> None:
    if session.state is not State.NOT_AUTHENTICATED:
        raise Bad("You are logged in already")
    if not may_log_in(session):
        raise No("Use TLS before you log in", "PRIVACYREQUIRED")  # RFC 5530


async def _finish(session: Session, name: str, principal: Principal | None, how: str, says: str = "") -> Ok:
    """Let the session in, or answer like every failure."""
    services = session.services
    if principal is not None:
        session.principal = principal
        services.metrics.logins.labels("ok").inc()
        session.log.info("imap.login", login=principal.login, how=how)
        return Ok("Logged in", f"CAPABILITY {capabilities(session)}")
    services.metrics.logins.labels("failed").inc()
    session.log.info("imap.login_failed", login=name[:100], how=how)
    await asyncio.sleep(services.settings.login_failure_delay_s)
    session.failures += 1
    if session.failures >= services.settings.login_failures_max:
        session.bye("Too many failed logins")
    raise No(says or "The name or the password is wrong", "AUTHENTICATIONFAILED")
