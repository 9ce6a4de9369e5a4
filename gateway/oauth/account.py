"""The page on which people see what they let in, and end it: programs, app passwords, the authenticator app.

The law: nothing is shown or changed before a password, and a code where there is a second factor, were right in this
browser within the last half hour. What is a secret is shown once, by the page that answers its making.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from msgspec.structs import replace

from actors.directory import scopes, totp
from actors.directory.granting import Grant
from actors.directory.proof_editor import Factor
from actors.directory.proofs import AppPassword
from cluster.errors import AlreadyExists, NotFound, Refused
from gateway.oauth import html, signing_in, words
from gateway.oauth.metadata import ACCOUNT
from gateway.oauth.parts import Asked, Reply, Services
from gateway.oauth.signing_in import NotIn
from gateway.oauth.tickets import Browser, Ticket

PURPOSE: Final = "account"
ID_CHARS: Final = 16


async def shown(services: Services, asked: Asked) -> Reply:
    """GET: the page to sign in."""
    return _sign_in(services, Browser(services, asked), asked, Ticket(PURPOSE))


async def sent(services: Services, asked: Asked) -> Reply:
    """POST: a name and a password, a code, or something to do."""
    browser = Browser(services, asked)
    ticket = browser.open(asked.field("ticket"), PURPOSE)
    if ticket is None:
        return signing_in.start_again(services, browser)
    if not ticket.account:
        try:
            ticket = await signing_in.password(services, asked, ticket)
        except NotIn as wrong:
            return _sign_in(services, browser, asked, ticket, wrong.says)
        return _code(services, browser, ticket) if ticket.needs_code else await _Page(services, browser, ticket).all()
    try:
        page = _Page(services, browser, await signing_in.code(services, asked, ticket))
    except NotIn as wrong:
        return _code(services, browser, wrong.ticket or ticket, wrong.says)
    try:
        return await page.do(asked)
    except NotIn as wrong:
        return await page.all(error=wrong.says, wrong_code=True)
    except (Refused, AlreadyExists, NotFound) as wrong:
        return await page.all(error=wrong.says)


def _sign_in(services: Services, browser: Browser, asked: Asked, ticket: Ticket, error: str = "") -> Reply:
    said = html.paragraph("See which programs use your mail, make passwords for them, and protect your account.")
    form = signing_in.form(asked, browser.seal(ticket), said=said, failed=bool(error))
    return html.page("Your account", form, error=error, headers=browser.headers, host=services.host)


def _code(services: Services, browser: Browser, ticket: Ticket, error: str = "") -> Reply:
    fields = signing_in.code_field(ticket, failed=bool(error))
    form = html.form(ACCOUNT, [("ticket", browser.seal(ticket))], fields, [("step", "code", "Continue")])
    return html.page("One more step", form, error=error, headers=browser.headers, host=services.host)


class _Page:
    """That of somebody who is in."""

    def __init__(self, services: Services, browser: Browser, ticket: Ticket) -> None:
        self._services = services
        self._directory = services.directory
        self._browser = browser
        self._ticket = ticket

    async def do(self, asked: Asked) -> Reply:
        """What a button stands for. Raises NotIn, Refused, AlreadyExists, NotFound."""
        doing: dict[str, Callable[[Asked], Awaitable[Reply]]] = {
            "add-password": self._add_password,
            "remove-password": self._remove_password,
            "end-program": self._end_program,
            "begin-app": self._begin_app,
            "add-app": self._add_app,
            "remove-app": self._remove_app,
        }
        action = doing.get(asked.field("action"))
        return await (action(asked) if action is not None else self.all())

    async def all(self, *, error: str = "", done: str = "", wrong_code: bool = False) -> Reply:
        """The whole page. `wrong_code`: the error is about that."""
        login = self._ticket.login
        grants = await self._directory.authorizations.grants(self._ticket.account)
        passwords = await self._directory.list_app_passwords(login)
        factor = await self._directory.second_factor(login)
        said = f'<p class="done" role="status">{html.text(done)}</p>\n' if done else ""
        body = html.paragraph(f"You are signed in as {login}.") + self._programs(grants)
        return self._page(
            "Your account", said + body + self._passwords(passwords) + self._factor(factor, wrong_code), error
        )

    def _programs(self, grants: list[Grant]) -> str:
        body = "<h2>Programs that were let in</h2>\n"
        if not grants:
            return body + html.paragraph("There are none.")
        for one in grants:
            body += html.paragraph(f"{one.client_name}: last used on {words.day(one.used_ms)}. It may:")
            body += html.listed(words.allowed(one.scopes, stays=bool(one.turn)))
            body += self._form([("id", one.id.hex())], "", "end-program", f"End {one.client_name}")
        return body

    def _passwords(self, passwords: list[AppPassword]) -> str:
        body = "<h2>App passwords</h2>\n"
        body += html.paragraph("For programs that cannot open this page: each gets a password of its own.")
        for one in passwords:
            used = f"made on {words.day(one.created_ms)}, last used: {words.day(one.used_ms)}"
            body += html.paragraph(f"{one.label}: {', '.join(one.services)}; {used}.")
            body += self._form([("id", one.id.hex())], "", "remove-password", f"Remove {one.label}")
        fields = html.field("label", "Name of the program", hint="So that you know it again", more=' maxlength="64"')
        boxes = "".join(html.choice("service", name, said) for name, said in words.SERVICES.items())
        fields += f"<fieldset>\n<legend>What it is for</legend>\n{boxes}</fieldset>\n"
        return body + self._form([], fields, "add-password", "Make an app password")

    def _factor(self, factor: Factor | None, wrong_code: bool) -> str:
        body = "<h2>Authenticator app</h2>\n"
        if factor is None:
            body += html.paragraph(
                "With an app on your phone, your password alone opens nothing.",
                "Programs that know only the password then need an app password.",
            )
            return body + self._form([], "", "begin-app", "Set up an authenticator app")
        body += html.paragraph(
            f"Set up on {words.day(factor.created_ms)}; {factor.recovery_left} recovery codes are left."
        )
        field = signing_in.code_field(replace(self._ticket, needs_code=True), failed=wrong_code)
        return body + self._form([], field, "remove-app", "Remove the authenticator app")

    async def _add_password(self, asked: Asked) -> Reply:
        chosen = [name for name in scopes.SERVICES if name in asked.form.get("service", ())]
        made = await self._directory.add_app_password(self._ticket.login, asked.field("label")[:1000], chosen)
        self._note("oauth.app_password_added", label=made.kept.label)
        body = (
            html.paragraph(f"Copy this password into {made.kept.label}; it is not shown again:")
            + f"<p><code>{html.text(made.password)}</code></p>\n"
            + self._form([], "", "all", "Back to your account")
        )
        return self._page("A new app password", body)

    async def _remove_password(self, asked: Asked) -> Reply:
        removed = await self._directory.remove_app_password(self._ticket.login, asked.field("id"))
        self._note("oauth.app_password_removed", label=removed.label)
        return await self.all(done=f"{removed.label} cannot sign in any more.")

    async def _end_program(self, asked: Asked) -> Reply:
        text = asked.field("id")
        if len(text) == ID_CHARS and text.isalnum():
            try:
                await self._directory.authorizations.remove_grant(self._ticket.account, bytes.fromhex(text))
            except ValueError:
                return await self.all()
            self._note("oauth.ended")
        return await self.all(done="The program was ended; within seconds it can do nothing any more.")

    async def _begin_app(self, asked: Asked) -> Reply:  # noqa: ARG002 (as the others)
        return self._app(self._directory.new_secret())

    def _app(self, secret: bytes, error: str = "") -> Reply:
        shown = totp.secret_text(secret)
        grouped = " ".join(shown[at : at + 4] for at in range(0, len(shown), 4))
        link = html.text(totp.uri(secret, self._ticket.login, self._services.host))
        body = (
            f'<p>On a phone with an authenticator app: <a href="{link}">open the app</a>. '
            "Elsewhere type this key into the app:</p>\n"
            f"<p><code>{grouped}</code></p>\n"
        )
        field = html.field(
            "code",
            "The code that the app shows now",
            auto="one-time-code",
            more=' inputmode="numeric"',
            failed=bool(error),
        )
        return self._page(
            "Set up an authenticator app", body + self._form([("secret", shown)], field, "add-app", "Turn it on"), error
        )

    async def _add_app(self, asked: Asked) -> Reply:
        try:
            secret = totp.secret_of(asked.field("secret")[:100])
        except ValueError:
            return await self.all()
        try:
            codes = await self._directory.add_second_factor(self._ticket.login, secret, asked.field("code")[:100])
        except Refused as wrong:
            return self._app(secret, wrong.says)
        self._ticket = replace(self._ticket, coded=True)
        self._note("oauth.second_factor_added")
        items = "".join(f"<li><code>{html.text(code)}</code></li>\n" for code in codes)
        body = (
            html.paragraph(
                "From now on a code is asked for. Keep these recovery codes where you find them without your phone:",
                "each lets you in once, and they are not shown again.",
            )
            + f"<ul>\n{items}</ul>\n"
            + self._form([], "", "all", "Back to your account")
        )
        return self._page("The authenticator app is set up", body)

    async def _remove_app(self, asked: Asked) -> Reply:
        await signing_in.code(self._services, asked, replace(self._ticket, coded=False))
        await self._directory.remove_second_factor(self._ticket.login)
        self._note("oauth.second_factor_removed")
        return await self.all(done="No code is asked for any more.")

    def _form(self, hidden: list[tuple[str, str]], body: str, action: str, button: str) -> str:
        sealed = ("ticket", self._browser.seal(self._ticket))
        return html.form(ACCOUNT, [sealed, *hidden], body, [("action", action, button)])

    def _page(self, title: str, body: str, error: str = "") -> Reply:
        return html.page(title, body, error=error, headers=self._browser.headers, host=self._services.host)

    def _note(self, event: str, **more: object) -> None:
        self._services.log.info(event, login=self._ticket.login, **more)
