"""Devices without a page of their own: they ask for a code here, and somebody types it on another screen (RFC 8628).

The law: what the page asks before it lets a device in is what any other program is asked with; whether there is such a
code is told to nobody who has not signed in, and who guesses is counted as for a password (RFC 8628 5.1). As nobody has
to sign in for a code, and only so many may wait, one network gets PER_NETWORK_MAX of them in the time that they are
good for.
"""

from typing import Final
from urllib.parse import quote

from msgspec.structs import replace

from actors.directory import devices, scopes
from actors.directory.devices import Device
from actors.throttle.client import Limit
from cluster.errors import Trouble
from gateway.logins import ASK_S
from gateway.networks import client_network
from gateway.oauth import html, signing_in, words
from gateway.oauth.authorize import check_resource
from gateway.oauth.parts import Asked, OauthError, Reply, Services, as_json
from gateway.oauth.signing_in import NotIn
from gateway.oauth.tickets import Browser, Ticket
from gateway.oauth.tokens import program

ENDPOINT: Final = "/oauth/device"
PAGE: Final = "/device"
PURPOSE: Final = "device"
PER_NETWORK_MAX: Final = 30
UNKNOWN: Final = "There is no such code, or it is too old. Look at the device again; codes are good for ten minutes."


async def begin(services: Services, asked: Asked) -> Reply:
    """A code for a device (RFC 8628 3.1). Raises OauthError."""
    fields, client_id, client = program(services, asked)
    check_resource(services, fields.get("resource", ""))
    wanted = scopes.asked(fields.get("scope", ""))
    if not scopes.services(wanted):
        raise OauthError("invalid_scope", f"scope must name one of: {' '.join(scopes.KNOWN)}")
    await _count(services, asked.ip)
    found = await services.directory.authorizations.new_device(client_id, client.name, wanted, offline=client.refreshes)
    uri = services.issuer + PAGE
    return as_json(
        {
            "device_code": found.device_code,
            "user_code": found.user_code,
            "verification_uri": uri,
            "verification_uri_complete": f"{uri}?user_code={quote(found.user_code)}",
            "expires_in": found.expires_s,
            "interval": found.interval_s,
        }
    )


async def _count(services: Services, ip: str) -> None:
    """One more of a network. Raises OauthError; where the counts do not answer, all may."""
    network = client_network(ip)
    if services.tallies is None or not network:
        return
    limit = Limit("device codes", network, rate=PER_NETWORK_MAX, per_s=devices.DEVICE_MS / 1000)
    try:
        told = await services.tallies.tally((limit,), services.dice.randbytes(16), timeout_s=ASK_S)
    except Trouble as trouble:
        services.log.warning("oauth.not_counted", why=trouble.log)
        return
    if told[0].counted > PER_NETWORK_MAX:
        raise OauthError("slow_down", "too many codes were asked for; try again in some minutes", 429)


async def shown(services: Services, asked: Asked) -> Reply:
    """GET: the page for a code."""
    browser = Browser(services, asked)
    given = devices.typed((asked.query.get("user_code") or ("",))[0])
    return _sign_in(services, browser, asked, Ticket(PURPOSE, user_code=devices.shown(given) if given else ""))


async def sent(services: Services, asked: Asked) -> Reply:
    """POST: the code with a name and a password, or the decision."""
    browser = Browser(services, asked)
    ticket = browser.open(asked.field("ticket"), PURPOSE)
    if ticket is None:
        return signing_in.start_again(services, browser)
    if not ticket.account:
        return await _signed_in(services, browser, asked, replace(ticket, user_code=asked.field("user_code")[:40]))
    device = await services.directory.authorizations.device(ticket.user_code)
    if device is None:
        return _sign_in(services, browser, asked, Ticket(PURPOSE), UNKNOWN)
    allowed = asked.field("decision") == "allow"
    if allowed:
        try:
            ticket = await signing_in.code(services, asked, ticket)
        except NotIn as wrong:
            return _consent(services, browser, asked, wrong.ticket or ticket, device, wrong.says)
    if not await services.directory.authorizations.decide(ticket.user_code, ticket.account, allowed=allowed):
        return _sign_in(services, browser, asked, Ticket(PURPOSE), UNKNOWN)
    services.log.info("oauth.device", login=ticket.login, client=device.client_name, allowed=allowed)
    said = f"{device.client_name} is signed in now." if allowed else f"{device.client_name} was not let in."
    done = f'<p class="done" role="status">{html.text(said)} You can close this page.</p>\n'
    return html.page("Done", done, headers=browser.headers, host=services.host)


async def _signed_in(services: Services, browser: Browser, asked: Asked, ticket: Ticket) -> Reply:
    """Somebody sent a code with a name and a password."""
    try:
        ticket = await signing_in.password(services, asked, ticket)
        check = services.directory.authorizations.device(ticket.user_code)
        device = await signing_in.counted(services, asked, ticket, ticket.user_code, check)
    except NotIn as wrong:
        return _sign_in(services, browser, asked, Ticket(PURPOSE, user_code=ticket.user_code), wrong.says)
    if device is None:
        return _sign_in(services, browser, asked, Ticket(PURPOSE), UNKNOWN)
    return _consent(services, browser, asked, ticket, device)


def _sign_in(services: Services, browser: Browser, asked: Asked, ticket: Ticket, error: str = "") -> Reply:
    said = html.paragraph("Type the code that your device shows, and sign in.")
    said += html.paragraph("Only your own device shows it: if somebody sent you a code, close this page.")
    before = html.field(
        "user_code",
        "Code on the device",
        value=ticket.user_code,
        hint="Eight letters, like BCDF-GHJK",
        more=" required",
    )
    form = signing_in.form(asked, browser.seal(ticket), before=before, said=said, failed=bool(error))
    return html.page("Connect a device", form, error=error, headers=browser.headers, host=services.host)


def _consent(
    services: Services, browser: Browser, asked: Asked, ticket: Ticket, device: Device, error: str = ""
) -> Reply:
    body = (
        html.paragraph(f"You are signed in as {ticket.login}. {device.client_name} will be able to:")
        + html.listed(words.allowed(device.scopes, stays=device.offline))
        + html.paragraph(f"Is {devices.shown(device.user_code)} the code on a device that is before you now?")
        + html.paragraph("The name is what the program says of itself. You can end this later at", f"{services.host}.")
    )
    fields = signing_in.code_field(ticket, failed=bool(error))
    buttons = [("decision", "allow", "Allow"), ("decision", "deny", "Do not allow")]
    body += html.form(asked.path, [("ticket", browser.seal(ticket))], fields, buttons)
    title = f"Let {device.client_name} in?"
    return html.page(title, body, error=error, headers=browser.headers, host=services.host)
