"""The HTTPS listener: what it answers, and what a client cannot hold."""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cluster.certificates import server_context
from cluster.errors import Unavailable
from cluster.hosting.sockets import listen
from gateway.web import server as module
from gateway.web.http import Request, Response
from gateway.web.server import WebServer
from tests.authorities import Certified


class Log:
    def __init__(self) -> None:
        self.said: list[str] = []

    def warning(self, event: str, **_fields: object) -> None:
        self.said.append(event)


async def hello(request: Request) -> Response:
    return Response(200, f"hello {request.host}".encode())


async def broken(request: Request) -> Response:
    raise Unavailable("Not now.", log="the store of x is away")


class Site:
    """A server and how to reach it."""

    def __init__(self, web: WebServer, log: Log, port: int, trust: ssl.SSLContext) -> None:
        self.web, self.log, self.port, self.trust = web, log, port, trust

    async def ask(self, data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.trust, server_hostname="mx.example.test"
        )
        writer.write(data)
        answer = await reader.read()
        writer.close()
        return answer


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    root = Certified.root(now=dt.datetime.now(dt.UTC))
    chain, key = root.server("mx.example.test", now=dt.datetime.now(dt.UTC)).write(tmp_path)
    log = Log()
    web = WebServer({"/hello": hello, "/broken": broken}, server_context(chain, key), log)
    sock = listen("127.0.0.1", 0)
    port = sock.getsockname()[1]
    await web.listen(sock)
    trust = ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert(root.der))
    yield Site(web, log, port, trust)
    await web.close()


@pytest.mark.parametrize(
    ("request_", "status", "body"),
    [
        (b"GET /hello HTTP/1.1\r\nHost: a.test\r\n\r\n", b"200 OK", b"hello a.test"),
        (b"HEAD /hello HTTP/1.1\r\nHost: a.test\r\n\r\n", b"200 OK", b""),
        (b"GET /else HTTP/1.1\r\nHost: a.test\r\n\r\n", b"404 Not Found", b"Not Found\n"),
        (b"GET /broken HTTP/1.1\r\nHost: a.test\r\n\r\n", b"503 Service Unavailable", b"Service Unavailable\n"),
        (b"GET /hello HTTP/1.1\r\n\r\n", b"400 Bad Request", b"Bad Request\n"),
        (b"GET /" + b"a" * 9000, b"431 Request Header Fields Too Large", b"Request Header Fields Too Large\n"),
    ],
)
async def test_an_answer(site: Site, request_: bytes, status: bytes, body: bytes) -> None:
    head, _, rest = (await site.ask(request_)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status + b"\r\n")
    assert rest == body


async def test_what_ails_us_is_told_to_the_log_alone(site: Site) -> None:
    answer = await site.ask(b"GET /broken HTTP/1.1\r\nHost: a.test\r\n\r\n")
    assert b"store" not in answer
    assert site.log.said == ["web.trouble"]


async def test_connections_are_bounded_and_end(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECTIONS_MAX", 1)
    monkeypatch.setattr(module, "REQUEST_S", 0.2)
    name = "mx.example.test"
    first, kept = await asyncio.open_connection("127.0.0.1", site.port, ssl=site.trust, server_hostname=name)
    with pytest.raises((OSError, AssertionError)):
        assert await site.ask(b"GET /hello HTTP/1.1\r\nHost: a.test\r\n\r\n")
    with pytest.raises((OSError, EOFError)):  # it dawdled
        await first.readexactly(1)
    kept.close()
    assert await site.ask(b"GET /hello HTTP/1.1\r\nHost: a.test\r\n\r\n")


async def test_there_is_no_http_without_tls(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"GET /hello HTTP/1.1\r\nHost: a.test\r\n\r\n")
    with pytest.raises((OSError, AssertionError)):
        assert b"hello a.test" in await reader.read()
    writer.close()
