"""Who sits before the browser: a name with its password, then a code where the account has a second factor.

The law: what is wrong is counted and told late, as in every protocol (gateway/logins.py), and always alike. A right
password of an account with a second factor is no success yet: nothing becomes known by it.
"""

from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from actors.directory.client import Proven
from cluster.errors import Trouble
from gateway.login import tried
from gateway.logins import TooManyFailures
from gateway.oauth import html, words
from gateway.oauth.parts import Asked, Reply, Services
from gateway.oauth.tickets import Browser, Ticket
from mail.sasl import NotPrintable, saslprep

FIELD_CHARS_MAX: Final = 320
PASSWORD_CHARS_MAX: Final = 1024

T = TypeVar("T")


class NotIn(Exception):
    """Nobody is in; `says` why. `ticket`: what is known of them by now, where that has changed."""

    def __init__(self, says: str, ticket: Ticket | None = None) -> None:
        super().__init__(says)
        self.says = says
        self.ticket = ticket


async def password(services: Services, asked: Asked, ticket: Ticket) -> Ticket:
    """The ticket of who sent the right name and password. Raises NotIn."""
    name, secret = asked.field("login").strip(), asked.field("password")
    if not name or not secret:
        raise NotIn("Fill in your address and your password.")
    if len(name) > FIELD_CHARS_MAX or len(secret) > PASSWORD_CHARS_MAX:
        raise NotIn(words.WRONG_PASSWORD)
    try:
        name, secret = saslprep(name), saslprep(secret)
    except NotPrintable:
        raise NotIn(words.WRONG_PASSWORD) from None
    attempt = services.logins.attempt(asked.ip)
    try:
        proven: Proven | None = await tried(
            attempt, name, secret, services.directory.prove(name, secret), pause_s=services.pause_s
        )
        if proven is not None and not proven.needs_code:
            await attempt.succeeded(proven.principal.login)
    except TooManyFailures as refusal:
        services.log.info("oauth.login_held_off", ip=asked.ip, why=refusal.log)
        raise NotIn(refusal.says + ".") from None
    except Trouble as trouble:
        services.log.warning("oauth.login", ip=asked.ip, why=trouble.log)
        raise NotIn(words.LATER) from None
    finally:
        attempt.close()
    if proven is None:
        services.log.info("oauth.login_failed", login=name[:100], ip=asked.ip)
        raise NotIn(words.WRONG_PASSWORD)
    who = proven.principal
    services.log.info("oauth.login", login=who.login, ip=asked.ip, code=proven.needs_code)
    return replace(
        ticket, until_ms=0, account=who.account, login=who.login, stamp=proven.stamp, needs_code=proven.needs_code
    )


async def code(services: Services, asked: Asked, ticket: Ticket) -> Ticket:
    """The ticket of who has seen to the second factor too, where there is one by now. Raises NotIn."""
    proven = await services.directory.still(ticket.login, ticket.stamp)
    if proven is None or proven.principal.account != ticket.account:
        raise NotIn(words.NOT_ANY_MORE)
    needed = proven.needs_code and not ticket.coded
    ticket = replace(ticket, needs_code=needed)
    if not needed:
        return ticket
    typed = asked.field("code").strip()
    if not typed:
        raise NotIn("Fill in the code.", ticket)
    # A wrong code is a guess each time, also the same again: half a minute later it may be right.
    check = services.directory.take_code(ticket.account, typed[:FIELD_CHARS_MAX])
    if not await counted(services, asked, ticket, "", check):
        services.log.info("oauth.code_failed", login=ticket.login, ip=asked.ip)
        raise NotIn(words.WRONG_CODE, ticket)
    await services.logins.attempt(asked.ip).succeeded(ticket.login)
    return replace(ticket, needs_code=False, coded=True)


async def counted(services: Services, asked: Asked, ticket: Ticket, secret: str, check: Coroutine[Any, Any, T]) -> T:
    """What a check of something says that who has signed in may guess: false is counted as a wrong password is. Raises
    NotIn."""
    attempt = services.logins.attempt(asked.ip)
    try:
        return await tried(attempt, ticket.login, secret, check, pause_s=services.pause_s)
    except TooManyFailures as refusal:
        services.log.info("oauth.login_held_off", ip=asked.ip, why=refusal.log)
        raise NotIn(refusal.says + ".", ticket) from None
    finally:
        attempt.close()


def form(asked: Asked, sealed: str, *, before: str = "", said: str = "", failed: bool = False) -> str:
    """The form for a name and a password. `before`: further fields. `said`: what the page is about."""
    fields = (
        before
        + html.field(
            "login",
            "Your mail address",
            value=asked.field("login")[:FIELD_CHARS_MAX],
            auto="username",
            more=" required",
            failed=failed,
        )
        + html.field("password", "Password", kind="password", auto="current-password", more=" required", failed=failed)
    )
    return said + html.form(asked.path, [("ticket", sealed)], fields, [("step", "sign-in", "Sign in")])


def code_field(ticket: Ticket, *, failed: bool = False) -> str:
    """The field for a code, where one is needed."""
    if not ticket.needs_code:
        return ""
    return html.field(
        "code",
        "Code from your authenticator app",
        hint="Six digits. If you have lost your phone, use one of your recovery codes.",
        auto="one-time-code",
        more=' inputmode="text"',
        failed=failed,
    )


def start_again(services: Services, browser: Browser) -> Reply:
    """For a form that came too late, or from elsewhere."""
    said = html.paragraph("For your safety such pages are good for half an hour only.")
    title = "Please start again"
    return html.page(title, said, error=words.TOO_OLD, status=400, headers=browser.headers, host=services.host)
