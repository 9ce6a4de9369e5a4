"""Fetching a policy from a real HTTPS server with an authority of the test's own."""

import asyncio
import contextlib
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cluster.dns.memory import MemoryResolver
from gateway.outbound.fetch import FetchError, HttpsFetcher
from mail.trust.mtasts import POLICY_BYTES_MAX
from tests.authorities import Certified

ROOT = Certified.root(now=dt.datetime.now(dt.UTC))
NAME = "mta-sts.example.test"
BODY = b"version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n"


def response(status: str = "200 OK", kind: str = "text/plain", body: bytes = BODY, *fields: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *fields]
    return "".join(line + "\r\n" for line in lines).encode() + b"\r\n" + body


@contextlib.asynccontextmanager
async def served(folder: Path, answer: bytes | None, name: str = NAME, root: Certified = ROOT) -> AsyncIterator[int]:
    """A server that says one thing to all; None: nothing. Yields its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*root.server(name, now=dt.datetime.now(dt.UTC)).write(folder))
    asked: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            if answer is None:
                await reader.read()
            writer.write(answer or b"")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
    for head in asked:
        assert head.startswith(b"GET /.well-known/mta-sts.txt HTTP/1.1\r\n")
        assert f"\r\nHost: {name}".encode() in head or name != NAME


def fetcher(port: int, seconds: float = 20.0, trust: Certified | None = ROOT) -> HttpsFetcher:
    context = ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert(trust.der)) if trust else None
    resolver = MemoryResolver({NAME: {"A": ["127.0.0.1"]}})
    return HttpsFetcher(resolver, context=context, port=port, seconds=seconds)


async def test_a_policy(tmp_path: Path) -> None:
    async with served(tmp_path, response()) as port:
        assert await fetcher(port)("example.test") == BODY


async def test_a_policy_as_large_as_may_be(tmp_path: Path) -> None:
    async with served(tmp_path, response(body=b"x" * POLICY_BYTES_MAX)) as port:
        assert len(await fetcher(port)("example.test")) == POLICY_BYTES_MAX


@pytest.mark.parametrize(
    ("answer", "failure", "why"),
    [
        (response("404 Not Found"), "sts-policy-fetch-error", "404"),
        (response("301 Moved", "text/plain", b"", "Location: https://else.test/"), "sts-policy-fetch-error", "301"),
        (response("200 OK", "text/html"), "sts-policy-fetch-error", "media type"),
        (response("200 OK", "text/plain", BODY, "Content-Encoding: gzip"), "sts-policy-fetch-error", "encoded"),
        (response(body=b"x" * (POLICY_BYTES_MAX + 1)), "sts-policy-invalid", "65536"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + b"x" * 200_000, "sts-policy-invalid", "65536"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", "sts-policy-fetch-error", ""),
        (b"nonsense\r\n\r\n", "sts-policy-fetch-error", ""),
        (b"", "sts-policy-fetch-error", ""),
        (response()[:-5], "sts-policy-fetch-error", ""),
    ],
)
async def test_what_is_no_policy(tmp_path: Path, answer: bytes, failure: str, why: str) -> None:
    async with served(tmp_path, answer) as port:
        with pytest.raises(FetchError) as raised:
            await fetcher(port)("example.test")
    assert raised.value.failure == failure
    assert why in raised.value.why
    assert len(raised.value.why) <= 200


async def test_parameters_of_the_media_type_do_not_matter(tmp_path: Path) -> None:
    async with served(tmp_path, response("200 OK", "Text/Plain; charset=us-ascii")) as port:
        assert await fetcher(port)("example.test") == BODY


async def test_a_certificate_for_another_name(tmp_path: Path) -> None:
    async with served(tmp_path, response(), name="example.test") as port:
        with pytest.raises(FetchError) as raised:
            await fetcher(port)("example.test")
    assert raised.value.failure == "sts-webpki-invalid"


async def test_an_authority_that_nobody_knows(tmp_path: Path) -> None:
    async with served(tmp_path, response()) as port:
        with pytest.raises(FetchError) as raised:
            await fetcher(port, trust=None)("example.test")
    assert raised.value.failure == "sts-webpki-invalid"


async def test_who_says_nothing_is_given_up(tmp_path: Path) -> None:
    async with served(tmp_path, None) as port:
        with pytest.raises(FetchError) as raised:
            await fetcher(port, seconds=0.3)("example.test")
    assert raised.value.failure == "sts-policy-fetch-error"


async def test_a_name_without_addresses() -> None:
    with pytest.raises(FetchError, match="no addresses") as raised:
        await fetcher(443)("other.test")
    assert raised.value.failure == "sts-policy-fetch-error"
