"""A running server serves the MTA-STS policy of its domains over HTTPS, and our own sender takes it."""

import asyncio
import datetime as dt
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.certificates import self_signed
from cluster.dns.memory import MemoryResolver
from gateway.outbound.fetch import FetchError, HttpsFetcher
from mail.trust.mtasts import PATH, Policy, read_policy
from tests.running import DOMAIN, Running, free_ports

NAMES = [f"mta-sts.{DOMAIN}", "mta-sts.else.test"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, int, int]]:
    data = tmp_path_factory.mktemp("web")
    self_signed(data / "tls", NAMES, dt.datetime.now(dt.UTC))
    port, plain = free_ports(2)
    relayed = f'[[listen]]\nprotocol = "https"\nport = {plain}\nproxy_from = ["127.0.0.0/8"]\n[web]\nplaintext = true\n'
    settings = (
        f'[[listen]]\nprotocol = "https"\nport = {port}\n{relayed}[mta_sts]\nmode = "testing"\nmx = ["mx.{DOMAIN}"]\n'
    )
    server = Running(data, settings).start()
    yield server, port, plain
    assert server.stop() == 0


def fetcher(data: Path, port: int) -> HttpsFetcher:
    trust = ssl.create_default_context(cafile=str(data / "tls" / "certificate.pem"))
    resolver = MemoryResolver({name: {"A": ["127.0.0.1"]} for name in NAMES})
    return HttpsFetcher(resolver, context=trust, port=port)


async def test_the_policy_of_a_domain_of_ours(running: tuple[Running, int, int]) -> None:
    server, port, _ = running
    policy = read_policy(await fetcher(server.data, port)(DOMAIN))
    assert policy == Policy("testing", (f"mx.{DOMAIN}",), 604_800)


async def test_of_no_other(running: tuple[Running, int, int]) -> None:
    server, port, _ = running
    with pytest.raises(FetchError, match="404"):
        await fetcher(server.data, port)("else.test")


async def test_a_relay_that_has_the_tls_is_served_without(running: tuple[Running, int, int]) -> None:
    _, port, plain = running
    asked = f"GET {PATH} HTTP/1.1\r\nHost: mta-sts.{DOMAIN}\r\nConnection: close\r\n\r\n".encode()
    header = b"PROXY TCP4 192.0.2.7 192.0.2.1 1234 443\r\n"
    assert b"STSv1" in await said(plain, header + asked)
    assert b"STSv1" not in await said(plain, asked)
    assert b"STSv1" not in await said(port, asked)


async def said(port: int, data: bytes) -> bytes:
    """What a server says to that, without TLS."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()
