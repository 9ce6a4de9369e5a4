"""Whose a request is: Basic and Bearer, what is counted, what is remembered and for how long."""

import base64
import random
from typing import Any

import pytest

from actors.directory.types import Principal
from cluster.clock import ManualClock
from gateway.logins import TooManyFailures
from gateway.web import credentials as module
from gateway.web.answers import Answer
from gateway.web.credentials import Credentials, Introspected
from gateway.web.exchange import Exchange
from tests.unit.gateway.web.world import Response, World

ALICE = Principal(1, "alice@example.test")


class Directory:
    """Alice's password changes; checks are counted."""

    def __init__(self) -> None:
        self.password = "pâss"
        self.checks = 0
        self.takes_tokens = True
        self.services: set[str] = set()

    def token_help(self, service: str) -> tuple[str, str]:
        return "", ""

    async def stands(self, number: int, credential: str) -> bool:
        raise NotImplementedError

    async def verify(self, login: str, password: str, service: str = "") -> Principal | None:
        self.services.add(service)
        self.checks += 1
        return ALICE if login == "alice" and password == self.password else None

    async def principal(self, login: str, credential: str = "") -> Principal | None:
        return None

    async def scram(self, login: str, service: str = "") -> None:
        return None

    async def is_token(self, token: str) -> bool:
        return token in ("good", "narrow")

    async def token(self, login: str, token: str, service: str = "") -> Principal | None:
        self.services.add(service)
        return ALICE if token == "good" else None


class Attempts:
    """The Logins, and each attempt of theirs."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.full = False

    def attempt(self, ip: str) -> "Attempts":
        return self

    async def begin(self, name: str, secret: str = "") -> None:
        self.told.append("begin")
        if self.full:
            raise TooManyFailures(90, log="too many")

    async def succeeded(self, name: str) -> None:
        self.told.append("succeeded")

    async def failed(self, pause_s: float) -> float:
        self.told.append("failed")
        return 0.0

    def close(self) -> None:
        pass


class Site:
    """A world with a resource that needs somebody."""

    def __init__(self, **settings: Any) -> None:
        self.world = World(**{"login_failure_delay_s": 0.0, **settings})
        self.directory, self.attempts = Directory(), Attempts()
        self.clock: ManualClock = self.world.clock
        bearer = Introspected(self.directory)
        self.credentials = Credentials(
            self.directory, self.attempts, bearer, self.clock, random.Random(1), challenge=', x="y"'
        )

        async def whoami(exchange: Exchange) -> Answer:
            return Answer(200, (await self.credentials.principal(exchange, "mail")).login.encode())

        self.world.router.add("/me", whoami, cors=True)

    async def ask(self, authorization: str = "", ip: str = "192.0.2.1") -> Response:
        client = self.world.connect(ip)
        line = f"Authorization: {authorization}\r\n" if authorization else ""
        await client.send(f"GET /me HTTP/1.1\r\nHost: a.test\r\n{line}\r\n".encode())
        response = client.response()
        await client.leave()
        return response


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


async def test_nobody_is_told_how_to_log_in() -> None:
    response = await Site().ask()
    assert response.status == 401
    ways = response.headers["www-authenticate"]
    assert ways == 'Bearer realm="Rookery", scope="mail", x="y", Basic realm="Rookery", charset="UTF-8"'


async def test_a_name_and_a_password() -> None:
    site = Site()
    response = await site.ask(basic("alice", "pâss"))
    assert (response.status, response.body) == (200, b"alice@example.test")
    assert site.attempts.told == ["begin", "succeeded"]


async def test_a_client_is_counted_once_and_its_password_looked_at_each_time() -> None:
    site = Site()
    for _ in range(3):
        assert (await site.ask(basic("alice", "pâss"))).status == 200
    assert site.attempts.told == ["begin", "succeeded"]
    assert site.directory.checks == 3
    site.clock.advance(121)
    await site.ask(basic("alice", "pâss"))
    assert site.attempts.told == ["begin", "succeeded"] * 2


async def test_a_changed_password_is_wrong_at_once_and_counted() -> None:
    site = Site()
    await site.ask(basic("alice", "pâss"))
    site.directory.password = "other"
    assert (await site.ask(basic("alice", "pâss"))).status == 401
    assert site.attempts.told == ["begin", "succeeded", "begin", "failed"]


async def test_another_network_is_counted_by_itself() -> None:
    site = Site()
    await site.ask(basic("alice", "pâss"))
    await site.ask(basic("alice", "pâss"), "198.51.100.1")
    assert site.attempts.told == ["begin", "succeeded"] * 2


async def test_wrong_ones_look_alike_whoever_they_name(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()
    answers = [await site.ask(basic(name, "wrong")) for name in ("alice", "nobody")]
    assert answers[0] == answers[1]
    assert site.attempts.told == ["begin", "failed"] * 2
    assert "wrong" not in repr(site.world.log.said)


async def test_too_many_failures() -> None:
    site = Site()
    site.attempts.full = True
    response = await site.ask(basic("alice", "pâss"))
    assert (response.status, response.headers["retry-after"]) == (429, "90")
    assert site.directory.checks == 0


@pytest.mark.parametrize(
    "said", ["Basic", "Basic !", "Basic YQ==", "Basic /////w==", "Digest x", "nonsense", "Basic " + "YQ" * 5000]
)
async def test_what_makes_no_sense_is_neither_looked_at_nor_counted(said: str) -> None:
    site = Site()
    response = await site.ask(said)
    assert response.status == 401
    assert 'error="invalid_request"' in response.headers["www-authenticate"]
    assert not site.attempts.told


async def test_tokens() -> None:
    site = Site()
    assert (await site.ask("bearer  good")).status == 200
    response = await site.ask("Bearer bad")
    assert response.status == 401
    assert 'error="invalid_token"' in response.headers["www-authenticate"]
    assert not site.attempts.told
    site.directory.takes_tokens = False
    assert (await site.ask("Bearer good")).status == 401


async def test_a_token_for_something_else() -> None:
    response = await Site().ask("Bearer narrow")
    assert response.status == 403  # RFC 6750 3.1
    assert response.headers["www-authenticate"] == (
        'Bearer realm="Rookery", scope="mail", error="insufficient_scope", x="y"'
    )


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n", 403),
        ("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n", 403),
        ("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\nOrigin: https://b.test\r\n", 200),
        ("Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: no-cors\r\n", 200),
        ("Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\n", 200),
    ],
)
async def test_a_page_of_another_site_uses_no_remembered_password(fields: str, status: int) -> None:
    site = Site()
    assert (await site.ask(f"{basic('alice', 'pâss')}\r\n{fields}".removesuffix("\r\n"))).status == status
    assert site.directory.checks == (status == 200)


@pytest.mark.parametrize(
    ("origin", "good"),
    [
        ("", True),
        ("https://a.test", True),
        ("https://A.test", True),
        ("https://webmail.test", True),
        ("https://evil.test", False),
        ("https://a.test.evil.test", False),
        ("http://a.test", False),
        ("null", False),
    ],
)
async def test_nor_a_websocket(origin: str, good: bool) -> None:
    site = Site(origins=("https://webmail.test",))

    async def socket(exchange: Exchange) -> None:
        await site.credentials.principal(exchange)
        async with exchange.websocket("jmap"):
            pass

    site.world.router.add("/own", socket, websocket=True)
    client = site.world.connect()
    line = f"Origin: {origin}\r\n" if origin else ""
    await client.send(
        f"GET /own HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        f"Sec-WebSocket-Protocol: jmap\r\n{line}Authorization: {basic('alice', 'pâss')}\r\n\r\n".encode()
    )
    assert client.response(head_only=True).status == (101 if good else 403)
    await client.leave()


async def test_passwords_may_be_unwanted() -> None:
    site = Site(basic=False)
    response = await site.ask(basic("alice", "pâss"))
    assert response.status == 401
    assert "Basic" not in response.headers["www-authenticate"]
    assert site.directory.checks == 0


async def test_what_others_can_read_is_not_looked_at() -> None:
    site = Site()
    client = site.world.connect()
    client.connection.secure = False
    await client.send(f"GET /me HTTP/1.1\r\nHost: a\r\nAuthorization: {basic('alice', 'pâss')}\r\n\r\n".encode())
    assert client.response().status == 403
    assert site.directory.checks == 0


async def test_few_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED_MAX", 1)
    site = Site()
    for ip in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
        await site.ask(basic("alice", "pâss"), ip)
    assert site.attempts.told == ["begin", "succeeded"] * 3


async def test_who_logs_in_is_asked_about_for_the_service() -> None:
    site = Site()
    for _ in range(2):
        assert (await site.ask(basic("alice", "p\u00e2ss"))).status == 200
    assert (await site.ask("Bearer good")).status == 200
    assert site.directory.services == {"mail"}
