"""Connections: how many, how slow a reader, what becomes of streams, how it all stops."""

import asyncio
import zlib

import pytest

from tests.unit.gateway.web.world import IP, World, unchunked

GET = b"GET %b HTTP/1.1\r\nHost: a.test\r\n\r\n"
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: other, jmap\r\n"
)


async def test_connections_are_few_in_all_and_of_an_address() -> None:
    world = World(connections_max=3, connections_per_ip_max=2)
    clients = [world.connect() for _ in range(3)]
    assert [client.wire.closed for client in clients] == [False, False, True]
    assert clients[2].response().status == 503
    assert world.connect("192.0.2.9").wire.closed
    assert world.counted("connections_refused_total", reason="address") == 1
    assert world.counted("connections_refused_total", reason="total") == 1
    for client in clients:
        await client.leave()
    assert world.counted("connections") == 1
    assert not world.connect().wire.closed


async def test_an_event_stream_ends_with_its_client() -> None:
    world = World()
    client = world.connect()
    await client.send(GET % b"/events")
    assert client.response(head_only=True).headers["content-type"] == "text/event-stream"
    assert world.counted("streams", kind="events") == 1
    await world.wait(10_000)
    assert not client.wire.closed
    await client.leave()
    assert world.ended == ["events"]
    assert world.counted("streams", kind="events") == 0
    assert world.counted("connections") == 0


async def test_what_an_event_looks_like() -> None:
    world = World()
    client = world.connect()
    await client.send(GET % b"/events")
    world.gate.set()
    await client.settle()
    body = b"event: state\nid: 7\ndata: one\ndata: two\n\n: ping\n\ndata: three\n\n"
    assert client.response().body == body
    await client.send(GET % b"/hello")
    assert client.response().status == 200


async def test_the_servers_stop_ends_streams_as_it_should() -> None:
    world = World()
    events, idle, busy, socket = (world.connect() for _ in range(4))
    await events.send(GET % b"/events")
    await busy.send(GET % b"/slow")
    await socket.send(HANDSHAKE + b"\r\n")
    closing = asyncio.create_task(world.server.close())
    for client in (events, idle, busy, socket):
        await client.settle()
    assert (events.wire.closed, idle.wire.closed, busy.wire.closed, socket.wire.closed) == (True, True, False, True)
    assert unchunked(events.wire.out.partition(b"\r\n\r\n")[2])
    assert socket.wire.out.endswith(b"\x88\x02" + (1012).to_bytes(2, "big"))
    assert sorted(world.ended) == ["events", "socket"]
    assert not closing.done()
    world.gate.set()
    await busy.settle()
    assert busy.response().headers["connection"] == "close"
    await closing


async def test_what_does_not_end_is_cut_off() -> None:
    world = World(drain_s=0)
    client = world.connect()
    await client.send(GET % b"/slow")
    await world.server.close()
    assert client.wire.aborted


async def test_a_reader_that_does_not_read_is_waited_for_and_then_cut_off() -> None:
    world = World()
    client = world.connect()
    await client.send(GET % b"/flood")
    high = world.settings.write_buffer_bytes
    assert high < len(client.wire.out) < high + 5000  # it waits
    await world.wait(50)
    client.wire.out = b""
    client.connection.resume_writing()
    await client.settle()
    assert high < len(client.wire.out) < high + 5000
    await world.wait(50)
    assert not client.wire.aborted
    await world.wait(11)
    assert client.wire.aborted
    await client.settle()
    assert world.counted("streams", kind="events") == 0


async def test_the_head_of_a_handler_that_waits_for_a_body_that_is_cut_off() -> None:
    world = World()
    client = world.connect()
    await client.send(b"POST /echo HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nabc")
    await client.leave()
    assert client.wire.out == b""
    assert not [event for event, _ in world.log.said if event == "web.defect"]
    assert world.counted("requests_total", route="/echo", method="POST", status="0") == 1


async def test_requests_are_counted_by_route_never_by_path() -> None:
    world = World()
    client = world.connect()
    await client.send(GET % b"/part/a/b" + GET % b"/part/c/d" + GET % b"/x" + GET % b"/y")
    labels = {"route": "/part/{account}/{name}", "method": "GET"}
    assert world.counted("requests_total", status="200", **labels) == 2
    assert world.counted("request_seconds_count", route=labels["route"]) == 2
    assert world.counted("requests_total", route="-", method="-", status="404") == 2
    assert [values["status"] for event, values in world.log.said if event == "web.request"] == [404, 404]
    await world.wait(1)
    assert world.counted("received_bytes_total") > 100
    assert world.counted("sent_bytes_total") > 50


async def test_what_ails_us_is_told_to_the_log_alone() -> None:
    world = World()
    client = world.connect()
    await client.send(GET % b"/defect" + GET % b"/trouble?a=b")
    assert b"secret" not in client.wire.out
    assert b"store of" not in client.wire.out
    assert [event for event, _ in world.log.said if event != "web.request"] == ["web.defect", "web.trouble"]


async def test_where_a_client_is_comes_from_no_header() -> None:
    world = World(log_requests="all")
    client = world.connect()
    await client.send(
        b"GET /hello HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 10.0.0.1\r\nForwarded: for=10.0.0.1\r\n\r\n"
    )
    assert world.log.said[-1][1]["ip"] == IP


@pytest.mark.parametrize("asked", [b"zstd;q=0.5, gzip;q=0.8", b"gzip", b"*;q=0.5, zstd;q=0"])
async def test_text_is_packed_as_the_client_likes_it(asked: bytes) -> None:
    world = World()
    client = world.connect()
    await client.send(
        b"POST /echo HTTP/1.1\r\nHost: a\r\nAccept-Encoding: %b\r\nContent-Length: 2000\r\n\r\n" % asked + b"x" * 2000
    )
    response = client.response()
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["vary"] == "Accept-Encoding"
    assert zlib.decompress(response.body, 31) == b"x" * 2000
