"""HTTPS clients for benchmarks, in a process of their own: what they cost is not the server's.

The law: requests are made before the clock starts; a client waits for an answer before it asks again, on a connection
that stays; an answer that is not what it must be is an error. What is timed is from the first octet sent to the last
one read.
"""

import asyncio
import multiprocessing
import ssl
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from statistics import median, quantiles
from typing import Final, NamedTuple, Self, cast

import httptools

from ops.bench.imap import loop_factory
from ops.bench.peers import HOST
from ops.bench.sending import obedient

ANSWER_S_MAX: Final = 300.0


class Ask(NamedTuple):
    """A request as it goes over the wire, and what its answer must have: a status, and these octets somewhere."""

    request: bytes
    status: int
    holds: bytes


class Times(NamedTuple):
    """What clients measured, in seconds."""

    each_s: list[float]
    all_s: float

    @property
    def rate(self) -> float:
        """Answers in a second."""
        return len(self.each_s) / self.all_s

    @property
    def median_ms(self) -> float:
        """Half were faster."""
        return median(self.each_s) * 1000

    @property
    def late_ms(self) -> float:
        """99 of 100 were faster; of a few the slowest."""
        return quantiles(self.each_s, n=100, method="inclusive")[98] * 1000 if len(self.each_s) > 1 else self.median_ms


def trusting() -> ssl.SSLContext:
    """Whom the certificate is of does not matter on loopback."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Talk(asyncio.Protocol):
    """One connection; a request at a time."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[bytes] | None = None
        self._pieces: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect."""
        return (await asyncio.get_running_loop().create_connection(cls, HOST, port, ssl=trusting()))[1]

    async def ask(self, asked: Ask) -> bytes:
        """The answer's body. Raises RuntimeError when it is not what it must be."""
        self._parser = httptools.HttpResponseParser(self)
        self._pieces = []
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(asked.request)
        async with asyncio.timeout(ANSWER_S_MAX):
            body = await self._answer
        if self._parser.get_status_code() != asked.status or asked.holds not in body:
            raise RuntimeError(f"the server answered {self._parser.get_status_code()} {body[:500]!r}")
        return body

    def close(self) -> None:
        """Without a word."""
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        self._parser.feed_data(data)

    def on_body(self, piece: bytes) -> None:
        """The parser's."""
        self._pieces.append(piece)

    def on_message_complete(self) -> None:
        """The parser's, of "100 Continue" too."""
        if self._answer is not None and not self._answer.done() and self._parser.get_status_code() >= 200:
            self._answer.set_result(b"".join(self._pieces))

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or RuntimeError("the server closed the connection"))


class Askers:
    """The process, and what it has open."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    @contextmanager
    def connected(self, port: int, asks: Sequence[Ask]) -> Iterator[None]:
        """As many clients as there are requests, each of which has asked its own once: it is logged in, and what the
        server prepares is prepared."""
        self._pool.submit(_connect, port, asks).result()
        try:
            yield
        finally:
            self._pool.submit(_close).result()

    def again(self, asks: Sequence[Ask], seconds: float) -> Times:
        """Each client asks its own, over and over."""
        return self._pool.submit(_again, asks, seconds).result()

    def once(self, asks: Sequence[Ask]) -> Times:
        """The first client asks all of these, one after the other."""
        return self._pool.submit(_once, asks).result()


def own_process() -> ProcessPoolExecutor:
    """One for clients, with nothing of this one's in it; it ends with the block that it is used in."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), obedient)


@contextmanager
def askers() -> Iterator[Askers]:
    """Ends with the block."""
    with own_process() as pool:
        yield Askers(pool)


class _Process:
    """What lasts from one job to the next in that process."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner(loop_factory=loop_factory)
        self.talks: list[Talk] = []


_here = _Process()


def _connect(port: int, asks: Sequence[Ask]) -> None:
    async def all_of_them() -> None:
        for asked in asks:
            _here.talks.append(await Talk.open(port))
            await _here.talks[-1].ask(asked)

    _here.runner.run(all_of_them())


def _close() -> None:
    async def all_of_them() -> None:
        for talk in _here.talks:
            talk.close()
        _here.talks.clear()

    _here.runner.run(all_of_them())


def _again(asks: Sequence[Ask], seconds: float) -> Times:
    async def one(talk: Talk, asked: Ask, until_s: float, each_s: list[float]) -> None:
        while (began := time.perf_counter()) < until_s:
            await talk.ask(asked)
            each_s.append(time.perf_counter() - began)

    async def all_of_them() -> Times:
        each_s: list[float] = []
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for talk, asked in zip(_here.talks, asks, strict=True):
                group.create_task(one(talk, asked, began + seconds, each_s))
        return Times(each_s, time.perf_counter() - began)

    return _here.runner.run(all_of_them())


def _once(asks: Sequence[Ask]) -> Times:
    async def all_of_them() -> Times:
        each_s: list[float] = []
        for asked in asks:
            began = time.perf_counter()
            await _here.talks[0].ask(asked)
            each_s.append(time.perf_counter() - began)
        return Times(each_s, sum(each_s))

    return _here.runner.run(all_of_them())
