"""Who a client is: the ways to log in on a connection, a SASL exchange over its lines, and what a failure costs.

The law: no password is read on a connection without TLS unless the operator allows it; a failed attempt is answered
late and always alike, and neither passwords nor what was tried in their place are ever logged.
"""

import asyncio
import binascii

from gateway.access.parts import Services, Session, Wire
from gateway.login import Login, Principal
from gateway.mechanisms import PLUS, wanted
from mail import sasl

WRONG = "The name or the password is wrong"
TOO_MANY = "Too many failed logins"


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
    """Who it is, or why not; `mechanism` is one of those offered. Raises Broken, Unavailable, ConnectionError."""
    login = Login(
        mechanism,
        services.directory,
        dice=services.dice,
        secret=services.sasl_secret,
        bindings=wire.bindings if PLUS in offered else (),
    )
    found = await login.step(initial or b"")
    if initial == b"" and found == b"":  # the client's first message is there, and empty (RFC 4959 3, RFC 5034 4)
        found = await login.step(b"")
    while isinstance(found, bytes):
        found = await login.step(await _response(wire, found))
    return found


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


async def turn_away(session: Session, wire: Wire, services: Services, name: str, how: str) -> bool:
    """Somebody has not; whether that was once too often. `name`: whoever it wanted to be."""
    services.metrics.logins.labels("failed").inc()
    wire.note("login_failed", login=name[:100], how=how)
    await asyncio.sleep(services.settings.login_failure_delay_s)
    session.failures += 1
    return session.failures >= services.settings.login_failures_max
