"""Pushes to a real push service over TLS on the loopback, which reads what it gets; and where nothing is sent."""

import asyncio
import datetime as dt
import random
import ssl
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp import web

from actors.push.client import PushClient
from cluster.certificates import self_signed, server_context
from cluster.clock import ManualClock
from cluster.dns.memory import MemoryResolver
from cluster.meta.memory import MemoryStore
from gateway.https import is_public
from gateway.push.poster import HttpsPoster
from gateway.push.pusher import Pusher
from mail.jmap import subscriptions as subs
from mail.jmap.subscriptions import Asked
from tests.unit.gateway.push.service import Service
from tests.webpush import Agent

NAME = "push.example.test"


class Site(NamedTuple):
    origin: str
    trusting: ssl.SSLContext
    service: Service

    def poster(
        self, address: str = "127.0.0.1", allowed: Callable[[str], bool] | None = None, seconds: float = 20.0
    ) -> HttpsPoster:
        kind = "AAAA" if ":" in address else "A"
        resolver = MemoryResolver({NAME: {kind: [address]}})
        allow = allowed or (lambda found: found == "127.0.0.1")
        return HttpsPoster(resolver, context=self.trusting, allowed=allow, seconds=seconds)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    service = Service(time.time())
    asleep = asyncio.Event()
    origin = ""

    async def take(request: web.Request) -> web.Response:
        answer = service.receive(origin, request.path, await request.read(), request.headers)
        headers = {"Retry-After": answer.retry_after} if answer.retry_after else {}
        return web.Response(status=answer.status, headers=headers)

    async def away(request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("/agent")

    async def slow(request: web.Request) -> web.Response:
        await asleep.wait()
        return web.Response()

    async def endless(request: web.Request) -> web.Response:
        return web.Response(headers={"X": "y" * 100_000})

    certificate, key = self_signed(tmp_path, [NAME], dt.datetime.now(dt.UTC))
    app = web.Application()
    app.add_routes([web.post("/away", away), web.post("/slow", slow), web.post("/endless", endless)])
    app.add_routes([web.post("/{name}", take)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_context(certificate, key)).start()
    origin = f"https://{NAME}:{runner.addresses[0][1]}"
    yield Site(origin, ssl.create_default_context(cafile=str(certificate)), service)
    asleep.set()
    await runner.cleanup()


def pusher(site: Site, poster: HttpsPoster) -> Pusher:
    clock = ManualClock(int(time.time() * 1000))
    return Pusher(poster, PushClient(MemoryStore(), clock), clock, random.Random(1))


async def subscription(pusher: Pusher, site: Site, path: str = "/agent") -> subs.Subscription:
    agent = site.service.agents[path] = Agent()
    asked = Asked("device", site.origin + path, (agent.keys["p256dh"], agent.keys["auth"]))
    return subs.made(asked, "P1", 1, bytes(24), server_key=await pusher.server_key())


async def test_a_code_and_a_change_arrive(site: Site) -> None:
    push = pusher(site, site.poster())
    one = await subscription(push, site)
    assert (await push.verify(one)).meaning == "taken"
    assert (await push.tell(one, {"A1f": {"Email": "7"}})).meaning == "taken"
    assert site.service.content() == [
        {"@type": "PushVerification", "pushSubscriptionId": "P1", "verificationCode": one.code},
        {"@type": "StateChange", "changed": {"A1f": {"Email": "7"}}},
    ]


async def test_each_message_has_randomness_of_its_own(site: Site) -> None:
    sent: list[bytes] = []
    poster = site.poster()

    async def post(url: str, body: bytes, fields: object) -> object:
        sent.append(body)
        return await poster(url, body, fields)  # type: ignore[arg-type]

    push = pusher(site, poster)
    push._post = post  # type: ignore[assignment]
    one = await subscription(push, site)
    for _ in range(2):
        await push.tell(one, {"A1f": {"Email": "7"}})
    assert sent[0][:16] != sent[1][:16], "salts"
    assert sent[0][21:86] != sent[1][21:86], "keys"


async def test_what_the_service_says_is_understood(site: Site) -> None:
    push = pusher(site, site.poster())
    gone = await subscription(push, site)
    del site.service.agents["/agent"]
    assert (await push.verify(gone)).meaning == "gone"
    site.service.room = 100
    large = await subscription(push, site)
    assert (await push.verify(large)).meaning == "too-large"
    answer = await site.poster()(f"{site.origin}/endless", b"", {})
    assert answer.status == 0
    assert answer.why
    assert not answer.forbidden


async def test_no_redirect_is_followed(site: Site) -> None:
    push = pusher(site, site.poster())
    one = await subscription(push, site, "/away")
    assert (await push.verify(one)).meaning == "refused"
    assert site.service.asked == 0


async def test_a_slow_service_is_left(site: Site) -> None:
    push = pusher(site, site.poster(seconds=0.2))
    assert (await push.verify(await subscription(push, site, "/slow"))).meaning == "again"


async def test_a_certificate_that_nobody_knows_is_not_trusted(site: Site) -> None:
    poster = HttpsPoster(MemoryResolver({NAME: {"A": ["127.0.0.1"]}}), allowed=lambda _address: True)
    push = pusher(site, poster)
    assert (await push.verify(await subscription(push, site))).meaning == "again"
    assert site.service.asked == 0


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "::1", "fe80::1", "::ffff:127.0.0.1", "0.0.0.0"],
)
async def test_nothing_is_sent_into_our_own_network(site: Site, address: str) -> None:
    push = pusher(site, site.poster(address, is_public))
    assert (await push.verify(await subscription(push, site))).meaning == "again"
    host = f"[{address}]" if ":" in address else address
    answer = await site.poster(allowed=is_public)(f"https://{host}:{site.origin.rpartition(':')[2]}/agent", b"", {})
    assert answer.forbidden
    assert site.service.asked == 0


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1.", "a.0x7f"])
async def test_an_address_in_another_spelling_is_none(site: Site, host: str) -> None:
    answer = await site.poster(allowed=is_public)(f"https://{host}:{site.origin.rpartition(':')[2]}/agent", b"", {})
    assert answer.forbidden


@pytest.mark.parametrize("url", ["http://push.example.test/", "https://", "https://a@b/", "https://[/", "mailto:x"])
async def test_what_is_no_url_is_never_sent_to(site: Site, url: str) -> None:
    assert (await site.poster()(url, b"", {})).forbidden


async def test_a_token_is_the_same_for_half_its_life(site: Site) -> None:
    push = pusher(site, site.poster())
    one = await subscription(push, site)
    key = (await push._known())[one.server_key]
    token = push._token(key, one)
    clock = push._clock
    assert isinstance(clock, ManualClock)
    clock.advance(5 * 3600)
    assert push._token(key, one) == token
    clock.advance(2 * 3600)
    assert push._token(key, one) != token
