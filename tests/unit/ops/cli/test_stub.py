"""The resolver of commands, against a name server of the test's own on the loopback."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from cluster.errors import Misconfigured
from ops.cli.stub import StubResolver

ZONE = {
    ("example.org.", "TXT"): '"one " "two"',
    ("example.org.", "MX"): "10 Mx.Example.net.",
    ("_imaps._tcp.example.org.", "SRV"): "0 1 993 mx.example.net.",
    ("_25._tcp.mx.example.net.", "TLSA"): "3 1 1 " + "ab" * 32,
    ("mx.example.net.", "A"): "192.0.2.1",
    ("www.example.org.", "CNAME"): "Example.org.",
}


class Server(asyncio.DatagramProtocol):
    """Answers from ZONE; `broken.example` with SERVFAIL, of other names only example.org is there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)  # uvloop's is one in all but its base

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        reply = dns.message.make_response(query)
        question = query.question[0]
        name, kind = str(question.name), question.rdtype.name
        if found := ZONE.get((name, kind)):
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, found))
            reply.flags |= dns.flags.AD
        elif name == "broken.example.":
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif name != "example.org.":
            reply.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(reply.to_wire(), addr)


@pytest.fixture
async def resolver() -> AsyncIterator[StubResolver]:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    yield StubResolver(f"127.0.0.1#{transport.get_extra_info('sockname')[1]}")
    transport.close()


@pytest.mark.parametrize(
    ("name", "kind", "records"),
    [
        ("example.org", "TXT", (b"one two",)),
        ("example.org", "MX", ((10, "mx.example.net"),)),
        ("_imaps._tcp.example.org", "SRV", ((0, 1, 993, "mx.example.net"),)),
        ("_25._tcp.mx.example.net", "TLSA", ((3, 1, 1, b"\xab" * 32),)),
        ("mx.example.net", "A", ("192.0.2.1",)),
        ("www.example.org", "CNAME", ("example.org",)),
    ],
)
async def test_records_have_the_shapes_of_every_resolver(
    resolver: StubResolver, name: str, kind: str, records: tuple[object, ...]
) -> None:
    found = await resolver.ask(name, kind)
    assert (found.status, found.records, found.secure) == ("ok", records, True)


async def test_what_is_not_there_and_what_cannot_be_known(resolver: StubResolver) -> None:
    assert (await resolver.ask("example.org", "AAAA")).status == "ok"
    assert (await resolver.ask("example.org", "AAAA")).records == ()
    assert (await resolver.ask("none.example", "TXT")).status == "nxdomain"
    broken = await resolver.ask("broken.example", "TXT")
    assert broken.status == "tempfail"
    assert broken.why


@pytest.mark.parametrize("name", ["a..b", "a" * 64 + ".example", "a." * 200, "\\300.example"])
async def test_no_text_is_an_error(resolver: StubResolver, name: str) -> None:
    assert (await resolver.ask(name, "TXT")).status == "nxdomain"


def test_an_address_that_is_none() -> None:
    with pytest.raises(Misconfigured, match="--resolver"):
        StubResolver("not an address")
