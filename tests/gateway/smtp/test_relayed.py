"""Behind relays, over real sockets: the header in the clear, also in front of TLS, however it is cut; and hostile ones.

Each in both event loops.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest

from tests.gateway.smtp.conftest import Running, Start
from tests.unit.mail.proxy.test_header import V4, summed, tlv, v2

T = TypeVar("T")
_V1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 25\r\n"
_MAIL = b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\nBDAT 8 LAST\r\na: b\r\n\r\nQUIT\r\n"


@asynccontextmanager
async def connection(running: Running, name: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port[name])
    yield reader, writer
    writer.close()


@pytest.mark.parametrize(
    "header", [_V1, v2(V4), summed(V4), v2(V4 + tlv(4, bytes(3000)))], ids=["v1", "v2", "crc", "long"]
)
async def test_the_address_in_the_header_is_the_clients(start: Start, header: bytes) -> None:
    running = await start()
    async with connection(running, "relayed") as (reader, writer):
        writer.write(header + _MAIL)
        answer = await reader.read()
    assert answer.startswith(b"220 ")
    assert b"Received: from a ([192.0.2.7])" in running.fakes.intake.stored[0][1]


async def test_byte_by_byte(start: Start) -> None:
    running = await start()
    async with connection(running, "relayed") as (reader, writer):
        for byte in _V1 + b"QUIT\r\n":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        assert (await reader.read()).startswith(b"220 ")


@pytest.mark.parametrize("header", [_V1, v2(V4)], ids=["v1", "v2"])
@pytest.mark.parametrize("pause", [False, True])
async def test_in_front_of_tls_in_one_packet_or_two(
    start: Start, client_tls: ssl.SSLContext, header: bytes, pause: bool
) -> None:
    running = await start()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_tls.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    async with connection(running, "relayed-submissions") as (reader, writer):
        writer.write(header)
        if pause:
            await writer.drain()
            await asyncio.sleep(0.02)
        wire = (incoming, outgoing, reader, writer)
        await _through(tls.do_handshake, *wire)
        assert (await _through(lambda: tls.read(1000), *wire)).startswith(b"220 ")
    assert running.fakes.log.lines == []


async def _through(
    act: Callable[[], T],
    incoming: ssl.MemoryBIO,
    outgoing: ssl.MemoryBIO,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> T:
    """Do something in TLS, moving bytes as long as it wants."""
    while True:
        try:
            done = act()
        except ssl.SSLWantReadError:
            writer.write(outgoing.read())
            incoming.write(await reader.read(65536))
            continue
        writer.write(outgoing.read())
        return done


@pytest.mark.parametrize(
    "data",
    [
        b"EHLO a\r\nQUIT\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32),
        b"PROXY TCP4 192.0.2.7\r\n",
        b"PROXY " + b"x" * 200,
        summed(V4)[:-1] + b"\0",
        v2(V4, size=60000),
        v2(V4)[:20],
        b"",
    ],
)
async def test_who_sends_no_whole_header_hears_nothing(start: Start, data: bytes) -> None:
    running = await start()
    async with connection(running, "relayed") as (reader, writer):
        writer.write(data)
        writer.write_eof()
        assert await _rest(reader) == b""
    assert [event for event, _ in running.fakes.log.lines] == ["proxy.refused"]


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:  # it is closed with something unread
        return b""


async def test_who_sends_a_header_slowly_is_let_go(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.proxy.HEADER_S", 0.05)
    running = await start()
    async with connection(running, "relayed") as (reader, writer):
        writer.write(b"PROXY TCP4 ")
        assert await _rest(reader) == b""


async def test_headers_that_do_not_come_are_bounded(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.proxy.PENDING_MAX", 1)
    running = await start()
    async with connection(running, "relayed") as (_, first), connection(running, "relayed") as (reader, _):
        assert await _rest(reader) == b""
        first.write_eof()


async def test_others_are_refused_or_taken_as_they_are(start: Start, client_tls: ssl.SSLContext) -> None:
    running = await start()
    async with connection(running, "others") as (reader, writer):
        writer.write(_V1 + b"QUIT\r\n")
        assert await _rest(reader) == b""
    port = running.port["others-direct"]
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_tls, server_hostname="127.0.0.1")
    writer.write(b"QUIT\r\n")
    assert (await reader.read()).startswith(b"220 ")
    writer.close()


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", v2(b"", 0, 0x20)], ids=["unknown", "local"])
async def test_a_relay_that_speaks_for_itself_keeps_its_address(start: Start, header: bytes) -> None:
    running = await start()
    async with connection(running, "relayed") as (reader, writer):
        writer.write(header + _MAIL)
        await reader.read()
    assert b"([127.0.0.1])" in running.fakes.intake.stored[0][1]


async def test_the_limit_for_one_address_counts_the_clients(start: Start) -> None:
    running = await start(connections_per_ip_max=1)
    async with connection(running, "relayed") as (first, one), connection(running, "relayed") as (second, two):
        one.write(_V1)
        assert (await first.readline()).startswith(b"220 ")
        two.write(_V1.replace(b"192.0.2.7", b"192.0.2.8"))
        assert (await second.readline()).startswith(b"220 ")
        async with connection(running, "relayed") as (third, again):
            again.write(_V1)
            assert (await third.read()).startswith(b"421 4.7.0 Too many connections")


async def test_stopping_ends_what_waits_for_a_header(start: Start) -> None:
    running = await start()
    async with connection(running, "relayed") as (reader, writer):
        writer.write(b"PROXY ")
        await writer.drain()
        await asyncio.sleep(0.02)
        await running.server.close()
        assert await _rest(reader) == b""
