"""gateway/imap/compressing.py: bounded in both directions, in any pieces, and over when it is over."""

import asyncio
import zlib

import pytest

from gateway.imap import compressing
from gateway.imap.compressing import SLICE_BYTES, Compressed
from tests.unit.gateway.imap.world import Client, World, message


async def _compressing(world: World, login: str = "alice") -> Client:
    client = await world.connect(login)
    await client.ok("COMPRESS DEFLATE")
    client.compress()
    return client


def _deflated(data: bytes) -> bytes:
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    return deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH)


async def test_a_bomb_goes_off_slowly_and_lets_others_work() -> None:
    async with World() as world:
        other = await world.connect("bob")
        client = await _compressing(world)
        bomb = _deflated(b"x" * 10_000_000)
        assert len(bomb) < 12_000
        client.send_as_it_is(bomb)
        assert client.pipe.paused, "no more is read while this is not inflated"
        assert client.connection._machine.held_bytes <= SLICE_BYTES
        await other.ok("NOOP")
        assert client.pipe.paused
        turns = 0
        while client.pipe.paused:
            await asyncio.sleep(0)
            turns += 1
            assert client.connection._machine.held_bytes <= 2 * SLICE_BYTES
        assert turns > 10_000_000 // SLICE_BYTES // 2


async def test_nothing_between_many_flushes_is_no_endless_turn() -> None:
    async with World() as world:
        client = await _compressing(world)
        client.send_as_it_is(b"\0\0\0\xff\xff" * 10_000)
        assert client.pipe.paused
        turns = 0
        while client.pipe.paused:
            await asyncio.sleep(0)
            turns += 1
        assert turns > 100
        assert await client.quiet()


async def test_pipelined_commands_stop_the_inflating() -> None:
    """As without compression: read ahead of a command that runs is a bound."""
    async with World() as world:
        client = await _compressing(world)
        client.send(b"x NOOP\r\n" * 30_000)
        assert client.pipe.paused
        count = 0
        while count < 30_000:
            line = await client.line()
            count += line.startswith(b"x OK")
            assert client.connection._machine.held_bytes <= 4 * SLICE_BYTES
        assert await client.quiet()


async def test_garbage_ends_the_connection_with_a_word() -> None:
    async with World() as world:
        client = await _compressing(world)
        client.send(b"a NOOP\r\n")
        client.send_as_it_is(b"b NOOP\r\n")
        assert await client.line() == b"a OK NOOP completed"
        assert (await client.line()).startswith(b"* BYE [CLIENTBUG] What you send is not compressed")
        assert await client.line() == b""


async def test_garbage_while_idling() -> None:
    async with World() as world:
        client = await _compressing(world)
        client.send(b"a IDLE\r\n")
        assert await client.line() == b"+ idling"
        client.send_as_it_is(b"DONE\r\n")
        assert (await client.line()).startswith(b"* BYE [CLIENTBUG]")
        assert await client.line() == b""


async def test_commands_that_do_not_wait_for_the_answer_to_compress() -> None:
    async with World() as world:
        client = await world.connect("alice")
        client.send(b"a COMPRESS DEFLATE\r\nb NOOP\r\n")
        assert await client.line() == b"a OK DEFLATE begins"
        client.compress()
        assert (await client.line()).startswith(b"* BYE [CLIENTBUG]")
        assert await client.line() == b""


async def test_a_large_message_is_deflated_by_slices_and_no_faster_than_it_is_read() -> None:
    async with World() as world:
        body = "".join(f"{number * 7919 % 100_003} and so on\r\n" for number in range(20_000))
        await world.deliver(message("large", body))
        client = await _compressing(world)
        other = await world.connect("bob")
        await client.ok("EXAMINE INBOX")
        client.send(b"x FETCH 1 BODY.PEEK[]\r\n")
        for _ in range(3):
            await other.ok("NOOP")
        client.connection._transport.pause_writing()  # type: ignore[union-attr] # the network does not take it
        size = len(client.pipe.received)
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(client.pipe.received) <= size + SLICE_BYTES
        assert client.connection.clogged
        client.connection._transport.resume_writing()  # type: ignore[union-attr]
        await client.line()
        received = b""
        while not received.endswith(b"x OK FETCH completed"):
            received += await client.line() + b"\n"
            received = received.removesuffix(b"\n") if received.endswith(b"completed\n") else received
        assert received.count(b" and so on\n") == 20_000
        assert not client.connection.clogged


async def test_closing_waits_for_what_is_still_to_be_deflated() -> None:
    async with World() as world:
        await world.deliver(message("large", "x y z\r\n" * 100_000))
        client = await _compressing(world)
        await client.ok("EXAMINE INBOX")
        client.send(b"x FETCH 1 BODY.PEEK[]\r\ny LOGOUT\r\n")
        while not client.pipe.closed:
            await asyncio.sleep(0)
        assert client.pipe.received.count(b"x y z\r\n") == 100_000
        assert client.pipe.received.endswith(b"y OK LOGOUT completed\r\n")


async def test_half_a_connection() -> None:
    """What was sent before the end is still answered."""
    async with World() as world:
        client = await _compressing(world)
        client.send(b"x CAPABILITY\r\n" * 10_000)
        transport = client.connection._transport
        assert isinstance(transport, Compressed)
        assert transport.eof_received()
        lines = [line async for line in client.lines()]
        assert sum(line.startswith(b"x OK") for line in lines) == 10_000


async def test_deflaters_are_few_and_whose_is_gone_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressing, "KEPT_MAX", 3)
    async with World() as world:
        clients = [await _compressing(world) for _ in range(5)]
        for _ in range(3):
            for client in clients:
                assert len(await client.ok("CAPABILITY")) == 2
        assert len(world.services.deflaters) == 3
        for client in clients:
            await client.ok("LOGOUT")
        await clients[0].quiet()
        assert len(world.services.deflaters) == 0


@pytest.mark.parametrize("piece", [1, 3, 10_000])
@pytest.mark.parametrize("how", [zlib.Z_SYNC_FLUSH, zlib.Z_FINISH])
async def test_a_login_may_follow_unauthenticate_in_one_packet(piece: int, how: int) -> None:
    """RFC 8437 3, 4.1: it is not compressed any more."""
    async with World() as world:
        client = await _compressing(world)
        deflating, inflating = client.deflating, client.pipe.inflating
        client.expand()
        sent = deflating.compress(b"a UNAUTHENTICATE\r\n") + deflating.flush(how) + b"b LOGIN bob demo\r\nc NOOP\r\n"
        for at in range(0, len(sent), piece):
            client.send_as_it_is(sent[at : at + piece])
            await client.quiet()
        clear = _behind_the_answer(client, inflating)
        assert clear.startswith(b"b OK [CAPABILITY IMAP4rev1 ")
        assert clear.endswith(b"\r\nc OK NOOP completed\r\n")
        assert client.pipe.protocol is client.connection, "nothing is left between them"


async def test_what_is_compressed_behind_unauthenticate_is_no_command() -> None:
    async with World() as world:
        client = await _compressing(world)
        inflating, client.pipe.inflating = client.pipe.inflating, None
        client.send(b"a UNAUTHENTICATE\r\nb LOGIN bob demo\r\n")
        await client.quiet()
        assert _behind_the_answer(client, inflating).startswith(b"* BYE [CLIENTBUG]")
        assert client.pipe.closed


def _behind_the_answer(client: Client, inflating: "zlib._Decompress") -> bytes:
    """What comes in the clear behind the answer to UNAUTHENTICATE, the last that is compressed."""
    compressed, end, clear = bytes(client.pipe.received).partition(b"\0\0\xff\xff")
    client.pipe.said = bytearray(clear)
    assert inflating.decompress(compressed + end) == b"a OK You may log in again\r\n"
    return clear
