"""Searches that are meant to hurt: large, deep and many. Others are served meanwhile, and nothing grows unbounded."""

import asyncio
from collections.abc import Callable

import pytest

from cluster.clock import ManualClock
from gateway.access.finding import finder as finding
from gateway.access.finding.finder import LARGE_AT_ONCE
from tests.unit.gateway.imap.world import Client, World, message


class Ticking(ManualClock):
    """Time passes whenever somebody looks: a millisecond each time."""

    def monotonic(self) -> float:
        self.ms += 1
        return self.ms / 1000


async def _large(world: World, doublings: int) -> Client:
    """A mailbox of 2 ** doublings messages."""
    for number in range(2):
        await world.deliver(message(f"letter {number}"))
    client = await world.connect("alice")
    await client.ok("SELECT INBOX")
    for _ in range(doublings - 1):
        await client.ok("COPY 1:* INBOX")
        await client.ok("NOOP")
    return client


async def _meanwhile(world: World, client: Client, command: bytes, wait: int = 1) -> list[bytes]:
    """The answer to a command, during which another client's command was answered `wait` times."""
    other = await world.connect("bob")
    client.send(b"t " + command + b"\r\n")
    for _ in range(wait):
        other.send(b"o NOOP\r\n")
        assert await other.line() == b"o OK NOOP completed"
        assert b"\r\nt " not in client.pipe.received
        assert not client.pipe.received.startswith(b"t ")
    lines = [await client.line()]
    while not lines[-1].startswith(b"t "):
        lines.append(await client.line())
    return lines


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.unit.gateway.imap.world.ManualClock", Ticking)


KEYS: dict[str, Callable[[int], str]] = {
    "columns": lambda at: f"OLDER {at + 1}",
    "sets": lambda at: f"NOT {at + 1}:{2 * at + 7}",
    "records": lambda at: f"NOT SUBJECT x{at}",
    "bodies": lambda at: f"NOT BODY x{at}",
}


@pytest.mark.usefixtures("ticking")
@pytest.mark.parametrize("kind", KEYS)
async def test_hundreds_of_keys(kind: str) -> None:
    async with World() as world:
        is_read = kind in ("records", "bodies")
        client = await _large(world, 8 if is_read else 14)
        keys = " ".join(map(KEYS[kind], range(600)))
        lines = await _meanwhile(world, client, f"SEARCH RETURN (COUNT) {keys}".encode(), wait=3)
        assert lines[0].startswith(b'* ESEARCH (TAG "t") COUNT ')


@pytest.mark.usefixtures("ticking")
async def test_a_deep_key() -> None:
    async with World() as world:
        client = await _large(world, 12)
        deep = "NOT (SUBJECT a OR SEEN " * 30 + "ALL" + ")" * 30
        await _meanwhile(world, client, b"SEARCH RETURN (COUNT) " + deep.encode())
        too_deep = "NOT " * 200 + "ALL"
        assert (await client.command(f"SEARCH {too_deep}"))[-1].startswith(b"t NO [LIMIT]")
        too_many = "SEEN " * 2001 + "SEEN"
        assert (await client.command(f"SEARCH {too_many}"))[-1].startswith(b"t NO [LIMIT]")


@pytest.mark.usefixtures("ticking")
@pytest.mark.parametrize(
    "command",
    [
        "SORT (SUBJECT FROM DISPLAYTO DATE) UTF-8 ALL",
        "THREAD REFERENCES UTF-8 ALL",
        "UID SORT RETURN (ALL COUNT) (REVERSE SIZE REVERSE SUBJECT) UTF-8 ALL",
    ],
)
async def test_sort_and_thread_of_many(command: str) -> None:
    async with World() as world:
        client = await _large(world, 12)
        await _meanwhile(world, client, command.encode())


async def test_a_set_of_ten_thousand_ranges() -> None:
    async with World() as world:
        client = await _large(world, 15)
        odd = ",".join(str(number) for number in range(1, 20_000, 2))
        lines = await client.ok(f"SEARCH RETURN (COUNT) {odd}")
        assert lines[0] == b'* ESEARCH (TAG "t") COUNT 10000'
        lines = await client.ok(f"UID SEARCH RETURN (COUNT SAVE) UID {odd}")
        assert lines[0] == b'* ESEARCH (TAG "t") UID COUNT 10000'
        assert (await client.ok("SEARCH RETURN (COUNT) $"))[0] == b'* ESEARCH (TAG "t") COUNT 10000'


async def test_a_client_that_asks_for_sorts_again_and_again_waits_for_itself() -> None:
    """Pipelined commands run one after the other, each answered."""
    async with World() as world:
        client = await _large(world, 9)
        for number in range(200):
            client.send(b"a%d SORT (REVERSE SIZE) UTF-8 %d:*\r\n" % (number, number + 1))
        for number in range(200):
            assert (await client.line()).startswith(b"* SORT ")
            assert (await client.line()) == b"a%d OK SORT completed" % number


async def test_few_large_messages_are_looked_through_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folded text of one may take twenty times as much memory as the message."""
    running, most = 0, 0

    async def apart(work: Callable[..., object], *args: object) -> object:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(50):
            await asyncio.sleep(0)
        running -= 1
        return work(*args)

    monkeypatch.setattr(finding, "_LARGE_BYTES", 1000)
    monkeypatch.setattr(finding, "_THREADED_ABOVE_BYTES", 1000)
    monkeypatch.setattr(asyncio, "to_thread", apart)
    async with World() as world:
        await world.deliver(message("large", body="word " * 1000))
        clients = [await world.connect("alice") for _ in range(6)]
        for client in clients:
            await client.ok("EXAMINE INBOX")
            client.send(b"a SEARCH BODY word\r\n")
        for client in clients:
            assert await client.line() == b"* SEARCH 1"
        assert most == LARGE_AT_ONCE


async def test_what_is_kept_of_orders_is_bounded() -> None:
    import numpy as np

    from gateway.imap.arrangements import Arrangements

    kept = Arrangements(kept_bytes=100_000)
    made = 0

    async def work() -> "np.ndarray[tuple[int], np.dtype[np.int32]]":
        nonlocal made
        made += 1
        return np.zeros(5000, np.int32)

    for _ in range(2):
        for number in range(10):
            await kept.of((1, 2), np.arange(number), work)
    assert made == 20  # four of them fit, and these are gone when their turn comes again
    await asyncio.gather(*[kept.of((1, 2), np.arange(99), work) for _ in range(5)])
    assert made == 21  # who asks for the same waits for it
