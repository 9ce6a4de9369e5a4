"""A DNS server for tests: zones from files, signed ones too, and every way in which a server can misbehave.

`with DnsServer(ZONES) as server:` runs it in a thread on a port of the kernel's choice, for UDP and TCP; `python -m
tests.dns_server ZONE...` runs it as a process that prints its address, for benchmarks. It plays the validating
resolver of a machine: it recurses into nothing, but sets AD for what it has signed, and says SERVFAIL for what the
zone file lists as bogus. A real validator may ask it, too: signatures and proofs of absence are there.
"""

import asyncio
import random
import sys
import threading
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Self

import dns.dnssec
import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.node
import dns.rcode
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rrset
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec

from tests.dns_odd import ODD, Asked, Send, Wire, question_of

HOST: Final = "127.0.0.1"
ZONES: Final = Path(__file__).parent / "zones"
UDP_BYTES: Final = 512  # to who does not say more (RFC 1035 §4.2.1)
CNAMES_MAX: Final = 20  # followed; then the answer ends with the last
SIGNED_S: Final = 30 * 86_400  # how long signatures are good
CACHE_MAX: Final = 100_000


class DnsServer:
    """`zones`: files, folders of such, or texts by the zone's name. `asked` counts (name, kind, transport). `odd`:
    misbehave for names that ask for it. `validates`: play the validating resolver; else what is forged is given out."""

    def __init__(self, *zones: Path | dict[str, str], odd: bool = True, validates: bool = True, seed: int = 1) -> None:
        self.asked: Counter[tuple[str, str, str]] = Counter()
        self.port = 0
        self._validates = validates
        self._odd = ODD if odd else {}
        self.dice = random.Random(seed)
        self._zones = {zone.name: zone for zone in (_Zone(name, text) for name, text in _texts(zones))}
        self._ready: dict[tuple[bytes, bool, bool], Wire] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """For DnsSettings.servers."""
        return f"{HOST}:{self.port}"

    def anchor(self, zone: str) -> str:
        """The key of a signed zone, as validators are given it."""
        return self._zones[dns.name.from_text(zone)].anchor

    def add(self, zone: str, text: str) -> None:
        """A zone in place of the one of that name, if any."""
        made = _Zone(zone, text)
        self._zones[made.name] = made
        self._ready.clear()

    def __enter__(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(started)), daemon=True)
        self._thread.start()
        assert started.wait(10), "the DNS server does not start"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _run(self, started: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        tcp, udp = await self.listen()
        started.set()
        await self._stop.wait()
        tcp.close()
        udp.close()
        for task in self._tasks:
            task.cancel()

    async def listen(self) -> tuple[asyncio.Server, asyncio.DatagramTransport]:
        """Listen on the same port for both transports."""
        loop = asyncio.get_running_loop()
        for _ in range(20):  # the port that TCP got may be taken for UDP
            tcp = await asyncio.start_server(self._connected, HOST, 0)
            self.port = tcp.sockets[0].getsockname()[1]
            try:
                udp, _protocol = await loop.create_datagram_endpoint(lambda: _Udp(self), (HOST, self.port))
            except OSError:
                tcp.close()
                continue
            return tcp, udp
        raise OSError("no port is free for both transports")

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def send(data: Wire) -> None:
            writer.write(len(data).to_bytes(2, "big") + data)

        try:
            while True:
                size = int.from_bytes(await reader.readexactly(2), "big")
                self.receive(await reader.readexactly(size), send, "tcp")
                await writer.drain()
        except (EOFError, OSError):
            writer.close()

    def receive(self, data: bytes, send: Send, transport: str) -> None:
        """Answer, or do not, or in some way."""
        try:
            key, name, kind = question_of(data)
        except (IndexError, ValueError):
            return
        self.asked[name, kind, transport] += 1
        odd = self._odd.get(name.partition(".")[0])
        if odd is not None:
            odd(Asked(self, data, name, send, transport))
        else:
            send(self.plain(data, key, transport))

    def plain(self, data: bytes, key: bytes, transport: str = "udp") -> Wire:
        """What a well-behaved server says: the number and the question as they came before what was made once."""
        dnssec = data[-11:-8] == b"\0\0\x29" and bool(data[-4] & 0x80)
        known = (key, dnssec, transport == "tcp")
        made = self._ready.get(known)
        if made is None:
            if len(self._ready) >= CACHE_MAX:
                self._ready.clear()
            made = self._ready[known] = self._make(data, transport)
        return data[:2] + made[2:12] + data[12 : 12 + len(key)] + made[12 + len(key) :]

    def _make(self, data: bytes, transport: str) -> Wire:
        query = dns.message.from_wire(data)
        response = dns.message.make_response(query, recursion_available=True, our_payload=4096)
        _Answering(self._zones, query, response, validates=self._validates).answer()
        limit = 65535 if transport == "tcp" else max(query.payload, UDP_BYTES)
        try:
            return response.to_wire(max_size=limit)
        except dns.exception.TooBig:
            response.answer.clear()
            response.authority.clear()
            response.flags |= dns.flags.TC
            return response.to_wire()

    def later(self, send: Send, data: Wire, seconds: float) -> None:
        """Send it, but not now."""
        assert self._loop is not None
        self._loop.call_later(seconds, send, data)


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._server.receive(data, lambda answer: self._transport.sendto(answer, addr), "udp")


# -- zones -------------------------------------------------------------------------------------------------------------


def _texts(given: Iterable[Path | dict[str, str]]) -> Iterable[tuple[str, str]]:
    for one in given:
        if isinstance(one, dict):
            yield from one.items()
        elif one.is_dir():
            yield from ((path.name, path.read_text()) for path in sorted(one.iterdir()) if path.suffix != ".md")
        else:
            yield one.name, one.read_text()


class _Zone:
    """A zone in memory, signed if its text asks for it."""

    def __init__(self, name: str, text: str) -> None:
        self.name = dns.name.from_text(name)
        self.nodes = dns.zone.from_text(text, origin=self.name, relativize=False)
        comments = [line[1:].split() for line in text.splitlines() if line.startswith(";")]
        self.signed = ["signed"] in comments
        self.bogus = {dns.name.from_text(word) for words in comments if words[:1] == ["bogus"] for word in words[1:]}
        self.anchor = self._sign() if self.signed else ""
        self.ordered: list[dns.name.Name] = sorted(self.nodes)
        self._parents = {name.split(depth)[1] for name in self.ordered for depth in range(len(name.labels))}

    def _sign(self) -> str:
        private = ec.generate_private_key(ec.SECP256R1())
        key = dns.dnssec.make_dnskey(private.public_key(), dns.dnssec.ECDSAP256SHA256, flags=257)
        dns.dnssec.sign_zone(self.nodes, keys=[(private, key)], lifetime=SIGNED_S, dnskey_ttl=3600)
        for name in self.bogus:
            self._spoil(self.nodes[name])
        return f"{self.name} DNSKEY {key.to_text()}"

    def _spoil(self, node: dns.node.Node) -> None:
        """Signatures that do not fit what they sign: those of a real validator's answers."""
        for rdataset in node.rdatasets:
            if rdataset.rdtype == dns.rdatatype.RRSIG:
                wrong = [rdata.replace(signature=bytes(64)) for rdata in rdataset]
                rdataset.clear()
                for rdata in wrong:
                    rdataset.add(rdata)

    def find(self, name: dns.name.Name) -> dns.node.Node | None:
        """Its node, or that of a wildcard for it (RFC 4592)."""
        node = self.nodes.get_node(name)
        if node is not None or self.is_parent(name):
            return node
        parent = name.parent()
        while parent != self.name and self.nodes.get_node(parent) is None and not self.is_parent(parent):
            parent = parent.parent()
        return self.nodes.get_node(dns.name.Name((b"*", *parent.labels)))

    def is_parent(self, name: dns.name.Name) -> bool:
        """Whether there are names below it."""
        return name in self._parents

    def covering(self, name: dns.name.Name) -> dns.name.Name:
        """The last name that is not behind it."""
        return self.ordered[max(0, bisect_right(self.ordered, name) - 1)]


class _Answering:
    """One response, made by hand from the zones."""

    def __init__(
        self,
        zones: dict[dns.name.Name, _Zone],
        query: dns.message.Message,
        response: dns.message.Message,
        *,
        validates: bool,
    ) -> None:
        self._zones = zones
        self._query = query
        self._response = response
        self._dnssec = bool(query.ednsflags & dns.flags.DO)
        self._wants_ad = validates and (self._dnssec or bool(query.flags & dns.flags.AD))
        self._checks = validates and not query.flags & dns.flags.CD

    def answer(self) -> None:
        name, kind = self._query.question[0].name, self._query.question[0].rdtype
        name = name.canonicalize()
        authentic = True
        for _ in range(CNAMES_MAX):
            zone = self._zone_of(name)
            if zone is None or (name in zone.bogus and self._checks):
                self._response.set_rcode(dns.rcode.REFUSED if zone is None else dns.rcode.SERVFAIL)
                self._response.answer.clear()
                return
            authentic &= zone.signed
            following = self._step(zone, name, kind)
            if following is None:
                break
            name = following
        if authentic and self._wants_ad:
            self._response.flags |= dns.flags.AD

    def _step(self, zone: _Zone, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> dns.name.Name | None:
        """Add what the zone says of the name; returns where a CNAME leads."""
        node = zone.find(name)
        if node is None and not zone.is_parent(name):
            self._response.set_rcode(dns.rcode.NXDOMAIN)
        found = node.get_rdataset(dns.rdataclass.IN, kind) if node else None
        alias = node.get_rdataset(dns.rdataclass.IN, dns.rdatatype.CNAME) if node and not found else None
        given = found or alias
        if node is None or given is None:
            self._deny(zone, name)
            return None
        self._put(self._response.answer, name, node, given)
        return None if found or alias is None else alias[0].target.canonicalize()

    def _deny(self, zone: _Zone, name: dns.name.Name) -> None:
        apex = zone.nodes.get_node(zone.name)
        assert apex is not None
        soa = apex.get_rdataset(dns.rdataclass.IN, dns.rdatatype.SOA)
        assert soa is not None
        self._put(self._response.authority, zone.name, apex, soa)
        if not (zone.signed and self._dnssec):
            return
        owners = {zone.covering(name), zone.covering(dns.name.Name((b"*", *zone.name.labels)))}
        for owner in sorted(owners):
            node = zone.nodes.get_node(owner)
            proof = node.get_rdataset(dns.rdataclass.IN, dns.rdatatype.NSEC) if node else None
            if node and proof:
                self._put(self._response.authority, owner, node, proof)

    def _put(self, section: Any, owner: dns.name.Name, node: dns.node.Node, rdataset: dns.rdataset.Rdataset) -> None:
        section.append(_rrset(owner, rdataset))
        signature = node.get_rdataset(dns.rdataclass.IN, dns.rdatatype.RRSIG, covers=rdataset.rdtype)
        if self._dnssec and signature:
            section.append(_rrset(owner, signature))

    def _zone_of(self, name: dns.name.Name) -> _Zone | None:
        while True:
            if name in self._zones:
                return self._zones[name]
            if not name.labels or name == dns.name.root:
                return None
            name = name.parent()


def _rrset(owner: dns.name.Name, rdataset: dns.rdataset.Rdataset) -> dns.rrset.RRset:
    return dns.rrset.from_rdata_list(owner, rdataset.ttl, list(rdataset))


def main() -> None:
    """Serve zones as a process until standard input ends."""

    async def serve() -> None:
        server = DnsServer(*(Path(name) for name in sys.argv[1:] or [str(ZONES)]))
        await server.listen()
        server._loop = asyncio.get_running_loop()
        print(server.address, flush=True)
        await asyncio.to_thread(sys.stdin.read)

    asyncio.run(serve())


if __name__ == "__main__":
    main()
