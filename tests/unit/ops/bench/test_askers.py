"""How an answer is read, and what is told of many."""

import asyncio

import pytest

from ops.bench.askers import Ask, Talk, Times

ASKED = Ask(b"GET / HTTP/1.1\r\n\r\n", 200, b"right")


class Wire(asyncio.Transport):
    """Remembers what was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """asyncio's."""
        self.sent += data


async def answered(*pieces: bytes) -> bytes:
    """What a client makes of these, which come one after the other."""
    talk, wire = Talk(), Wire()
    talk.connection_made(wire)
    asking = asyncio.create_task(talk.ask(ASKED))
    await asyncio.sleep(0)
    assert wire.sent == ASKED.request
    for piece in pieces:
        talk.data_received(piece)
    return await asking


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright"],
        [b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 5\r\n\r\nri", b"ght"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nri\r\n", b"3\r\nght\r\n0\r\n\r\n"],
        [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright"],
    ],
)
async def test_right_answers(pieces: list[bytes]) -> None:
    assert await answered(*pieces) == b"right"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong",
        b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 5\r\n\r\nright",
    ],
)
async def test_wrong_answers(answer: bytes) -> None:
    with pytest.raises(RuntimeError, match="the server answered"):
        await answered(answer)


async def test_a_connection_that_ends_is_no_answer() -> None:
    talk = Talk()
    talk.connection_made(Wire())
    asking = asyncio.create_task(talk.ask(ASKED))
    await asyncio.sleep(0)
    talk.connection_lost(None)
    with pytest.raises(RuntimeError, match="closed"):
        await asking


def test_times() -> None:
    times = Times([0.001 * number for number in range(1, 102)], 2.0)
    assert times.rate == 50.5
    assert times.median_ms == pytest.approx(51)
    assert times.late_ms == pytest.approx(100)
    assert Times([0.2], 0.2).late_ms == Times([0.2], 0.2).median_ms == 200
