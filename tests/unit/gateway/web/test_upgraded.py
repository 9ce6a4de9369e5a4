"""WebSockets: messages, and what of them is bounded (RFC 6455, RFC 7692)."""

import asyncio
import zlib

import pytest

from gateway.web import upgraded
from tests.unit.gateway.web.world import Client, World

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: other, jmap\r\n"
)


def frame(data: bytes, first: int = 0x81) -> bytes:
    """A client's, masked with nothing (RFC 6455 5.2)."""
    if len(data) < 126:
        size = bytes([0x80 | len(data)])
    else:
        size = b"\xfe" + len(data).to_bytes(2, "big") if len(data) < 65536 else b"\xff" + len(data).to_bytes(8, "big")
    return bytes([first]) + size + b"\0\0\0\0" + data


async def opened(world: World, more: bytes = b"") -> Client:
    client = world.connect()
    await client.send(HANDSHAKE + more + b"\r\n")
    response = client.response(head_only=True)
    assert response.status == 101
    assert response.headers["sec-websocket-protocol"] == "jmap"
    return client


async def test_messages() -> None:
    world = World()
    client = await opened(world)
    await client.send(frame(b"hello") + frame(b"wor", 0x01) + frame(b"ld", 0x80))
    assert client.wire.out == b"\x81\x05HELLO\x81\x05WORLD"
    assert world.counted("streams", kind="websocket") == 1
    client.wire.out = b""
    await client.send(frame((1000).to_bytes(2, "big"), 0x88))
    assert client.wire.out == b"\x88\x02\x03\xe8"
    assert client.wire.closed
    assert world.ended == ["socket"]
    assert world.counted("connections") == 0
    assert world.counted("requests_total", route="/ws", method="GET", status="101") == 1


async def test_octets_are_not_understood() -> None:
    client = await opened(World())
    await client.send(frame(b"\0", 0x82))
    assert client.wire.out[2:4] == (1003).to_bytes(2, "big")


async def test_a_message_is_bounded() -> None:
    client = await opened(World(websocket_bytes_max=1024))
    await client.send(frame(bytes(1000), 0x01) + frame(bytes(1000), 0x00))
    assert client.wire.out[2:4] == (1009).to_bytes(2, "big")
    assert client.wire.closed


async def test_a_packed_message_is_bounded_unpacked() -> None:
    client = await opened(World(websocket_bytes_max=100_000), b"Sec-WebSocket-Extensions: permessage-deflate\r\n")
    deflate = zlib.compressobj(9, zlib.DEFLATED, -12)
    bomb = (deflate.compress(bytes(10_000_000)) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
    await client.send(frame(bomb, 0xC1))
    assert client.wire.out[2:4] == (1009).to_bytes(2, "big")


async def test_packed_messages_are_unpacked_one_after_the_other() -> None:
    world = World(websocket_bytes_max=1_000_000)
    client = await opened(world, b"Sec-WebSocket-Extensions: permessage-deflate\r\n")
    socket = client.connection.socket
    one = zlib.compressobj(9, zlib.DEFLATED, -12)
    large = frame((one.compress(b" " * 900_000) + one.flush(zlib.Z_SYNC_FLUSH))[:-4], 0xC1)
    socket.data_received(large * 50)  # before the handler has its turn
    queued = [socket.queue.get_nowait() for _ in range(socket.queue.qsize())]
    assert sum(len(message["text"]) for message in queued) < 6_000_000
    for message in queued:
        socket.queue.put_nowait(message)
    taken = []
    socket.transport.write = lambda data: taken.append(len(data))
    await client.settle()
    await client.settle()
    assert len(taken) == 50  # and none is lost


async def test_empty_fragments_are_few() -> None:
    client = await opened(World())
    await client.send(frame(b"", 0x01) + frame(b"", 0x00) * 2000)
    assert client.wire.out[2:4] == (1009).to_bytes(2, "big")
    assert client.wire.closed


async def test_who_does_not_read_is_not_read_from() -> None:
    world = World()
    client = await opened(world)
    client.connection.socket.pause_writing()
    assert not client.wire.reading
    await client.send(frame(b"a"))
    assert client.wire.out == b""
    client.connection.socket.resume_writing()
    await client.settle()
    assert client.wire.out == b"\x81\x01A"
    assert client.wire.reading
    client.connection.socket.pause_writing()
    await world.wait(61)
    assert client.wire.aborted


async def test_the_subprotocol_must_be_asked_for() -> None:
    client = World().connect()
    await client.send(HANDSHAKE.replace(b"jmap", b"xmpp") + b"\r\n")
    assert client.response().status == 400
    assert client.wire.closed


MIB = 1024 * 1024


async def test_large_messages_of_all_share_a_room() -> None:
    world = World(memory_bytes_max=4 * MIB, websocket_bytes_max=MIB)
    clients = [await opened(world) for _ in range(100)]
    large = frame(b"x" * 900_000)
    for client in clients:
        await client.send(large[:500_000])
    # One address has half of the room, two messages' worth; of the others nothing is held but what was read once.
    assert world.server.room.left == 2 * MIB
    assert sum(client.wire.reading for client in clients) == 2
    for client in clients:
        await client.send(large[500_000:])
    for client in clients:
        await client.settle()
        assert len(client.wire.out) > 900_000
    assert world.server.room.left == 4 * MIB


async def test_who_waits_too_long_is_told_to_come_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgraded, "WAIT_S", 0.01)
    world = World(memory_bytes_max=2 * MIB, websocket_bytes_max=MIB)
    first, other = await opened(world), await opened(world)
    await first.send(frame(b"x" * 900_000)[:500_000])
    await other.send(frame(b"x" * 900_000)[:500_000])
    await asyncio.sleep(0.02)
    await other.settle()
    assert other.wire.out[2:4] == (1013).to_bytes(2, "big")
    assert other.wire.closed
    await first.send(frame(b"x" * 900_000)[500_000:])
    assert len(first.wire.out) > 900_000
    assert world.server.room.left == 2 * MIB


async def test_who_has_room_may_not_dawdle() -> None:
    world = World(memory_bytes_max=2 * MIB, websocket_bytes_max=MIB)
    client = await opened(world)
    await client.send(frame(b"x" * 900_000)[:500_000])
    await world.wait(20)
    await client.send(b"x" * 30_000)
    await world.wait(20)
    assert not client.wire.closed
    await world.wait(20)
    await client.settle()
    assert client.wire.aborted
    assert world.server.room.left == 2 * MIB


@pytest.mark.parametrize("extension", [b"", b"Sec-WebSocket-Extensions: permessage-deflate\r\n"])
async def test_pings_and_small_messages_need_no_room(extension: bytes) -> None:
    world = World()
    client = await opened(world, extension)
    for _ in range(1500):
        client.connection.socket.data_received(frame(b"x" * 100, 0x89))  # a ping
    await client.send(frame(b"hello"))
    assert world.server.room.left == world.settings.memory_bytes_max
    assert client.wire.out.endswith(b"HELLO") or extension
    await world.wait(1000)
    assert not client.wire.closed


async def test_what_leaves_gives_its_room_back() -> None:
    world = World(memory_bytes_max=2 * MIB, websocket_bytes_max=MIB)
    clients = [await opened(world) for _ in range(3)]
    for client in clients:
        await client.send(frame(b"x" * 900_000)[:500_000])
    for client in clients:
        await client.leave()
    assert world.server.room.left == 2 * MIB
    assert not world.server.room._waiting
