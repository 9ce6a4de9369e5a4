"""A running server serves the MTA-STS policy of its domains over HTTPS, and our own sender takes it."""

import datetime as dt
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.certificates import self_signed
from cluster.dns.memory import MemoryResolver
from gateway.outbound.fetch import FetchError, HttpsFetcher
from mail.trust.mtasts import Policy, read_policy
from tests.running import DOMAIN, Running, free_ports

NAMES = [f"mta-sts.{DOMAIN}", "mta-sts.else.test"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, int]]:
    data = tmp_path_factory.mktemp("web")
    self_signed(data / "tls", NAMES, dt.datetime.now(dt.UTC))
    (port,) = free_ports(1)
    settings = f'[[listen]]\nprotocol = "https"\nport = {port}\n[mta_sts]\nmode = "testing"\nmx = ["mx.{DOMAIN}"]\n'
    server = Running(data, settings).start()
    yield server, port
    assert server.stop() == 0


def fetcher(data: Path, port: int) -> HttpsFetcher:
    trust = ssl.create_default_context(cafile=str(data / "tls" / "certificate.pem"))
    resolver = MemoryResolver({name: {"A": ["127.0.0.1"]} for name in NAMES})
    return HttpsFetcher(resolver, context=trust, port=port)


async def test_the_policy_of_a_domain_of_ours(running: tuple[Running, int]) -> None:
    server, port = running
    policy = read_policy(await fetcher(server.data, port)(DOMAIN))
    assert policy == Policy("testing", (f"mx.{DOMAIN}",), 604_800)


async def test_of_no_other(running: tuple[Running, int]) -> None:
    server, port = running
    with pytest.raises(FetchError, match="404"):
        await fetcher(server.data, port)("else.test")
