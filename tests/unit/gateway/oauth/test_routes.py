"""What holds for every endpoint: troubles in their form, failed logins that are counted, registration that is off."""

import base64
import random

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from actors.directory import authorizations
from actors.throttle.memory import MemoryTallies
from cluster.clock import ManualClock
from cluster.config.secret import Secret
from cluster.errors import Unavailable
from gateway.logins import CountedLogins, LoginSettings
from gateway.oauth.device import PER_NETWORK_MAX
from gateway.oauth.parts import BODY_BYTES_MAX, Asked, Reply
from gateway.oauth.routes import ROUTES, Route, answer
from tests.unit.gateway.oauth.world import ALICE, FORM, Browser, World


def counted(clock: ManualClock) -> CountedLogins:
    settings = LoginSettings(failures_per_name_max=3, failures_known_max=3, pause_s_max=0.0)
    return CountedLogins(settings, MemoryTallies(clock), clock, random.Random(4), CollectorRegistry())


async def test_passwords_that_are_wrong_are_counted_as_everywhere() -> None:
    clock = ManualClock()
    async with World(counted(clock)) as world:
        browser = Browser(world)
        page = await browser.open("/account")
        for number in range(3):
            page = await browser.press(page, "Sign in", login=ALICE, password=f"wrong {number}")
            assert "is wrong" in page.text
        page = await browser.press(page, "Sign in", login=ALICE, password="demo")
        assert "Too many failed logins; try again in" in page.text


async def test_codes_that_are_wrong_are_counted_also_the_same_again() -> None:
    clock = ManualClock()
    async with World(counted(clock)) as world:
        await world.second_factor()
        browser = Browser(world)
        page = await browser.press(await browser.open("/account"), "Sign in", login=ALICE, password="demo")
        for _ in range(3):
            page = await browser.press(page, "Continue", code="000000")
            assert "code is wrong" in page.text
        page = await browser.press(page, "Continue", code="000000")
        assert "Too many failed logins; try again in" in page.text


async def test_who_guesses_the_codes_of_devices_is_counted() -> None:
    clock = ManualClock()
    async with World(counted(clock)) as world:
        pending = await world.directory.authorizations.new_device("x", "Printer", ("smtp",))
        browser = Browser(world)
        page = await browser.open("/device")
        for code in ("BBBB-BBBB", "BBBB-BBBC", "BBBB-BBBC", "BBBB-BBBD"):  # the same again is no guess
            page = await browser.press(page, "Sign in", login=ALICE, password="demo", user_code=code)
            assert "no such code" in page.text
        page = await browser.press(page, "Sign in", login=ALICE, password="demo", user_code=pending.user_code)
        assert "Too many failed logins; try again in" in page.text
        assert page.forms[0].fields["user_code"] == [pending.user_code]


@pytest.mark.parametrize("spelled", ["s+h%41/=", "s%2Bh%2541%2F%3D"])
async def test_the_secret_of_introspection_may_be_sent_as_it_is_or_as_in_a_form(spelled: str) -> None:
    async with World(introspection_secret=Secret("s+h%41/=")) as world:
        said = {"authorization": "Basic " + base64.b64encode(f"x:{spelled}".encode()).decode(), "content-type": FORM}
        asked = Asked("POST", "/oauth/introspect", form={"token": ["x"]}, headers=said)
        assert (await world.ask(asked)).body == b'{"active":false}'


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_a_trouble_is_told_in_the_form_that_is_understood(route: Route) -> None:
    async def failing(*_: object) -> Reply:
        raise Unavailable("no", log="the store is away")

    async with World() as world:
        reply = await answer(world.services, route._replace(endpoint=failing), Asked(route.method, route.path))
        assert reply.status == 503
        assert reply.content_type.startswith("text/html") == route.is_page
        assert b"store" not in reply.body
        assert "the store is away" in world.log.lines[-1]


async def test_programs_may_be_kept_from_introducing_themselves() -> None:
    async with World(registration=False) as world:
        reply = await world.ask(Asked("POST", "/oauth/register", body=b'{"redirect_uris": ["http://127.0.0.1/"]}'))
        assert reply.status == 403
        told = msgspec.json.decode((await world.ask(Asked("GET", "/.well-known/oauth-authorization-server"))).body)
        assert "registration_endpoint" not in told


async def test_what_is_too_much_is_refused() -> None:
    async with World() as world:
        body = b'{"redirect_uris": ["http://127.0.0.1/"], "x": "%s"}' % (b"x" * BODY_BYTES_MAX)
        assert (await world.ask(Asked("POST", "/oauth/register", body=body))).status == 400
        form = {f"x{number}": ["1"] for number in range(100)}
        reply = await world.ask(Asked("POST", "/oauth/token", form=form, headers={"content-type": FORM}))
        assert b"too many parameters" in reply.body
        names = [f"http://127.0.0.1/{str(number) * 230}" for number in range(8)]
        reply = await world.ask(Asked("POST", "/oauth/register", body=msgspec.json.encode({"redirect_uris": names})))
        assert b"too long together" in reply.body


async def test_what_is_unknown_and_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorizations, "REMEMBERED_MAX", 3)
    async with World() as world:
        given = world.directory.authorizations
        client_id = await world.register("http://127.0.0.1/")
        for _ in range(5):
            code = await world.code(client_id, "http://127.0.0.1/", "imap")
            tokens = await given.redeem(
                client_id, code, "http://127.0.0.1/", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
            )
            assert tokens is not None
            assert await given.access(tokens.access) is not None
        assert len(given._known) == 3


async def test_a_network_gets_so_many_codes_for_devices() -> None:
    clock = ManualClock()
    async with World() as world:
        tallies = MemoryTallies(clock)
        world.services = world.services._replace(tallies=tallies)
        client_id = await world.register("http://127.0.0.1/")
        for _ in range(PER_NETWORK_MAX):
            assert (await world.post("/oauth/device", client_id=client_id, scope="imap")).status == 200
        assert (await world.post("/oauth/device", client_id=client_id, scope="imap")).status == 429
        tallies.trouble = Unavailable("no", log="away")
        assert (await world.post("/oauth/device", client_id=client_id, scope="imap")).status == 200
        tallies.trouble = None
        clock.advance(1200)
        assert (await world.post("/oauth/device", client_id=client_id, scope="imap")).status == 200
