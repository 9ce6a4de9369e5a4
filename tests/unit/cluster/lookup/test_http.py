"""Lookups over HTTP, from a server on this machine: read when changed, bounded, kept when it fails."""

import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from cluster.errors import Unavailable
from cluster.lookup.http import Http
from cluster.lookup.settings import LookupSettings


class Site:
    """A server that answers as it is told."""

    def __init__(self) -> None:
        self.body = b"a=1\n"
        self.status = 200
        self.tag = '"one"'
        self.headers: dict[str, str] = {}
        self.asked: list[str] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.headers.get("If-None-Match", ""))
        if self.asked[-1] and self.asked[-1] == self.tag:
            return web.Response(status=304)
        return web.Response(body=self.body, status=self.status, headers={"ETag": self.tag, **self.headers})

    def source(self, **settings: Any) -> Http:
        return Http(LookupSettings(kind="http", url=self.url, bytes_max=5000, entries_max=100, **settings))


async def send_round(_request: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": "/round"})


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    app = web.Application()
    app.router.add_get("/list", site.answer)
    app.router.add_get("/round", send_round)
    runner = web.AppRunner(app)
    await runner.setup()
    listening = web.TCPSite(runner, "127.0.0.1", 0)
    await listening.start()
    assert listening._server is not None
    site.url = f"http://127.0.0.1:{runner.addresses[0][1]}/list"
    yield site
    await runner.cleanup()


async def test_a_list_is_read_again_when_it_has_changed(site: Site) -> None:
    source = site.source()
    table = await source.read()
    assert table is not None
    assert table.find("a") == "1"
    assert await source.read() is None
    site.body, site.tag = gzip.compress(b"a=2\n"), '"two"'
    table = await source.read()
    assert table is not None
    assert table.find("a") == "2"
    assert site.asked == ["", '"one"', '"one"']
    await source.close()


@pytest.mark.parametrize(
    ("body", "status", "headers", "says"),
    [
        (b"", 500, {}, "the server answered 500"),
        (b"", 204, {}, "the server answered 204"),
        (b"x" * 5001, 200, {}, "larger than 5000 bytes"),
        (gzip.compress(b"x" * 10_000_000, mtime=0), 200, {"Content-Encoding": "gzip"}, "larger than 5000 bytes"),
        (gzip.compress(gzip.compress(b"x" * 40_000_000, mtime=0), mtime=0), 200, {}, "larger than 5000 bytes"),
        (b"not", 200, {"Content-Encoding": "gzip"}, "content-encoding"),
        (b"a\n" * 101, 200, {}, "more than 100 entries"),
        (b"\xff", 200, {}, "not UTF-8"),
    ],
)
async def test_what_is_no_list_is_trouble(
    site: Site, body: bytes, status: int, headers: dict[str, str], says: str
) -> None:
    site.body, site.status, site.headers = body, status, headers
    source = site.source()
    with pytest.raises(Unavailable) as caught:
        await source.read()
    assert says in caught.value.log
    site.body, site.status, site.headers = b"a=1", 200, {}
    assert await source.read() is not None  # nothing of the failure is remembered as unchanged
    await source.close()


async def test_a_server_that_is_not_there_or_sends_round_is_trouble(site: Site) -> None:
    for url in (site.url.replace("/list", "/round?key=hunter2"), "http://bob:hunter2@127.0.0.1:1/?key=hunter2"):
        source = Http(LookupSettings(kind="http", url=url))
        with pytest.raises(Unavailable) as caught:
            await source.read()
        assert "hunter2" not in caught.value.log
        await source.close()
