"""Who a client is: the ways to log in on a connection, a SASL exchange over its lines, and what a failure costs.

The law: no password is read on a connection without TLS unless the operator allows it; a failed attempt is answered
late (gateway/login.py) and always alike, and neither passwords nor what was tried in their place are ever logged.
"""

import binascii

from gateway import login
from gateway.access.parts import Services, Session, Wire
from gateway.login import Login, Principal
from gateway.logins import TooManyFailures
from gateway.mechanisms import PLUS, wanted
from mail import sasl

WRONG = "The name or the password is wrong"
TOO_MANY = "Too many failed logins"
CROWDED = "This account has too many connections; close some, or try again later"
ONESELF = "You may act as yourself only"


class Broken(Exception):
    """The exchange cannot go on: it was cancelled, or what came is no answer."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def may_log_in(wire: Wire, services: Services) -> bool:
    """Whether a password may be sent on this connection."""
    return wire.secure or services.settings.plaintext_login


def mechanisms(wire: Wire, services: Services) -> tuple[str, ...]:
    """The ways to log in on this connection."""
    possible = sasl.offered(
        tls=wire.secure,
        bound=bool(wire.bindings),
        tokens=services.directory.takes_tokens,
        clear=services.settings.plaintext_login,
    )
    return wanted(possible, services.settings.mechanisms)


async def exchange(
    wire: Wire, services: Services, mechanism: str, initial: bytes | None, *, offered: tuple[str, ...]
) -> Principal | sasl.Failed:
    """Who it is, or why not, after a pause; `mechanism` is one of those offered. Raises Broken, TooManyFailures (see
    `held_off`), Unavailable, ConnectionError."""
    trying = Login(
        mechanism,
        services.directory,
        services.logins.attempt(wire.ip),
        service=services.service,
        pause_s=services.settings.login_failure_delay_s,
        dice=services.dice,
        secret=services.sasl_secret,
        bindings=wire.bindings if PLUS in offered else (),
    )
    try:
        found = await trying.step(initial or b"")
        if initial == b"" and found == b"":  # the client's first message is there, and empty (RFC 4959 3, RFC 5034 4)
            found = await trying.step(b"")
        while isinstance(found, bytes):
            found = await trying.step(await _response(wire, found))
        return found
    finally:
        trying.close()


async def verify(wire: Wire, services: Services, name: str, password: str) -> Principal | None:
    """Whose name and password these are; None after a pause. Raises TooManyFailures, Unavailable."""
    attempt, pause_s = services.logins.attempt(wire.ip), services.settings.login_failure_delay_s
    return await login.verify(services.directory, attempt, name, password, service=services.service, pause_s=pause_s)


async def _response(wire: Wire, challenge: bytes) -> bytes:
    """The client's answer to a challenge, decoded."""
    line = await wire.ask(binascii.b2a_base64(challenge, newline=False))
    if line == b"*":
        raise Broken("The login was cancelled")
    try:
        return binascii.a2b_base64(line, strict_mode=True)
    except binascii.Error:
        raise Broken("Expected base64") from None


def welcome(wire: Wire, services: Services, principal: Principal, how: str) -> None:
    """Somebody has logged in."""
    services.metrics.logins.labels("ok").inc()
    wire.note("login", login=principal.login, how=how)


def crowded(session: Session, wire: Wire, services: Services, principal: Principal) -> bool:
    """Somebody has, of whom too many are here already; whether that was once too often."""
    services.metrics.refused.labels("account").inc()
    wire.note("too_many", login=principal.login)
    return _counted(session, services)


def held_off(session: Session, wire: Wire, services: Services, refusal: TooManyFailures) -> bool:
    """Nobody could, as too many had failed before; whether that was once too often."""
    services.metrics.logins.labels("held off").inc()
    wire.note("login_held_off", ip=wire.ip, why=refusal.log)
    return _counted(session, services)


def turn_away(session: Session, wire: Wire, services: Services, name: str, how: str) -> bool:
    """Somebody has not; whether that was once too often. `name`: whoever it wanted to be."""
    services.metrics.logins.labels("failed").inc()
    wire.note("login_failed", login=name[:100], ip=wire.ip, how=how)
    return _counted(session, services)


def _counted(session: Session, services: Services) -> bool:
    session.failures += 1
    return session.failures >= services.settings.login_failures_max
