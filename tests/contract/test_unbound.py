"""What a real validating resolver on this machine says is believed: AD is secure, forged is a failure."""

from collections.abc import AsyncIterator, Iterator

import pytest

from cluster.clock import SystemClock, system_dice
from cluster.dns.client import DnsResolver
from cluster.dns.settings import DnsSettings
from tests.dns_server import ZONES, DnsServer
from tests.unbound import PART, unbound

pytestmark = pytest.mark.part(PART)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with (
        DnsServer(ZONES, validates=False) as server,
        unbound(tmp_path_factory.mktemp("unbound"), server, signed=["signed.test"], plain=["plain.test"]) as started,
    ):
        yield started


@pytest.fixture
async def resolver(address: str) -> AsyncIterator[DnsResolver]:
    made = DnsResolver(DnsSettings(servers=(address,)), SystemClock(), system_dice())
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("name", "kind", "status", "count", "secure"),
    [
        ("mx.signed.test", "A", "ok", 1, True),
        ("alias.signed.test", "A", "ok", 1, True),
        ("_25._tcp.mx.signed.test", "TLSA", "ok", 1, True),
        ("_25._tcp.ns.signed.test", "TLSA", "nxdomain", 0, True),
        ("mx.signed.test", "TXT", "ok", 0, True),
        ("nx.signed.test", "A", "nxdomain", 0, True),
        ("out.signed.test", "A", "ok", 1, False),
        ("mx1.plain.test", "A", "ok", 1, False),
        ("nx.plain.test", "A", "nxdomain", 0, False),
        ("forged.signed.test", "A", "tempfail", 0, False),
        ("forgedmx.signed.test", "MX", "tempfail", 0, False),
    ],
)
async def test_what_a_validator_says(
    resolver: DnsResolver, name: str, kind: str, status: str, count: int, secure: bool
) -> None:
    answer = await resolver.ask(name, kind)
    assert (answer.status, len(answer.records), answer.secure) == (status, count, secure), answer.why
