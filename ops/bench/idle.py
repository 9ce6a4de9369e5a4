"""How soon a client that IDLEs on one gateway hears of what another client does through another.

The law: the clock runs from before the change is sent until the line of it has arrived; one change at a time. Which
gateway the idling client is on stands in the columns of the table, as servers do elsewhere.
"""

import asyncio
import time
from collections.abc import Iterator
from statistics import median, quantiles
from typing import Final

from ops.bench import load, texts
from ops.bench.cluster import Cluster, cluster
from ops.bench.delivery import Scratch, Told
from ops.bench.figures import Value
from ops.bench.imap import append
from ops.bench.peers import HOST, PASSWORD, address
from ops.bench.wire import Swift

SAMPLES: Final = 300  # as many for each account
SAMPLES_QUICK: Final = 40
SHARDS: Final = 2
ACCOUNTS: Final = 20  # of all slots; samples go through them in turns
GATEWAYS: Final = ("the same gateway", "another gateway")
HEARD_S_MAX: Final = 10.0
PAUSE_S: Final = 0.005  # between changes: each is heard in peace


def measure(_make: object, scratch: Scratch, rounds: int, *, quick: bool, told: Told) -> Iterator[Value]:
    """One cluster; each round makes its own connections."""
    samples = SAMPLES_QUICK if quick else SAMPLES
    with scratch() as directory, cluster(directory, gateways=2) as made:
        made.furnish(ACCOUNTS)
        with made.running(SHARDS):
            for number in range(rounds):
                told(f"idle: round {number + 1} of {rounds}")
                yield from made.run(_one_round(made, samples))


async def _one_round(made: Cluster, samples: int) -> list[Value]:
    changing = await load.log_in(made.ports[0].imap, range(ACCOUNTS))
    content = texts.letter(1, address(0), load.MESSAGE_BYTES, texts.noise())
    for client in changing:
        await client.command(append("INBOX", content))
        await client.command(b"SELECT INBOX\r\n")
    listening = [[await Listener.idling(ports.imap, account) for account in range(ACCOUNTS)] for ports in made.ports]
    flags = load.Command("a flag", [b"STORE 1 %cFLAGS (\\Flagged)\r\n" % sign for sign in b"+-"])
    new = load.Command("a new message", [append("INBOX", content)])
    values = []
    for command in (flags, new):
        for at, (name, listeners) in enumerate(zip(GATEWAYS, listening, strict=True)):
            numbers = range(at * samples, (at + 1) * samples)  # going on, so that each flag is a change
            times_ms = [await _heard_ms(changing, listeners, command, number) for number in numbers]
            values += spread(f"{command.what}, heard", name, times_ms)
    for listener in (one for listeners in listening for one in listeners):
        listener.close()
    for client in changing:
        client.close()
    return values


async def _heard_ms(changing: list[Swift], listeners: "list[Listener]", command: load.Command, number: int) -> float:
    account, turn = number % ACCOUNTS, number // ACCOUNTS
    await asyncio.sleep(PAUSE_S)
    listener = listeners[account]
    listener.heard.clear()
    started = time.perf_counter()
    await changing[account].command(command.variants[turn % len(command.variants)])
    async with asyncio.timeout(HEARD_S_MAX):
        await listener.heard.wait()
    return (listener.heard_s - started) * 1000


def spread(what: str, name: str, times_ms: list[float]) -> list[Value]:
    """Median, 99 of 100, and the longest."""
    return [
        Value(f"{what}: median", "ms", name, median(times_ms)),
        Value(f"{what}: 99 of 100", "ms", name, quantiles(times_ms, n=100)[98]),
        Value(f"{what}: longest", "ms", name, max(times_ms)),
    ]


class Listener:
    """A client that IDLEs, and notes when it heard something."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._task: asyncio.Task[None] | None = None
        self.heard = asyncio.Event()
        self.heard_s = 0.0  # of time.perf_counter

    @classmethod
    async def idling(cls, port: int, account: int) -> "Listener":
        """Connect, log in, select INBOX and IDLE (RFC 2177)."""
        listener = cls(*await asyncio.open_connection(HOST, port))
        await listener._until(b"* OK")
        for tag, command in ((b"a", f"LOGIN {address(account)} {PASSWORD}".encode()), (b"b", b"SELECT INBOX")):
            listener._writer.write(b"%b %b\r\n" % (tag, command))
            await listener._until(b"%b OK" % tag)
        listener._writer.write(b"c IDLE\r\n")
        await listener._until(b"+ ")
        listener._task = asyncio.create_task(listener._listen())
        return listener

    def close(self) -> None:
        """Without a word."""
        if self._task is not None:
            self._task.cancel()
        self._writer.close()

    async def _until(self, start: bytes) -> None:
        while not (line := await self._reader.readline()).startswith(start):
            if not line:
                raise RuntimeError("the server closed the connection")

    async def _listen(self) -> None:
        while line := await self._reader.readline():
            # A heartbeat is no news; of a change's several lines the first counts.
            if line.startswith(b"* ") and not line.startswith(b"* OK") and not self.heard.is_set():
                self.heard_s = time.perf_counter()
                self.heard.set()
