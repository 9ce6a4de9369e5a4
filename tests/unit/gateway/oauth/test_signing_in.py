"""The pages: who is let in where, what is asked before, what strangers can do with them, and that all can read them."""

import base64
import hashlib
from collections.abc import AsyncIterator

import msgspec
import pytest

from actors.directory import totp
from actors.directory.granting import Tokens, challenge_of
from tests.unit.gateway.oauth.world import ALICE, ISSUER, VERIFIER, Browser, Page, World

URI = "http://127.0.0.1/back"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as made:
        yield made


@pytest.fixture
def browser(world: World) -> Browser:
    return Browser(world)


async def asking(world: World, uri: str = URI, **other: str) -> dict[str, str]:
    """What a program opens the page with."""
    fields = {
        "response_type": "code",
        "client_id": await world.register(URI, "com.example.bird:/back", "https://bird.test/back?a=1"),
        "redirect_uri": uri,
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
        "scope": "imap smtp offline_access",
        "state": "x&y=z ",
    }
    return {name: value for name, value in (fields | other).items() if value}


def code_now(world: World, secret: bytes, ahead: int = 0) -> str:
    return totp.code_at(secret, world.clock.now_ms() // 30_000 + ahead)


async def signed_in(browser: Browser, **asked: str) -> Page:
    page = await browser.open("/oauth/authorize", **await asking(browser.world, **asked))
    return await browser.press(page, "Sign in", login=ALICE, password="demo")


async def test_a_program_is_let_in(world: World, browser: Browser) -> None:
    asked = await asking(world)
    page = await browser.open("/oauth/authorize", **asked)
    assert "Bird wants to use your mail" in page.text
    page = await browser.press(page, "Sign in", login=" Alice@example.test ", password="demo")
    assert "You are signed in as alice@example.test" in page.text
    assert "Read, move and delete your mail" in page.text
    assert "a program on this device" in page.text
    done = await browser.press(page, "Allow")
    assert done.reply.status == 303
    assert done.reply.body == b""
    assert browser.location.startswith(URI + "?")
    told = browser.told()
    assert (told["state"], told["iss"]) == ("x&y=z ", ISSUER)
    reply = await world.post(
        "/oauth/token",
        grant_type="authorization_code",
        client_id=asked["client_id"],
        code=told["code"],
        redirect_uri=URI,
        code_verifier=VERIFIER,
    )
    assert reply.status == 200
    for line in world.log.lines:
        assert "demo" not in line
        assert told["code"] not in line


async def test_a_program_that_registered_for_refresh_tokens_gets_them(world: World, browser: Browser) -> None:
    """RFC 7591 2, grant_types; what the answer says of scope stays what was asked for."""
    for grants in (("authorization_code",), ("authorization_code", "refresh_token")):
        refreshes, client_id = len(grants) > 1, await world.register(URI, grants=grants)
        page = await signed_in(browser, client_id=client_id, scope="imap")
        assert ("Stay signed in until you end it" in page.text) == refreshes
        await browser.press(page, "Allow")
        asked = {"client_id": client_id, "code": browser.told()["code"], "redirect_uri": URI}
        grant = "authorization_code"
        reply = await world.post("/oauth/token", grant_type=grant, code_verifier=VERIFIER, **asked)
        told = msgspec.json.decode(reply.body)
        assert told["scope"] == "imap"
        assert ("refresh_token" in told) == refreshes
    page = await browser.press(await browser.open("/account"), "Sign in", login=ALICE, password="demo")
    assert page.text.count("Stay signed in until you end it") == 1
    reply = await world.post("/oauth/device", client_id=client_id, scope="smtp")
    told = msgspec.json.decode(reply.body)
    assert await world.directory.authorizations.decide(told["user_code"], world.alice, allowed=True)
    tokens = await world.directory.authorizations.poll(client_id, told["device_code"])
    assert isinstance(tokens, Tokens)
    assert (tokens.scopes, bool(tokens.refresh)) == (("smtp",), True)


@pytest.mark.parametrize(
    ("uri", "begins"),
    [
        ("http://127.0.0.1:51234/back", "http://127.0.0.1:51234/back?"),
        ("com.example.bird:/back", "com.example.bird:/back?"),
        ("https://bird.test/back?a=1", "https://bird.test/back?a=1&"),
    ],
)
async def test_where_a_program_is_answered(browser: Browser, uri: str, begins: str) -> None:
    page = await signed_in(browser, uri=uri)
    await browser.press(page, "Allow")
    assert browser.location.startswith(begins)
    source = {"com": "com.example.bird:", "htt": uri.partition("/back")[0]}[uri[:3]]
    assert f"form-action 'self' {source};" in page.headers()["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("kept", "uri"),
    [
        ("http://localhost/back", "http://localhost:51234/back"),
        ("http://localhost:3000/back", "http://localhost/back"),
        ("http://[::1]:1/back", "http://[::1]:51234/back"),
        ("http://[::1]/back?", "http://[::1]/back?"),
    ],
)
async def test_a_program_on_this_device_listens_at_any_port(
    world: World, browser: Browser, kept: str, uri: str
) -> None:
    client_id = await world.register(kept)
    page = await browser.open("/oauth/authorize", **await asking(world, uri=uri, client_id=client_id))
    page = await browser.press(page, "Sign in", login=ALICE, password="demo")
    await browser.press(page, "Allow")
    assert browser.location.partition("?")[0] == uri.partition("?")[0]
    assert "code" in browser.told()


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1/back/",
        "http://127.0.0.1:51234/other",
        "http://127.0.0.1:51234/back#x",
        "http://127.0.0.1:x/back",
        "http://127.0.0.1@evil.test/back",
        "http://127.0.0.1.evil.test/back",
        "http://localhost/back",
        "http://[::1]/back",
        "https://bird.test/back",
        "https://bird.test/back?a=1&b=2",
        "https://bird.test:444/back?a=1",
        "https://evil.test/back?a=1",
        "",
    ],
)
async def test_nobody_is_sent_where_the_program_is_not(browser: Browser, uri: str) -> None:
    page = await browser.open("/oauth/authorize", **await asking(browser.world, uri=uri))
    assert page.reply.status == 400
    assert "wants to be answered" in page.text
    assert not page.forms
    assert not [values for tag, values in page.tags if tag == "a"]
    assert not browser.location


@pytest.mark.parametrize("client_id", ["", "nobody", "AAAA" * 600, "\u00e9"])
async def test_a_program_that_is_not_known(browser: Browser, client_id: str) -> None:
    page = await browser.open("/oauth/authorize", **await asking(browser.world, client_id=client_id))
    assert page.reply.status == 400
    assert not page.forms
    assert "not known here" in page.text


@pytest.mark.parametrize(
    ("other", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": ""}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"scope": ""}, "invalid_scope"),
        ({"scope": "offline_access profile"}, "invalid_scope"),
        ({"prompt": "none"}, "interaction_required"),
        ({"resource": "https://mail.example.test.evil.test/"}, "invalid_target"),
        ({"state": "x" * 1025}, "invalid_request"),
    ],
)
async def test_an_error_is_shown_and_followed_by_who_wants_to(
    browser: Browser, other: dict[str, str], error: str
) -> None:
    page = await browser.open("/oauth/authorize", **await asking(browser.world, **other))
    assert page.reply.status == 400
    assert not browser.location
    (link,) = [values["href"] for tag, values in page.tags if tag == "a"]
    assert link.startswith(f"{URI}?error={error}&")
    assert f"iss={ISSUER.replace(':', '%3A').replace('/', '%2F')}" in link


async def test_it_is_refused(browser: Browser) -> None:
    await browser.press(await signed_in(browser), "Do not allow")
    assert browser.told() == {"error": "access_denied", "state": "x&y=z ", "iss": ISSUER}


@pytest.mark.parametrize(
    ("login", "password"),
    [
        (ALICE, "Demo"),
        ("nobody@example.test", "demo"),
        ("alice", "demo"),
        ("x" * 1000, "demo"),
        (ALICE, "a\x07"),
        (ALICE, "x" * 2000),
    ],
)
async def test_a_wrong_password_is_always_told_alike(browser: Browser, login: str, password: str) -> None:
    page = await browser.open("/oauth/authorize", **await asking(browser.world))
    page = await browser.press(page, "Sign in", login=login, password=password)
    assert "The address or the password is wrong." in page.text
    assert page.title.startswith("Error: ")
    assert page.forms[0].fields["password"] == [""]
    page = await browser.press(page, "Sign in", login=ALICE, password="demo")
    assert "will be able to" in page.text


async def test_an_app_password_opens_no_page(world: World, browser: Browser) -> None:
    made = await world.directory.add_app_password(ALICE, "phone")
    page = await browser.open("/oauth/authorize", **await asking(world))
    page = await browser.press(page, "Sign in", login=ALICE, password=made.password)
    assert "is wrong" in page.text


async def test_a_code_is_asked_for_where_there_is_a_second_factor(world: World, browser: Browser) -> None:
    secret = await world.second_factor()
    world.clock.advance(90)
    page = await signed_in(browser)
    for typed, said in (("", "Fill in the code"), ("000000", "wrong"), (code_now(world, secret, -2), "wrong")):
        page = await browser.press(page, "Allow", code=typed)
        assert said in page.text
        assert not browser.location
    await browser.press(page, "Allow", code=code_now(world, secret))
    assert "code" in browser.told()
    again = await browser.press(page, "Allow", code=code_now(world, secret))
    assert "used already" in again.text


async def test_a_second_factor_set_up_meanwhile_is_asked_for(world: World, browser: Browser) -> None:
    consent, home = await signed_in(browser), await at_home(browser)
    pending = await world.directory.authorizations.new_device("x", "Printer", ("smtp",))
    device = await browser.press(
        await browser.open("/device"), "Sign in", login=ALICE, password="demo", user_code=pending.user_code
    )
    secret = await world.second_factor()
    world.clock.advance(60)
    for page, button in ((consent, "Allow"), (device, "Allow"), (home, "Make an app password")):
        page = await browser.press(page, button)
        assert "Fill in the code" in page.text
        assert "code" in page.forms[0].fields
        assert not browser.location
    page = await browser.press(page, "Continue", code=code_now(world, secret))
    assert "You are signed in" in page.text
    page = await browser.press(page, "Make an app password", label="phone")
    assert len(page.codes()) == 1


async def test_a_closed_account_lets_nobody_in(world: World, browser: Browser) -> None:
    page = await signed_in(browser)
    await world.directory.set_disabled(ALICE, True)
    page = await browser.press(page, "Allow")
    assert "not signed in any more" in page.text
    assert not browser.location


@pytest.mark.parametrize("path", ["/oauth/authorize", "/account", "/device"])
async def test_another_password_ends_pages_that_are_open(world: World, browser: Browser, path: str) -> None:
    pending = await world.directory.authorizations.new_device(await world.register(URI), "Printer", ("smtp",))
    asked = await asking(world) if path == "/oauth/authorize" else {"user_code": pending.user_code}
    page = await browser.press(await browser.open(path, **asked), "Sign in", login=ALICE, password="demo")
    await world.directory.set_password(ALICE, "other")
    page = await browser.press(page, "Make an app password" if path == "/account" else "Allow")
    assert "not signed in any more" in page.text
    assert not browser.location
    assert await world.directory.list_app_passwords(ALICE) == []
    assert await world.directory.authorizations.device(pending.user_code) is not None


async def test_who_has_signed_in_is_in_for_half_an_hour(world: World, browser: Browser) -> None:
    page = await at_home(browser)
    for _ in range(2):
        world.clock.advance(899)
        page = await browser.press(page, "Set up an authenticator app")
        assert page.reply.status == 200
        page.forms[0].buttons.append(("action", "begin-app", "Set up an authenticator app"))
    world.clock.advance(3)
    assert (await browser.press(page, "Turn it on", code="000000")).reply.status == 400


@pytest.mark.parametrize("path", ["/oauth/authorize", "/device", "/account"])
async def test_a_form_of_another_browser_or_another_day_does_nothing(world: World, browser: Browser, path: str) -> None:
    page = await browser.open(path, **(await asking(world) if path == "/oauth/authorize" else {}))
    strange = Browser(world)
    for cookie in ("", "__Host-rookery-form=" + "A" * 24, "__Host-rookery-form=short"):
        strange.cookie = cookie
        assert (await strange.press(page, "Sign in", login=ALICE, password="demo")).reply.status == 400
    for ticket in ("", "x", page.forms[0].fields["ticket"][0][:-4] + "AAAA", "A" * 20_000):
        assert (await browser.press(page, "Sign in", login=ALICE, password="demo", ticket=ticket)).reply.status == 400
    world.clock.advance(1800)
    assert (await browser.press(page, "Sign in", login=ALICE, password="demo")).reply.status == 400


async def test_a_ticket_of_one_page_is_none_of_another(world: World, browser: Browser) -> None:
    page = await signed_in(browser)
    ticket = page.forms[0].fields["ticket"][0]
    other = await browser.open("/account")
    assert (await browser.press(other, "Sign in", login="", password="", ticket=ticket)).reply.status == 400


async def test_a_device_is_connected(world: World, browser: Browser) -> None:
    client_id = await world.register(URI, name="Printer")
    pending = await world.directory.authorizations.new_device(client_id, "Printer", ("smtp",))
    page = await browser.open("/device", user_code=pending.user_code)
    assert page.forms[0].fields["user_code"] == [pending.user_code]
    page = await browser.press(page, "Sign in", login=ALICE, password="demo", user_code="BBBB-BBBB")
    assert "no such code" in page.text
    page = await browser.press(page, "Sign in", login=ALICE, password="wrong", user_code=pending.user_code.lower())
    assert "is wrong" in page.text
    page = await browser.press(page, "Sign in", login=ALICE, password="demo")
    assert "Send mail in your name" in page.text
    assert pending.user_code in page.text
    page = await browser.press(page, "Allow")
    assert "Printer is signed in now" in page.text
    assert isinstance(await world.directory.authorizations.poll(client_id, pending.device_code), Tokens)


async def test_a_device_with_a_second_factor_and_one_turned_away(world: World, browser: Browser) -> None:
    secret = await world.second_factor()
    world.clock.advance(60)
    client_id = await world.register(URI, name="Printer")
    for button, said in (("Do not allow", "was not let in"), ("Allow", "is signed in")):
        pending = await world.directory.authorizations.new_device(client_id, "Printer", ("smtp",))
        page = await browser.open("/device")
        page = await browser.press(page, "Sign in", login=ALICE, password="demo", user_code=pending.user_code)
        if button == "Allow":
            assert "wrong" in (await browser.press(page, "Allow", code="000000")).text
        page = await browser.press(page, button, code=code_now(world, secret))
        assert said in page.text


async def at_home(browser: Browser) -> Page:
    return await browser.press(await browser.open("/account"), "Sign in", login=ALICE, password="demo")


async def test_app_passwords_are_made_and_removed(world: World, browser: Browser) -> None:
    page = await at_home(browser)
    wrong = await browser.press(page, "Make an app password", label=" ")
    assert "Name what the app password is for" in wrong.text
    wrong = await browser.press(page, "Make an app password", label="phone", service=[])
    assert "for one or more of" in wrong.text
    made = await browser.press(page, "Make an app password", label="<b>phone</b>", service=["imap"])
    (password,) = made.codes()
    assert await world.directory.verify(ALICE, password, "imap")
    assert not await world.directory.verify(ALICE, password, "smtp")
    page = await browser.press(made, "Back to your account")
    assert password not in page.reply.body.decode()
    page = await browser.press(page, "Remove <b>phone</b>")
    assert "cannot sign in any more" in page.text
    assert not await world.directory.verify(ALICE, password, "imap")
    assert not any(password in line for line in world.log.lines)


async def test_programs_are_shown_and_ended(world: World, browser: Browser) -> None:
    client_id = await world.register(URI)
    code = await world.code(client_id, URI, "imap offline_access")
    tokens = await world.directory.authorizations.redeem(client_id, code, URI, VERIFIER)
    assert tokens is not None
    page = await at_home(browser)
    assert "Bird: last used on 2023-11-14" in page.text
    page = await browser.press(page, "End Bird")
    assert "There are none." in page.text
    assert await world.directory.authorizations.access(tokens.access) is None


async def test_an_authenticator_app_is_set_up_and_removed(world: World, browser: Browser) -> None:
    page = await browser.press(await at_home(browser), "Set up an authenticator app")
    secret = totp.secret_of(page.codes()[0])
    page = await browser.press(page, "Turn it on", code="000000")
    assert "code is wrong" in page.text
    assert totp.secret_of(page.codes()[0]) == secret
    page = await browser.press(page, "Turn it on", code=code_now(world, secret))
    recovery = page.codes()
    assert len(recovery) == totp.RECOVERY_CODES
    assert "Programs that were let in" in (await browser.press(page, "Back to your account")).text
    assert not await world.directory.verify(ALICE, "demo", "imap")
    page = await at_home(browser)
    assert "Programs that were let in" not in page.text
    page = await browser.press(page, "Continue", code=recovery[0])
    assert "9 recovery codes are left" in page.text
    wrong = await browser.press(page, "Remove the authenticator app", code=recovery[0])
    assert "used already" in wrong.text
    assert [values["name"] for _, values in wrong.tags if "aria-invalid" in values] == ["code"]
    world.clock.advance(60)
    page = await browser.press(page, "Remove the authenticator app", code=code_now(world, secret))
    assert "No code is asked for any more" in page.text
    assert not any(text in line for line in world.log.lines for text in [*recovery, totp.secret_text(secret)])


async def test_the_pages_of_one_half_signed_in_do_nothing(world: World, browser: Browser) -> None:
    await world.second_factor()
    page = await at_home(browser)
    page.forms[0].buttons.append(("action", "begin-app", "forged"))
    assert "Fill in the code" in (await browser.press(page, "forged")).text


async def pages(world: World, browser: Browser) -> list[Page]:
    """One of each."""
    await world.directory.add_app_password(ALICE, "phone")
    client_id = await world.register(URI)
    await world.directory.authorizations.redeem(client_id, await world.code(client_id, URI, "imap"), URI, VERIFIER)
    asked = await asking(world)
    sign_in = await browser.open("/oauth/authorize", **asked)
    home = await at_home(browser)
    setup = await browser.press(home, "Set up an authenticator app")
    device = await browser.open("/device")
    pending = await world.directory.authorizations.new_device(client_id, "Printer", ("smtp",))
    found = [
        sign_in,
        await browser.press(sign_in, "Sign in", login=ALICE, password="wrong"),
        await browser.press(sign_in, "Sign in", login=ALICE, password="demo"),
        await browser.press(setup, "Turn it on", code="000000"),
        await browser.open("/oauth/authorize", **asked | {"scope": "x"}),
        await browser.open("/oauth/authorize"),
        device,
        await browser.press(device, "Sign in", login=ALICE, password="demo", user_code=pending.user_code),
        await browser.press(device, "Sign in", login="", password="", ticket=""),
        home,
        await browser.press(home, "Make an app password", label="pad"),
        setup,
    ]
    await world.second_factor()
    world.clock.advance(60)
    found.append(await browser.press(await browser.open("/account"), "Sign in", login=ALICE, password="demo"))
    return found


async def test_every_page_can_be_read_by_all_and_shown_by_nobody(world: World, browser: Browser) -> None:
    seen = await pages(world, browser)
    assert len({page.title for page in seen}) >= 9
    for page in seen:
        headers, tags = page.headers(), page.tags
        policy = headers["Content-Security-Policy"]
        for wanted in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
            assert wanted in policy
        assert f"'sha256-{base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()}'" in policy
        assert "unsafe" not in policy
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        names = [tag for tag, _ in tags]
        assert not {"script", "img", "iframe", "link"} & set(names)
        assert not [name for _, values in tags for name in values if name.startswith("on") or name == "style"]
        assert dict(tags)["html"]["lang"] == "en"
        levels = [int(name[1]) for name in names if name in ("h1", "h2", "h3")]
        assert levels == sorted(levels)
        assert names.count("legend") == names.count("fieldset")
        assert all(said.strip() for form in page.forms for _name, _value, said in form.buttons)
        assert names.count("h1") == names.count("main") == names.count("title") == 1
        assert "width=device-width" in [values.get("content", "") for tag, values in tags if tag == "meta"][1]
        for tag, values in tags:
            if tag != "input" or values.get("type") == "hidden":
                continue
            assert values.get("id") in page.labels or "label" in values["within"].split(), values
            ids = [other["id"] for _, other in tags if "id" in other]
            assert len(ids) == len(set(ids))
            described = values.get("aria-describedby", "").split()
            assert set(described) <= set(ids)
            assert ("error" in described) == ("aria-invalid" in values)
        assert ("alert" in [values.get("role") for _, values in tags]) == page.title.startswith("Error: ")
    assert "color-scheme:light dark" in seen[0].style


async def test_a_cookie_is_of_this_host_alone(browser: Browser) -> None:
    page = await browser.open("/account")
    cookie = page.headers()["Set-Cookie"]
    assert cookie.startswith("__Host-")
    for wanted in ("Path=/", "Secure", "HttpOnly", "SameSite=Lax"):
        assert wanted in cookie.split("; ")
    assert "Set-Cookie" not in (await browser.open("/account")).headers()


async def test_names_that_strangers_chose_are_only_read(world: World, browser: Browser) -> None:
    name = "<img src=x onerror=alert(1)>\" ' &amp;"
    client_id = await world.register(URI, name=name)
    page = await browser.open("/oauth/authorize", **await asking(world, client_id=client_id))
    page = await browser.press(page, "Sign in", login='"><script>', password="x")
    assert "img" not in [tag for tag, _ in page.tags]
    assert name in page.words
    assert page.forms[0].fields["login"] == ['"><script>']
