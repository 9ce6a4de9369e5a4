"""Large answers: they leave call by call, so that one call's is held; and all calls are carried out."""

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import zstandard

from gateway.access.ids import account_id
from gateway.jmap import uploads
from tests.unit.gateway.imap.world import ALICE
from tests.unit.gateway.jmap.site import HANDSHAKE, Counting, Quick, Site, requested
from tests.unit.gateway.jmap.world import World
from tests.unit.gateway.web.test_upgraded import frame
from tests.unit.gateway.web.world import Client, Wire

MB = 1_000_000


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as world:
        yield world


async def reading(world: World, size: int, times: int) -> list[Any]:
    """Calls, each of which answers with so many octets of text."""
    blob = await uploads.keep(world.jmap, ALICE, b"x" * size, "text/plain")
    asked = {"accountId": account_id(ALICE), "ids": [blob], "properties": ["data:asText"]}
    return [["Blob/get", asked, str(number)] for number in range(times)]


def check(answer: Any, size: int, times: int) -> None:
    assert [call for _name, _told, call in answer["methodResponses"]] == [str(number) for number in range(times)]
    assert all(told["list"][0]["data:asText"] == "x" * size for _name, told, _call in answer["methodResponses"])
    assert answer["sessionState"]


def called(world: World) -> float:
    return float(world.jmap.metrics.calls.labels("Blob/get", "ok")._value.get())


@pytest.mark.parametrize(("size", "times"), [(1000, 3), (MB, 3), (3 * MB, 2)])
async def test_an_answer_is_the_same_in_pieces(
    world: World, monkeypatch: pytest.MonkeyPatch, size: int, times: int
) -> None:
    site = Site(world, monkeypatch)
    for headers, unpack in (
        ((), bytes),
        (("Accept-Encoding: gzip",), gzip.decompress),
        (("Accept-Encoding: zstd",), lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body)),
    ):
        client = site.connect()
        await site.ask(client, await reading(world, size, times), *headers)
        answer = client.response()
        assert answer.status == 200
        assert ("transfer-encoding" in answer.headers) == (size >= MB)
        assert answer.headers.get("vary", "") == ("Accept-Encoding" if headers else "")
        check(orjson.loads(unpack(answer.body)), size, times)
    old = site.connect()
    await site.ask(old, await reading(world, size, times), version="1.0")
    answer = old.response()
    assert "transfer-encoding" not in answer.headers
    check(orjson.loads(answer.body), size, times)
    assert not len(site.jmap._running)


async def test_one_call_is_held(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(world, monkeypatch)
    size, times = 3 * MB, 16
    # Of a long string orjson asks for many times its memory, though it uses none of that: many short ones.
    blobs = [await uploads.keep(world.jmap, ALICE, b"%07d" % n + b"x" * 30_000, "text/plain") for n in range(100)]
    asked = {"accountId": account_id(ALICE), "ids": blobs, "properties": ["data:asText"]}
    calls: list[Any] = [["Blob/get", asked, str(number)] for number in range(times)]
    await site.ask(site.connect(Counting()), calls[:2])  # what is made once
    client = site.connect(wire := Counting())
    tracemalloc.start()
    try:
        await site.ask(client, calls)
        assert wire.size > size * times
        assert tracemalloc.get_traced_memory()[1] < size * times / 2
    finally:
        tracemalloc.stop()


async def test_who_does_not_read_is_not_answered_further_but_all_is_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(world, monkeypatch, compress=False)
    client = site.connect(Wire())  # which reads nothing
    calls = await reading(world, 2 * MB, 10)
    made = {"accountId": account_id(ALICE), "create": {"a": {"name": "Made"}}}
    await site.ask(client, [*calls, ["Mailbox/set", made, "m"]], seconds=1)
    assert 1 <= called(world) < 5
    assert len(client.wire.out) < MB
    assert len(site.jmap._running) == 1
    await client.leave()
    await resting(site)
    assert called(world) == 10
    boxes = (await world.call("alice", "Mailbox/get", ids=None))["list"]
    assert "Made" in [box["name"] for box in boxes]
    assert not len(site.jmap._running)


async def test_later_calls_refer_to_earlier_ones_in_pieces_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(world, monkeypatch)
    client = site.connect()
    (large,) = await reading(world, 2 * MB, 1)
    refer = {"resultOf": "0", "name": "Blob/get", "path": "/list/0/id"}
    await site.ask(
        client,
        [
            large,
            ["Core/echo", {"#x": refer}, "e"],
            ["Core/echo", {"#y": {**refer, "resultOf": "e", "name": "Core/echo", "path": "/x"}}, "f"],
        ],
    )
    answer = orjson.loads(client.response().body)["methodResponses"]
    assert answer[1][1]["x"] == answer[2][1]["y"] == answer[0][1]["list"][0]["id"]


async def resting(site: Site) -> None:
    """All requests have ended."""
    async with asyncio.timeout(60):
        while len(site.jmap._running):
            await asyncio.sleep(0.01)


async def shaken(site: Site, wire: Wire) -> Client:
    client = site.connect(wire)
    await client.send(HANDSHAKE.encode())
    assert client.response(head_only=True).status == 101
    wire.protocol = client.connection.socket
    return client


def frames(octets: bytes) -> list[tuple[int, bytes]]:
    """First octets and contents (RFC 6455 5.2)."""
    found, at = [], 0
    while at < len(octets):
        size, skip = octets[at + 1], 2
        if size > 125:
            skip = 4 if size == 126 else 10
            size = int.from_bytes(octets[at + 2 : at + skip], "big")
        found.append((octets[at], octets[at + skip : at + skip + size]))
        at += skip + size
    return found


async def test_over_a_websocket_it_is_one_message_in_fragments(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(world, monkeypatch)
    client = await shaken(site, Quick())
    small, large = await reading(world, 1000, 2), await reading(world, 2 * MB, 3)
    for calls in (small, large):
        await client.send(frame(requested(calls, **{"@type": "Request", "id": "r"})))
    async with asyncio.timeout(60):
        while not (client.wire.out and frames(client.wire.out)[-1] == (0x80, b"")):
            await client.settle()
            await asyncio.sleep(0.005)
    whole, *fragments = frames(client.wire.out)
    assert whole[0] == 0x81
    assert [first for first, _ in fragments] == [0x01, *[0x00] * (len(fragments) - 2), 0x80]
    assert max(len(data) for _, data in fragments) <= 256 * 1024
    for told, size, times in ((whole[1], 1000, 2), (b"".join(data for _, data in fragments), 2 * MB, 3)):
        answer = orjson.loads(told)
        assert (answer["@type"], answer["requestId"]) == ("Response", "r")
        check(answer, size, times)


async def test_a_websocket_that_is_not_read_holds_one_call_and_all_is_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(world, monkeypatch)
    client = await shaken(site, Wire())
    calls = await reading(world, 2 * MB, 10)
    await client.send(frame(requested(calls, **{"@type": "Request"})))
    async with asyncio.timeout(60):
        while not called(world):
            await client.settle()
            await asyncio.sleep(0.005)
    for _ in range(50):
        await client.settle()
        await asyncio.sleep(0.005)
    assert called(world) < 5
    assert len(client.wire.out) < MB
    await client.leave()
    await resting(site)
    assert called(world) == 10
    assert not len(site.jmap._running)
