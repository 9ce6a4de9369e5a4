"""Logging in: STARTTLS, LOGIN, AUTHENTICATE.

The law: no password is read on a connection without TLS unless the operator allows it, nor while too many were wrong
(gateway/logins.py); a failed attempt is answered late and always alike, and neither passwords nor what was tried in
their place are ever logged.
"""

import asyncio
import binascii
from typing import Final

from gateway.imap.general import capabilities, may_log_in, mechanisms
from gateway.imap.parts import Principal
from gateway.imap.session import Ok, Session, State
from gateway.imap.troubles import Bad, No
from gateway.logins import Attempt, TooManyFailures
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
    attempt = session.services.logins.attempt(session.wire.ip)
    try:
        try:
            password = command.password.decode()
        except UnicodeDecodeError:  # it cannot be anybody's
            return await _fail(session, attempt, name, "LOGIN")
        await _begin(session, attempt, name, password)
        principal = await session.services.directory.verify(name, password)
        return await _finish(session, attempt, name, principal, "LOGIN")
    finally:
        attempt.close()


async def authenticate(session: Session, command: commands.Authenticate) -> Ok:
    """RFC 3501 6.2.2, with the initial response of RFC 4959."""
    _may_begin(session)
    services = session.services
    nonce = binascii.b2a_base64(services.dice.randbytes(_NONCE_BYTES), newline=False).decode()
    offered = mechanisms(session)
    if command.mechanism not in offered:
        raise No("That mechanism is not offered", "CANNOT")
    exchange = sasl.begin(
        command.mechanism,
        nonce=nonce,
        secret=services.sasl_secret,
        bindings=session.wire.bindings if PLUS in offered else (),
        scope=services.directory.token_scope,
    )
    attempt = services.logins.attempt(session.wire.ip)
    try:
        return await _exchange(session, attempt, exchange, command)
    finally:
        attempt.close()


async def _exchange(session: Session, attempt: Attempt, exchange: sasl.Exchange, command: commands.Authenticate) -> Ok:
    """The steps of an exchange, to its end."""
    directory = session.services.directory
    step = exchange.step(command.initial or b"")
    principal: Principal | None = None
    for _ in range(_STEPS_MAX):
        match step:
            case sasl.Challenge(data):
                step = exchange.step(await _response(session, data))
            case sasl.NeedPassword(user, password):
                await _begin(session, attempt, user, password)
                principal = await directory.verify(user, password)
                step = exchange.answer(principal is not None)
            case sasl.NeedToken(user, token):
                await _begin(session, attempt, user, token)
                principal = await directory.token(user, token)
                step = exchange.answer(principal is not None)
            case sasl.NeedScram(user):
                await _begin(session, attempt, user)
                step = exchange.answer(await directory.scram(user))
            case sasl.Done(authcid, authzid):
                principal = principal or await directory.principal(authcid)
                if authzid and authzid != authcid:
                    raise No("You may act as yourself only", "AUTHORIZATIONFAILED")
                return await _finish(session, attempt, authcid, principal, command.mechanism)
            case sasl.Failed(_, authcid, says):
                return await _fail(session, attempt, authcid, command.mechanism, says)
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


async def _begin(session: Session, attempt: Attempt, name: str, secret: str = "") -> None:
    """Whether it may be tried: else the answer is late too, and counts for the connection."""
    try:
        await attempt.begin(name, secret)
    except TooManyFailures as refusal:
        session.services.metrics.logins.labels("refused").inc()
        session.log.info("imap.login_refused", login=name[:100], why=refusal.log)
        await _held_back(session, session.services.settings.login_failure_delay_s)
        raise


async def _finish(session: Session, attempt: Attempt, name: str, principal: Principal | None, how: str) -> Ok:
    """Let the session in, or answer like every failure."""
    if principal is None:
        return await _fail(session, attempt, name, how)
    await attempt.succeeded(principal.login)
    if not session.arrive(principal):
        session.services.metrics.refused.labels("account").inc()
        session.log.info("imap.too_many", login=principal.login)
        await _held_back(session, 0)
        raise No("This account has too many connections; close some, or try again later", "LIMIT")  # RFC 5530
    session.services.metrics.logins.labels("ok").inc()
    session.log.info("imap.login", login=principal.login, how=how)
    return Ok("Logged in", f"CAPABILITY {capabilities(session)}")


async def _fail(session: Session, attempt: Attempt, name: str, how: str, says: str = "") -> Ok:
    """The one answer to all that did not prove who they are."""
    session.services.metrics.logins.labels("failed").inc()
    session.log.info("imap.login_failed", login=name[:100], how=how)
    await _held_back(session, await attempt.failed(session.services.settings.login_failure_delay_s))
    raise No(says or "The name or the password is wrong", "AUTHENTICATIONFAILED")


async def _held_back(session: Session, pause_s: float) -> None:
    """Wait, and count what a connection may try."""
    await asyncio.sleep(pause_s)
    session.failures += 1
    if session.failures >= session.services.settings.login_failures_max:
        session.bye("Too many failed logins")
