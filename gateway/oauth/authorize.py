"""The page on which somebody lets a program in (RFC 6749 4.1, RFC 7636, RFC 9207).

The law: a browser is sent to a program's address only after somebody has pressed a button here: as anybody can name a
program, an error is shown with a link, never followed by itself (RFC 9700 4.11.2). The code goes to exactly the address
that was asked with, in a 303, so that no password is sent on (RFC 9700 4.12).
"""

import re
from typing import Final
from urllib.parse import urlencode

from actors.directory import scopes
from gateway.oauth import html, signing_in, words
from gateway.oauth.clients import Client, client_of, may_answer, source, where
from gateway.oauth.parts import UNKEPT, Asked, OauthError, Reply, Services, once
from gateway.oauth.signing_in import NotIn
from gateway.oauth.tickets import Browser, Ticket

PATH: Final = "/oauth/authorize"
PURPOSE: Final = "authorize"
STATE_CHARS_MAX: Final = 1024
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")  # of SHA-256, in base64url (RFC 7636 4.2)
_STATE: Final = re.compile(r"[ -~]*")  # *VSCHAR (RFC 6749 A.5)


class _Shown(Exception):
    """Nobody may be sent anywhere: what is wrong is shown."""


async def shown(services: Services, asked: Asked) -> Reply:
    """GET: the page to sign in, or what is wrong with what the program asked."""
    browser = Browser(services, asked)
    try:
        fields = once(asked.query)
        client = _client(services, fields)
    except (_Shown, OauthError) as wrong:
        return _broken(services, browser, str(wrong))
    name, uri = client.name, fields["redirect_uri"]
    try:
        ticket = _ticket(services, fields, client)
    except OauthError as wrong:
        back = _answer(services, uri, fields.get("state", ""), error=wrong.code, error_description=wrong.text)
        link = f'<p><a rel="noreferrer" href="{html.text(back)}">Back to {html.text(name)}</a></p>\n'
        return _broken(services, browser, f"{name} asked for something that is not here: {wrong}.", link)
    return _sign_in(services, browser, asked, ticket)


async def sent(services: Services, asked: Asked) -> Reply:
    """POST: a name and a password, or the decision."""
    browser = Browser(services, asked)
    ticket = browser.open(asked.field("ticket"), PURPOSE)
    if ticket is None:
        return signing_in.start_again(services, browser)
    if not ticket.account:
        try:
            ticket = await signing_in.password(services, asked, ticket)
        except NotIn as wrong:
            return _sign_in(services, browser, asked, ticket, wrong.says)
        return _consent(services, browser, asked, ticket)
    if asked.field("decision") != "allow":
        return _back(services, ticket, error="access_denied")
    try:
        ticket = await signing_in.code(services, asked, ticket)
    except NotIn as wrong:
        return _consent(services, browser, asked, wrong.ticket or ticket, wrong.says)
    code = await services.directory.authorizations.new_code(
        ticket.account,
        ticket.client_id,
        ticket.client_name,
        ticket.redirect_uri,
        ticket.challenge,
        ticket.scopes,
        offline=ticket.offline,
    )
    services.log.info("oauth.allowed", login=ticket.login, client=ticket.client_name, scopes=" ".join(ticket.scopes))
    return _back(services, ticket, code=code)


def _client(services: Services, fields: dict[str, str]) -> Client:
    """The program, and that it may be answered. Raises _Shown."""
    client = client_of(fields.get("client_id", ""), services.secret)
    if client is None:
        raise _Shown("The program is not known here. Remove this account in the program, and add it again.")
    if not may_answer(client, fields.get("redirect_uri", "")):
        raise _Shown(f"{client.name} wants to be answered where it did not say that it is.")
    return client


def _ticket(services: Services, fields: dict[str, str], client: Client) -> Ticket:
    """What it asks for. Raises OauthError."""
    if fields.get("response_type") != "code":
        raise OauthError("unsupported_response_type", "response_type must be code")
    if fields.get("response_mode", "query") != "query":
        raise OauthError("invalid_request", "response_mode must be query")
    if fields.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(fields.get("code_challenge", "")):
        raise OauthError("invalid_request", "code_challenge is needed, with code_challenge_method S256")
    state = fields.get("state", "")
    if len(state) > STATE_CHARS_MAX or not _STATE.fullmatch(state):
        raise OauthError("invalid_request", "state is too long, or not printable")
    if "none" in fields.get("prompt", "").split():
        raise OauthError("interaction_required", "somebody has to sign in")
    check_resource(services, fields.get("resource", ""))
    wanted = scopes.asked(fields.get("scope", ""))
    if not scopes.services(wanted):
        raise OauthError("invalid_scope", f"scope must name one of: {' '.join(scopes.KNOWN)}")
    return Ticket(
        PURPOSE,
        client_id=fields["client_id"],
        client_name=client.name,
        redirect_uri=fields["redirect_uri"],
        state=state,
        challenge=fields["code_challenge"],
        scopes=wanted,
        offline=client.refreshes,
    )


def check_resource(services: Services, resources: str) -> None:
    """A token is for this server alone (RFC 8707 2). Raises OauthError."""
    if any(one != services.issuer and not one.startswith(services.issuer + "/") for one in resources.split()):
        raise OauthError("invalid_target", "resource is another server's")


def _sign_in(services: Services, browser: Browser, asked: Asked, ticket: Ticket, error: str = "") -> Reply:
    said = html.paragraph(f"{ticket.client_name} wants to use your mail. Sign in only if you have just started that.")
    form = signing_in.form(asked, browser.seal(ticket), said=said, failed=bool(error))
    also = source(ticket.redirect_uri)
    return html.page("Sign in", form, error=error, headers=browser.headers, also=also, host=services.host)


def _consent(services: Services, browser: Browser, asked: Asked, ticket: Ticket, error: str = "") -> Reply:
    body = (
        html.paragraph(f"You are signed in as {ticket.login}. {ticket.client_name} will be able to:")
        + html.listed(words.allowed(ticket.scopes, stays=ticket.offline))
        + html.paragraph(f"Then you go back to {where(ticket.redirect_uri)}.")
        + html.paragraph("The name is what the program says of itself. You can end this later at", f"{services.host}.")
    )
    fields = signing_in.code_field(ticket, failed=bool(error))
    buttons = [("decision", "allow", "Allow"), ("decision", "deny", "Do not allow")]
    body += html.form(asked.path, [("ticket", browser.seal(ticket))], fields, buttons)
    title, also = f"Let {ticket.client_name} in?", source(ticket.redirect_uri)
    return html.page(title, body, error=error, headers=browser.headers, also=also, host=services.host)


def _broken(services: Services, browser: Browser, error: str, link: str = "") -> Reply:
    title = "This program cannot be let in"
    return html.page(title, link, error=error, status=400, headers=browser.headers, host=services.host)


def _back(services: Services, ticket: Ticket, **told: str) -> Reply:
    location = _answer(services, ticket.redirect_uri, ticket.state, **told)
    return Reply(303, b"", headers=(*UNKEPT, ("Location", location), ("Referrer-Policy", "no-referrer")))


def _answer(services: Services, uri: str, state: str, **told: str) -> str:
    """Where a program is told (RFC 6749 4.1.2), with who tells it (RFC 9207 2)."""
    fields = {**told, **({"state": state} if state else {}), "iss": services.issuer}
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode({k: v for k, v in fields.items() if v})}"
