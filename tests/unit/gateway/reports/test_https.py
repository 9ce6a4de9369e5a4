"""Reports over HTTPS, to a server of our own on the loopback."""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp import web

from cluster.certificates import self_signed, server_context
from gateway.https import is_public
from gateway.reports.https import TYPE, HttpsPoster
from tests.unit.gateway.trust.resolving import Resolver

BODY = b"\x1f\x8b a report"


class Site(NamedTuple):
    uri: str
    trusting: ssl.SSLContext
    taken: list[tuple[str, bytes]]

    def poster(self, address: str = "127.0.0.1", seconds: float = 20.0) -> HttpsPoster:
        resolver = Resolver({"localhost": {"A": [address]}}, wait_s=0)
        return HttpsPoster(resolver, context=self.trusting, allowed=lambda found: found == "127.0.0.1", seconds=seconds)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    taken: list[tuple[str, bytes]] = []
    asleep = asyncio.Event()

    async def take(request: web.Request) -> web.Response:
        taken.append((request.headers["Content-Type"], await request.read()))
        return web.Response(status=201)

    async def away(request: web.Request) -> web.Response:
        raise web.HTTPFound("/report")

    async def slow(request: web.Request) -> web.Response:
        await asleep.wait()
        return web.Response()

    async def endless(request: web.Request) -> web.Response:
        return web.Response(headers={"X": "y" * 100_000})

    certificate, key = self_signed(tmp_path, ["localhost"], dt.datetime.now(dt.UTC))
    app = web.Application()
    app.add_routes([web.post("/report", take), web.post("/away", away), web.post("/slow", slow)])
    app.add_routes([web.post("/endless", endless)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_context(certificate, key)).start()
    port = runner.addresses[0][1]
    yield Site(f"https://localhost:{port}", ssl.create_default_context(cafile=str(certificate)), taken)
    asleep.set()
    await runner.cleanup()


async def test_it_is_taken(site: Site) -> None:
    assert await site.poster()(f"{site.uri}/report", BODY) == ""
    assert site.taken == [(TYPE, BODY)]


async def test_what_is_not_taken_is_told(site: Site) -> None:
    assert await site.poster()(f"{site.uri}/nothing", BODY) == "HTTP status 404"
    assert await site.poster()(f"{site.uri}/away", BODY) == "HTTP status 302"
    assert await site.poster()(f"{site.uri}/endless", BODY)
    assert await site.poster()("https://localhost:1/report", BODY)
    assert site.taken == []


async def test_a_slow_server_is_left(site: Site) -> None:
    assert await site.poster(seconds=0.2)(f"{site.uri}/slow", BODY)


async def test_a_certificate_that_nobody_knows_is_not_trusted(site: Site) -> None:
    poster = site.poster()
    poster._context = ssl.create_default_context()
    assert "CERTIFICATE_VERIFY_FAILED" in await poster(f"{site.uri}/report", BODY)


async def test_nothing_goes_to_addresses_that_are_not_public(site: Site) -> None:
    port = site.uri.rpartition(":")[2]
    for uri in (f"https://127.0.0.1:{port}/report", f"https://[::1]:{port}/report", "https://10.1.2.3/"):
        poster = HttpsPoster(Resolver({}, wait_s=0), context=site.trusting)
        assert "no public address" in await poster(uri, BODY)
    inside = HttpsPoster(Resolver({"localhost": {"A": ["127.0.0.1"]}}, wait_s=0), context=site.trusting)
    assert await inside(f"{site.uri}/report", BODY)
    assert site.taken == []


@pytest.mark.parametrize(
    "uri", ["", "https:", "http://x.test/", "mailto:a@b.test", "https://[::1", "https://user@x.test/", "https:///x"]
)
async def test_what_is_no_https_uri(uri: str) -> None:
    assert await HttpsPoster(Resolver({}, wait_s=0))(uri, BODY)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("192.0.2.1", False),
        ("8.8.8.8", True),
        ("10.0.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("fe80::1", False),
        ("2a00:1450::1", True),
        ("64:ff9b::10.0.0.1", False),  # by a translator (RFC 6052)
        ("64:ff9b::8.8.8.8", True),
        ("64:ff9b:1::1", False),
        ("2002:7f00:1::", False),  # 6to4
        ("2002:a00:1::1", False),
        ("::127.0.0.1", False),
        ("fec0::1", False),
        ("4000::1", False),
        ("x", False),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) == public
