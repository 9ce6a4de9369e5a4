"""What every resolver says: the one of a running server against a DNS server, and the twin from a table."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from cluster.clock import SystemClock, system_dice
from cluster.dns.client import DnsResolver
from cluster.dns.memory import MemoryResolver
from cluster.dns.resolver import Remembering
from cluster.dns.settings import DnsSettings
from tests.dns_server import ZONES, DnsServer

TLSA = "3 1 1 " + "00" * 32
TABLE: dict[str, dict[str, list[str]]] = {
    "plain.test": {
        "A": ["192.0.2.1"],
        "AAAA": ["2001:db8::1"],
        "MX": ["10 mx1.plain.test", "20 mx2.plain.test"],
        "TXT": ["v=spf1 mx -all", '"two " "strings"'],
        "NS": ["ns.plain.test"],
    },
    "null.plain.test": {"MX": ["0 ."]},
    "empty.plain.test": {"TXT": ["there is no address here"]},
    "www.plain.test": {"CNAME": ["plain.test"]},
    "chain1.plain.test": {"CNAME": ["chain2.plain.test"]},
    "chain2.plain.test": {"CNAME": ["chain3.plain.test"]},
    "chain3.plain.test": {"CNAME": ["www.plain.test"]},
    "loop1.plain.test": {"CNAME": ["loop2.plain.test"]},
    "loop2.plain.test": {"CNAME": ["loop1.plain.test"]},
    "nowhere.plain.test": {"CNAME": ["gone.plain.test"]},
    "a.b.deep.plain.test": {"A": ["192.0.2.9"]},
    "_sip._tcp.plain.test": {"SRV": ["1 2 5060 sip.plain.test"]},
    "_25._tcp.mx1.plain.test": {"TLSA": [TLSA]},
    "1.2.0.192.in-addr.plain.test": {"PTR": ["Plain.TEST."]},
    "signed.test": {"MX": ["10 mx.signed.test"]},
    "mx.signed.test": {"A": ["192.0.2.10"]},
    "alias.signed.test": {"CNAME": ["mx.signed.test"]},
    "out.signed.test": {"CNAME": ["www.plain.test"]},
}


@pytest.fixture(scope="module")
def server() -> Iterator[DnsServer]:
    with DnsServer(ZONES) as started:
        yield started


@pytest.fixture(params=["memory", "real"])
async def resolver(request: pytest.FixtureRequest) -> AsyncIterator[Remembering]:
    if request.param == "memory":
        yield MemoryResolver(TABLE, secure=["signed.test"], failing=["forged.signed.test"])
        return
    settings = DnsSettings(servers=(request.getfixturevalue("server").address,))
    made = DnsResolver(settings, SystemClock(), system_dice())
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("name", "kind", "records", "found"),
    [
        ("plain.test", "A", ["192.0.2.1"], ""),
        ("PLAIN.test.", "AAAA", ["2001:db8::1"], ""),
        ("plain.test", "MX", [(10, "mx1.plain.test"), (20, "mx2.plain.test")], ""),
        ("plain.test", "TXT", [b"v=spf1 mx -all", b"two strings"], ""),
        ("plain.test", "NS", ["ns.plain.test"], ""),
        ("null.plain.test", "MX", [(0, "")], ""),
        ("_sip._tcp.plain.test", "SRV", [(1, 2, 5060, "sip.plain.test")], ""),
        ("_25._tcp.mx1.plain.test", "TLSA", [(3, 1, 1, bytes(32))], ""),
        ("1.2.0.192.in-addr.plain.test", "PTR", ["plain.test"], ""),
        ("empty.plain.test", "A", [], ""),
        ("deep.plain.test", "A", [], ""),
        ("chain1.plain.test", "A", ["192.0.2.1"], "plain.test"),
        ("chain1.plain.test", "SRV", [], "plain.test"),
        ("www.plain.test", "CNAME", ["plain.test"], ""),
        ("plain.test", "CNAME", [], ""),
    ],
)
async def test_records(resolver: Remembering, name: str, kind: str, records: list[Any], found: str) -> None:
    answer = await resolver.ask(name, kind)
    assert (answer.status, sorted(answer.records)) == ("ok", sorted(records))
    assert answer.name == (found or name.lower().removesuffix("."))
    assert answer.ttl_s > 0


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("nx.plain.test", ""),
        ("nowhere.plain.test", "gone.plain.test"),
        ("a..b", ""),
        ("", ""),
        ("x" * 64 + ".test", ""),
    ],
)
async def test_names_that_do_not_exist(resolver: Remembering, name: str, found: str) -> None:
    answer = await resolver.ask(name, "A")
    assert (answer.status, answer.records, answer.name) == ("nxdomain", (), found or name)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("forged.signed.test", "A"), ("loop1.plain.test", "A"), ("plain.test", "HINFO"), ("plain.test", "")],
)
async def test_what_cannot_be_told(resolver: Remembering, name: str, kind: str) -> None:
    answer = await resolver.ask(name, kind)
    assert (answer.status, answer.records, answer.secure) == ("tempfail", (), False)
    assert answer.why


@pytest.mark.parametrize(
    ("name", "kind", "secure"),
    [
        ("mx.signed.test", "A", True),
        ("alias.signed.test", "A", True),
        ("mx.signed.test", "TXT", True),
        ("nx.signed.test", "A", True),
        ("out.signed.test", "A", False),
        ("plain.test", "A", False),
        ("nx.plain.test", "A", False),
    ],
)
async def test_an_answer_is_secure_if_all_of_it_is(resolver: Remembering, name: str, kind: str, secure: bool) -> None:
    assert (await resolver.ask(name, kind)).secure is secure


async def test_what_was_asked_for_is_known(resolver: Remembering) -> None:
    answer = await resolver.ask("plain.test", "MX")
    known = resolver.known("Plain.Test", "MX")
    assert known is not None
    assert known._replace(ttl_s=0) == answer._replace(ttl_s=0)
