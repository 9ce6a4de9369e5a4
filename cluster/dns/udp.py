"""Many questions at once over a few UDP sockets (RFC 1035 §4.2.1, RFC 5452).

The law: an answer counts only from the server that was asked, at the port it was asked from, with the number and the
letters it was asked with. Each question ends, within its time, with exactly one call of `done`; what is on its way and
what waits is bounded.
"""

import asyncio
import socket
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from cluster.clock import Dice
from cluster.dns import codec, tcp
from cluster.dns.codec import Reply, failed
from cluster.dns.settings import Server

LINES: Final = 4  # sockets at once for each server: a forger must guess which
LINE_QUESTIONS_MAX: Final = 256  # then a socket, and with it the port, is replaced
DATAGRAMS_AT_ONCE: Final = 64  # before others have a turn
PAYLOAD_BYTES: Final = 1232  # what crosses every network in one piece (DNS flag day 2020)
DATAGRAM_BYTES_MAX: Final = 4096  # what is read of one: more than was asked for is cut, and then malformed
RECEIVE_BYTES: Final = 1 << 20  # asked of the kernel for a socket: answers to a burst come in a burst
TCP_MAX: Final = 32  # connections at once
IDENT_TRIES_MAX: Final = 64  # random numbers that are taken, before a question counts as one too many

Done = Callable[[Reply, bool], None]
"""What to do with the reply; whether it came from a server that is trusted."""


class Limits(Protocol):
    """Of DnsSettings."""

    @property
    def timeout_s(self) -> float: ...
    @property
    def total_s(self) -> float: ...
    @property
    def tries(self) -> int: ...
    @property
    def in_flight_max(self) -> int: ...
    @property
    def waiting_max(self) -> int: ...


class _Flight:
    """A question on its way."""

    __slots__ = ("attempt", "done", "edns", "ends_s", "ident", "kind", "line", "name", "question", "sent", "why")

    def __init__(self, name: str, kind: str, question: bytes, done: Done, ends_s: float) -> None:
        self.name, self.kind, self.question, self.done, self.ends_s = name, kind, question, done, ends_s
        self.attempt = 0
        self.edns = True
        self.line: _Line | None = None  # where an answer is waited for, as this number, to these letters
        self.ident = 0
        self.sent = b""
        self.why = "no answer"


class _Line:
    """A socket connected to a server."""

    __slots__ = ("flights", "server", "sock", "used")

    def __init__(self, server: Server) -> None:
        family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
        self.server = server
        self.used = 0
        self.flights: dict[int, _Flight] = {}
        self.sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
            self.sock.connect((server.host, server.port))  # the kernel picks a port by chance
        except OSError:
            self.sock.close()
            raise


class Mux:
    """Asks servers in turn. Belongs to one event loop; `close` ends every question."""

    def __init__(self, servers: Sequence[Server], dice: Dice, limits: Limits) -> None:
        self._servers = tuple(servers)
        self._dice = dice
        self._limits = limits
        self._attempts_max = limits.tries * len(self._servers)
        self._first = 0  # the server that is asked first: the last one that did not fail to answer
        self._lines: dict[tuple[int, int], _Line] = {}
        self._old: set[_Line] = set()  # replaced, but still with questions
        self._flying: OrderedDict[_Flight, float] = OrderedDict()  # until when; all wait equally long
        self._waiting: deque[_Flight] = deque()
        self._calling: dict[_Flight, asyncio.Task[None]] = {}  # over TCP
        self._connections = asyncio.Semaphore(TCP_MAX)
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._closed = self._starting = False

    def ask(self, name: str, kind: str, question: bytes, done: Done) -> None:
        """Ask; `done` may be called before this returns."""
        flight = _Flight(name, kind, question, done, self._loop.time() + self._limits.total_s)
        if self._closed:
            done(failed("the resolver is closed"), False)
        elif len(self._flying) + len(self._calling) < self._limits.in_flight_max:
            self._send(flight)
        elif len(self._waiting) < self._limits.waiting_max:
            self._waiting.append(flight)
        else:
            done(failed("too many questions at once"), False)

    async def close(self) -> None:
        """End all questions, and let go of the sockets."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        tasks = list(self._calling.values())
        for task in tasks:
            task.cancel()
        flights = [*self._flying, *self._calling, *self._waiting]
        self._flying.clear()
        self._calling.clear()
        self._waiting.clear()
        for line in [*self._lines.values(), *self._old]:
            self._shut(line)
        for flight in flights:
            flight.done(failed("the resolver is closed"), False)
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- sending -------------------------------------------------------------------------------------------------------

    def _send(self, flight: _Flight) -> None:
        """The next attempt of a question that is nowhere; when there is none left, its end."""
        while flight.attempt < self._attempts_max and self._loop.time() < flight.ends_s:
            at = (self._first + flight.attempt) % len(self._servers)
            flight.attempt += 1
            luck = self._dice.getrandbits(8 * len(flight.question) + 24)  # one draw: each is a call of the kernel
            try:
                self._send_to(flight, self._line(at, luck & 0xFF), luck >> 8)
                return
            except OSError as error:
                flight.why = f"{self._servers[at].host}: {error.strerror or error}"
        self._end(flight, failed(flight.why), False)

    def _send_to(self, flight: _Flight, line: _Line, luck: int) -> None:
        """`luck`: random, 16 bits and 8 for each byte of the question. Raises OSError when it could not be sent."""
        ident = self._free_ident(line, luck & 0xFFFF)
        sent = codec.shaken(flight.question, luck >> 16)
        line.sock.send(codec.query(ident, sent, payload=PAYLOAD_BYTES * flight.edns, dnssec=line.server.trusted))
        flight.line, flight.ident, flight.sent = line, ident, sent
        line.flights[ident] = flight
        line.used += 1
        now_s = self._loop.time()
        self._flying[flight] = until_s = now_s + self._limits.timeout_s
        if self._timer is None:
            self._timer = self._loop.call_at(until_s, self._tick)

    def _free_ident(self, line: _Line, ident: int) -> int:
        for _ in range(IDENT_TRIES_MAX):
            if ident not in line.flights:
                return ident
            ident = self._dice.getrandbits(16)
        raise OSError("too many questions on one socket")

    def _line(self, at: int, luck: int) -> _Line:
        """A socket to that server. Raises OSError."""
        key = (at, luck % LINES)
        line = self._lines.get(key)
        if line is not None and line.used < LINE_QUESTIONS_MAX:
            return line
        fresh = _Line(self._servers[at])
        self._loop.add_reader(fresh.sock, self._readable, fresh)
        self._lines[key] = fresh
        if line is not None:
            self._old.add(line)
            self._retire(line)
        return fresh

    def _retire(self, line: _Line) -> None:
        if line in self._old and not line.flights:
            self._old.discard(line)
            self._shut(line)

    def _shut(self, line: _Line) -> None:
        self._loop.remove_reader(line.sock)
        line.sock.close()

    # -- receiving -----------------------------------------------------------------------------------------------------

    def _readable(self, line: _Line) -> None:
        for _ in range(DATAGRAMS_AT_ONCE):
            if line.sock.fileno() < 0:
                return
            try:
                data = line.sock.recv(DATAGRAM_BYTES_MAX)
            except BlockingIOError:
                return
            except OSError as error:  # nobody listens there: the kernel was told so
                self._unreachable(line, error)
                return
            self._received(line, data)

    def _received(self, line: _Line, data: bytes) -> None:
        flight = line.flights.get(int.from_bytes(data[:2], "big"))
        if flight is None:
            return
        if not codec.is_answer(data, flight.question):
            if len(data) >= codec.HEADER_BYTES and codec.rcode_of(data) == codec.FORMERR and flight.edns:
                self._without_edns(flight)
            return
        server = line.server
        if codec.is_truncated(data) or not data.startswith(flight.sent, codec.HEADER_BYTES):
            self._land(flight)  # letters that were changed may be forged, which an answer by TCP is not
            self._call(flight, server)
            return
        if codec.rcode_of(data) in (codec.FORMERR, codec.NOTIMP) and flight.edns:
            self._without_edns(flight)
            return
        self._land(flight)
        self._answered(flight, server, codec.read(data, flight.name, flight.kind))

    def _answered(self, flight: _Flight, server: Server, reply: Reply) -> None:
        if reply.status != "tempfail" or (reply.rcode == codec.SERVFAIL and server.trusted):
            # A trusted server may say SERVFAIL of what is forged: another one's word must not count instead.
            self._end(flight, reply, server.trusted)
            return
        flight.why = f"{server.host}: {reply.why}"
        self._send(flight)

    def _without_edns(self, flight: _Flight) -> None:
        """Ask the same server as servers before RFC 6891 were."""
        self._land(flight)
        flight.edns = False
        flight.attempt -= 1
        self._send(flight)

    def _unreachable(self, line: _Line, error: OSError) -> None:
        for flight in list(line.flights.values()):
            self._land(flight)
            flight.why = f"{line.server.host}: {error.strerror or error}"
            self._send(flight)

    def _land(self, flight: _Flight) -> None:
        """It is not waited for any more at its socket."""
        line = flight.line
        assert line is not None
        del line.flights[flight.ident], self._flying[flight]
        flight.line = None
        self._retire(line)

    def _end(self, flight: _Flight, reply: Reply, trusted: bool) -> None:
        flight.done(reply, trusted)
        if self._starting:
            return  # one that ends at once must not start the next within itself
        self._starting = True
        while self._waiting and len(self._flying) + len(self._calling) < self._limits.in_flight_max:
            self._send(self._waiting.popleft())
        self._starting = False

    # -- time ----------------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        """Give up on whom nobody answered; the first of those that fly is the first to be given up."""
        self._timer = None
        now_s = self._loop.time() + 0.001  # the loop's clock may be a little early
        late = []
        for flight, until_s in self._flying.items():
            if until_s > now_s:
                break
            late.append(flight)
        for flight in late:
            line = flight.line
            assert line is not None
            if line.server is self._servers[self._first]:
                self._first = (self._first + 1) % len(self._servers)
            flight.why = f"{line.server.host}: no answer in time"
            self._land(flight)
            self._send(flight)
        while self._waiting and self._waiting[0].ends_s <= now_s:
            self._end(self._waiting.popleft(), failed("too many questions at once"), False)
        if self._flying and self._timer is None:
            self._timer = self._loop.call_at(next(iter(self._flying.values())), self._tick)

    # -- TCP -----------------------------------------------------------------------------------------------------------

    def _call(self, flight: _Flight, server: Server) -> None:
        self._calling[flight] = self._loop.create_task(self._called(flight, server))

    async def _called(self, flight: _Flight, server: Server) -> None:
        try:
            reply = await self._over_tcp(flight, server)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            reply = failed(f"TCP: {str(error) or type(error).__name__}")
        if self._calling.pop(flight, None) is not None:
            self._answered(flight, server, reply)

    async def _over_tcp(self, flight: _Flight, server: Server) -> Reply:
        async with asyncio.timeout(max(0.0, flight.ends_s - self._loop.time())), self._connections:
            data = await tcp.ask(
                server,
                self._dice.getrandbits(16),
                flight.question,
                dnssec=server.trusted,
                timeout_s=2 * self._limits.timeout_s,
            )
        return codec.read(data, flight.name, flight.kind)
