"""The resolver of a running server against a DNS server that misbehaves by name; nothing here is timed."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from random import Random

import pytest

from cluster.clock import ManualClock
from cluster.dns.client import DnsResolver, is_special
from cluster.dns.resolver import Answer
from cluster.dns.settings import DnsSettings
from cluster.errors import Misconfigured
from tests.dns_server import ZONES, DnsServer

SOON_S = 0.05  # how long an answer is waited for that will not come


@pytest.fixture(scope="module")
def server() -> Iterator[DnsServer]:
    with DnsServer(ZONES) as started:
        yield started


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def settings(*servers: DnsServer | str, **changes: object) -> DnsSettings:
    addresses = tuple(one if isinstance(one, str) else one.address for one in servers)
    given = {"servers": addresses, "timeout_s": 5.0, "total_s": 20.0} | changes
    return DnsSettings(**given)  # type: ignore[arg-type]


@pytest.fixture
async def resolver(server: DnsServer, clock: ManualClock) -> AsyncIterator[DnsResolver]:
    made = DnsResolver(settings(server), clock, Random(1))
    yield made
    await made.close()


@pytest.fixture
async def hasty(server: DnsServer, clock: ManualClock) -> AsyncIterator[DnsResolver]:
    """One that waits for nobody."""
    made = DnsResolver(settings(server, timeout_s=SOON_S, total_s=4 * SOON_S), clock, Random(1))
    yield made
    await made.close()


@pytest.mark.parametrize("odd", ["truncated", "flood", "lower", "old"])
async def test_an_answer_is_found_in_spite_of(resolver: DnsResolver, odd: str) -> None:
    assert (await resolver.ask(f"{odd}.odd.test", "A")).records == ("192.0.2.1",)


async def test_a_large_answer_comes_whole(resolver: DnsResolver) -> None:
    (text,) = (await resolver.ask("huge.odd.test", "TXT")).records
    assert len(text) == 59_670


@pytest.mark.parametrize("odd", ["never", "slow", "noise", "wrong-id", "wrong-question", "deaf"])
async def test_who_does_not_answer_is_given_up(hasty: DnsResolver, odd: str) -> None:
    answer = await hasty.ask(f"{odd}.odd.test", "A")
    assert (answer.status, answer.records) == ("tempfail", ())
    assert "127.0.0.1: " in answer.why


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ("garbage", "malformed answer"),
        ("pointer-self", "malformed answer: a pointer does not go back"),
        ("pointer-on", "malformed answer: a pointer does not go back"),
        ("pointer-out", "malformed answer: a pointer does not go back"),
        ("ladder", "malformed answer: a name is too long"),
        ("many", "malformed answer: too many records"),
        ("cname-ring", "too many CNAMEs"),
        ("servfail", "SERVFAIL"),
        ("refused", "REFUSED"),
    ],
)
async def test_what_is_no_answer_is_a_failure(resolver: DnsResolver, odd: str, why: str) -> None:
    answer = await resolver.ask(f"{odd}.odd.test", "A")
    assert answer.status == "tempfail"
    assert why in answer.why


@pytest.mark.parametrize("odd", ["never", "refused", "garbage", "ladder"])
async def test_the_next_server_is_asked(server: DnsServer, clock: ManualClock, odd: str) -> None:
    with DnsServer({"odd.test": f"@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns\n{odd} 60 A 192.0.2.99"}, odd=False) as second:
        resolver = DnsResolver(settings(server, second, timeout_s=SOON_S), clock, Random(1))
        assert (await resolver.ask(f"{odd}.odd.test", "A")).records == ("192.0.2.99",)
        await resolver.close()


async def test_a_port_where_nobody_listens_is_left_at_once(server: DnsServer, clock: ManualClock) -> None:
    with DnsServer({}) as gone:
        nobody = gone.address
    resolver = DnsResolver(settings(nobody, server), clock, Random(1))
    assert (await resolver.ask("plain.test", "A")).records == ("192.0.2.1",)
    await resolver.close()
    lonely = DnsResolver(settings(nobody), clock, Random(1))
    assert (await lonely.ask("plain.test", "A")).status == "tempfail"
    await lonely.close()


async def test_servfail_of_a_trusted_server_is_final(server: DnsServer, clock: ManualClock) -> None:
    """It may mean that what comes from elsewhere is forged."""
    with DnsServer({"signed.test": "@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns\nforged 60 A 192.0.2.66"}) as credulous:
        for dnssec, status in (("trust-loopback", "tempfail"), ("off", "ok")):
            resolver = DnsResolver(settings(server, credulous, dnssec=dnssec), clock, Random(1))
            assert (await resolver.ask("forged.signed.test", "A")).status == status
            await resolver.close()


async def test_who_is_not_trusted_cannot_say_that_it_validated(server: DnsServer, clock: ManualClock) -> None:
    resolver = DnsResolver(settings(server, dnssec="off"), clock, Random(1))
    answer = await resolver.ask("mx.signed.test", "A")
    assert (answer.records, answer.secure) == (("192.0.2.10",), False)
    await resolver.close()


async def test_an_answer_is_asked_for_once(server: DnsServer, resolver: DnsResolver, clock: ManualClock) -> None:
    server.asked.clear()
    together = await asyncio.gather(*(resolver.ask("short.plain.test", "A") for _ in range(20)))
    assert len(set(together)) == 1
    assert resolver.known("SHORT.plain.test", "A") == together[0]
    assert server.asked == {("short.plain.test", "A", "udp"): 1}
    clock.advance(5)
    assert resolver.known("short.plain.test", "A") is None
    await resolver.ask("short.plain.test", "A")
    assert server.asked == {("short.plain.test", "A", "udp"): 2}


@pytest.mark.parametrize(("name", "kept_s"), [("nx.plain.test", 900), ("nxdomain.odd.test", 0)])
async def test_a_no_is_kept_as_long_as_the_zone_says(
    resolver: DnsResolver, clock: ManualClock, name: str, kept_s: int
) -> None:
    await resolver.ask(name, "A")
    clock.advance(kept_s - 1)
    assert (resolver.known(name, "A") is not None) == bool(kept_s)
    clock.advance(1)
    assert resolver.known(name, "A") is None


async def test_a_failure_is_kept_for_a_moment(resolver: DnsResolver, clock: ManualClock) -> None:
    await resolver.ask("servfail.odd.test", "A")
    known = resolver.known("servfail.odd.test", "A")
    assert known is not None
    assert known.status == "tempfail"
    clock.advance(5)
    assert resolver.known("servfail.odd.test", "A") is None


async def test_who_is_cancelled_takes_nothing_from_others(resolver: DnsResolver) -> None:
    first = asyncio.create_task(resolver.ask("slow.odd.test", "A"))
    second = asyncio.create_task(resolver.ask("slow.odd.test", "A"))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).records == ("192.0.2.1",)
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_what_is_on_its_way_is_bounded(server: DnsServer, clock: ManualClock) -> None:
    narrow = settings(server, in_flight_max=2, waiting_max=3)
    resolver = DnsResolver(narrow, clock, Random(1))
    answers = await asyncio.gather(*(resolver.ask(f"n{number}.wild.plain.test", "A") for number in range(8)))
    assert [answer.status for answer in answers] == ["ok"] * 5 + ["tempfail"] * 3
    assert answers[-1].why == "too many questions at once"
    await resolver.close()


async def test_many_that_wait_for_nobody_end_one_by_one(clock: ManualClock) -> None:
    with DnsServer({}) as gone:
        nobody = gone.address
    resolver = DnsResolver(settings(nobody, in_flight_max=1, waiting_max=5000), clock, Random(1))
    answers = await asyncio.gather(*(resolver.ask(f"n{number}.test", "A") for number in range(3000)))
    assert {answer.status for answer in answers} == {"tempfail"}
    await resolver.close()


async def test_sockets_are_replaced_and_closed(server: DnsServer, clock: ManualClock) -> None:
    resolver = DnsResolver(settings(server, in_flight_max=50), clock, Random(1))
    for begin in range(0, 3000, 100):
        names = [f"s{begin + at}.wild.plain.test" for at in range(100)]
        answers = await asyncio.gather(*(resolver.ask(name, "A") for name in names))
        assert all(answer.records for answer in answers)
    mux = resolver._mux
    assert len(mux._lines) <= 4
    assert not mux._old
    assert not mux._flying
    await resolver.close()


async def test_closing_answers_who_waits(server: DnsServer, clock: ManualClock) -> None:
    resolver = DnsResolver(settings(server), clock, Random(1))
    waiting = [asyncio.create_task(resolver.ask(f"{odd}.odd.test", "A")) for odd in ("never", "deaf")]
    await asyncio.sleep(0)
    await resolver.close()
    assert [(await task).why for task in waiting] == ["the resolver is closed"] * 2
    assert (await resolver.ask("plain.test", "A")).status == "tempfail"


async def test_names_of_the_settings_need_no_server(clock: ManualClock) -> None:
    static: dict[str, dict[str, tuple[str, ...]]] = {"mx.example.test": {"A": ("192.0.2.1",)}}
    resolver = DnsResolver(settings("127.0.0.1:1", static=static), clock, Random(1))
    assert await resolver.ask("MX.example.test.", "A") == Answer(
        "ok", ("192.0.2.1",), secure=True, name="mx.example.test", ttl_s=300
    )
    assert (await resolver.ask("mx.example.test", "AAAA")).records == ()
    await resolver.close()
    with pytest.raises(Misconfigured, match="is no A record"):
        DnsResolver(settings("127.0.0.1:1", static={"x": {"A": ("y",)}}), clock, Random(1))


async def test_who_knows_all_but_sends_from_elsewhere_is_not_heard(hasty: DnsResolver) -> None:
    asking = asyncio.create_task(hasty.ask("never.odd.test", "A"))
    await asyncio.sleep(0)
    (flight,) = hasty._mux._flying
    assert flight.line is not None
    head = flight.ident.to_bytes(2, "big") + b"\x81\x80\0\1\0\1\0\0\0\0"
    forged = head + flight.sent + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\6\6\6\6"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as impostor:
        impostor.sendto(forged, flight.line.sock.getsockname())
        assert (await asking).status == "tempfail"
    asking = asyncio.create_task(hasty.ask("never.odd.test", "AAAA"))
    await asyncio.sleep(0)
    (flight,) = hasty._mux._flying
    assert flight.line is not None
    right = flight.ident.to_bytes(2, "big") + b"\x81\x80\0\1\0\0\0\0\0\0" + flight.sent
    hasty._mux._received(flight.line, right)  # the same, had it come by the socket
    assert (await asking).status == "ok"


@pytest.mark.parametrize(
    ("name", "special"),
    [
        ("mx.example.test", True),
        ("test", True),
        ("a.invalid", True),
        ("1.0.0.127.in-addr.arpa", True),
        ("1" + ".0" * 31 + ".ip6.arpa", True),
        ("a.latest", False),
        ("test.org", False),
        ("1.0.0.10.in-addr.arpa", False),
        ("1.2.0.192.in-addr.arpa", False),
    ],
)
def test_names_that_are_never_asked_for_outside(name: str, special: bool) -> None:
    assert is_special(name) is special


async def test_such_names_are_answered_here_unless_servers_are_named() -> None:
    alone = DnsResolver(DnsSettings(), ManualClock(), Random(1))
    assert await alone.ask("A.Example.TEST", "TXT") == Answer("nxdomain", name="a.example.test")
    assert alone.asked == 0
    await alone.close()
