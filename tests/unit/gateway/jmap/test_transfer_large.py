"""Large uploads and downloads: a few pieces of them are in memory, whatever their size; and how each ends that ends
early. Octets go over a connection in memory, into files as a server has them."""

import asyncio
import base64
import errno
import hashlib
import random
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from cluster.blobs.files import FileBlobs
from cluster.blobs.spool import Spool
from gateway.access.ids import account_id
from gateway.jmap import large, transfer, uploads
from gateway.jmap.large import SMALL_BYTES
from gateway.jmap.settings import JmapSettings
from gateway.jmap.transfer import Transfers
from gateway.web.answers import Answer
from gateway.web.exchange import Exchange
from mail.jmap.limits import Limits
from tests.unit.gateway.imap.world import ALICE
from tests.unit.gateway.jmap.site import Counting, Quick
from tests.unit.gateway.jmap.world import World
from tests.unit.gateway.web import world as web

MIB = 1024 * 1024
PIECE = random.Random(1).randbytes(MIB)


class Site:
    """Alice's uploads and downloads."""

    def __init__(self, world: World) -> None:
        self.world, self.web = world, web.World()
        self.transfers = Transfers()

        async def upload(exchange: Exchange) -> Answer:
            return await self.transfers.upload(exchange, world.turn("alice"))

        async def download(exchange: Exchange) -> Answer:
            return await self.transfers.download(exchange, world.turn("alice"))

        self.web.router.add("/u/{accountId}", upload, methods=("POST",))
        self.web.router.add("/d/{accountId}/{blobId}/{name}", download)

    async def begin(self, *headers: str) -> web.Client:
        client = self.web.connect()
        lines = (f"POST /u/{account_id(ALICE)} HTTP/1.1", "Host: a.test", *headers, "", "")
        await client.send("\r\n".join(lines).encode())
        return client

    async def sent(self, pieces: int) -> web.Client:
        client = await self.begin(f"Content-Length: {pieces * MIB}")
        for _ in range(pieces):
            await pushed(client, PIECE)
        await until_answered(client)
        return client

    async def asked(self, blob: str, *headers: str, wire: web.Wire | None = None) -> web.Client:
        client = web.Client(self.web.make(web.IP), wire or Quick())
        lines = (f"GET /d/{account_id(ALICE)}/{blob}/x HTTP/1.1", "Host: a.test", *headers, "", "")
        await client.send("\r\n".join(lines).encode())
        await until_answered(client)
        return client

    def rests(self) -> bool:
        """Whether nothing is held for anybody."""
        room, disk = self.web.server.room, self.transfers._disk
        whole = room.left == self.web.settings.memory_bytes_max and disk.left == transfer.SPOOLED_BYTES_MAX
        return whole and not self.transfers._reading and not len(self.transfers._running)


async def pushed(client: web.Client, data: bytes) -> None:
    """As a socket does: as much as is read at once."""
    for at in range(0, len(data), 256 * 1024):
        while not client.wire.reading and not client.wire.closed:
            await client.settle()
        await client.send(data[at : at + 256 * 1024])


async def until_answered(client: web.Client) -> None:
    """Threads have done their work, and what is refused has been heard out for a while."""
    async with asyncio.timeout(60):
        while (cycle := client.connection.cycle) and not (cycle.response_complete or client.wire.closed):
            await client.settle()
            await asyncio.sleep(0.001)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with World() as world:
        blobs = FileBlobs(tmp_path / "blobs")
        world.mail._blobs = blobs
        yield Site(world)
        await blobs.close()


async def test_what_is_large_goes_and_comes_in_bounded_memory(site: Site) -> None:
    pieces = 40
    wanted = hashlib.sha256()
    for _ in range(pieces):
        wanted.update(PIECE)
    await site.sent(2)  # what is made once
    tracemalloc.start()
    try:
        client = await site.sent(pieces)
        answer = client.response()
        assert answer.status == 201
        made = orjson.loads(answer.body)
        assert made["size"] == pieces * MIB
        assert made["blobId"] == "U" + wanted.hexdigest()
        reader = Counting()
        await site.asked(made["blobId"], wire=reader)
        assert reader.size == pieces * MIB
        assert reader.hash.digest() == wanted.digest()
        assert tracemalloc.get_traced_memory()[1] < 6 * MIB
    finally:
        tracemalloc.stop()
    assert site.rests()


@pytest.mark.parametrize("size", [0, 1, SMALL_BYTES, SMALL_BYTES + 1, SMALL_BYTES + 300_000])
@pytest.mark.parametrize("chunked", [False, True])
async def test_what_was_uploaded_is_downloaded(site: Site, size: int, *, chunked: bool) -> None:
    data = random.Random(size).randbytes(size)
    client = await site.begin("Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}")
    if chunked:
        for at in range(0, size, 100_000):
            piece = data[at : at + 100_000]
            await pushed(client, b"%x\r\n%b\r\n" % (len(piece), piece))
        await client.send(b"0\r\nTrailer: x\r\n\r\n")
    else:
        await pushed(client, data)
    await until_answered(client)
    answer = client.response()
    assert answer.status == 201, answer
    blob = orjson.loads(answer.body)["blobId"]
    assert (await site.asked(blob)).response().body == data
    if size:
        part = (await site.asked(blob, f"Range: bytes={size // 2}-")).response()
        assert (part.status, part.body) == (206, data[size // 2 :])
    if size > 100:
        both = (await site.asked(blob, f"Range: bytes=0-9,{size - 10}-")).response()
        assert both.status == 206
        assert data[:10] in both.body
        assert data[-10:] in both.body
    assert site.rests()


async def test_a_client_that_leaves_leaves_nothing(site: Site, tmp_path: Path) -> None:
    client = await site.begin(f"Content-Length: {10 * MIB}")
    for _ in range(5):
        await pushed(client, PIECE)
    assert not site.rests()
    await client.leave()
    async with asyncio.timeout(60):
        while not site.rests():
            await asyncio.sleep(0.001)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not await site.world.mail.objects(ALICE, uploads.KIND)


async def test_too_much_is_refused_before_it_is_read_or_as_soon_as_it_is(site: Site) -> None:
    most = Limits().size_upload_max_bytes
    told = await site.begin(f"Content-Length: {most + 1}", "Expect: 100-continue")
    answer = told.response()
    assert answer.status == 413
    assert orjson.loads(answer.body)["limit"] == "maxSizeUpload"
    chunked = await site.begin("Transfer-Encoding: chunked")
    for _ in range(most // MIB + 1):
        if not chunked.wire.out:
            await pushed(chunked, b"%x\r\n%b\r\n" % (MIB, PIECE))
    await until_answered(chunked)
    assert chunked.response().status == 413
    await chunked.leave()
    assert site.rests()


async def test_quota_is_told_before_the_body_is_asked_for(site: Site) -> None:
    site.world.jmap = replace(site.world.jmap, settings=JmapSettings(uploaded_bytes_max=10 * MIB))
    waiting = await site.begin(f"Content-Length: {9 * MIB}", "Expect: 100-continue")
    assert waiting.response().status == 100
    for _ in range(9):
        await pushed(waiting, PIECE)
    await until_answered(waiting)
    assert waiting.response().status == 201
    refused = await site.begin(f"Content-Length: {9 * MIB}", "Expect: 100-continue")
    answer = refused.response()
    assert (answer.status, answer.headers["connection"]) == (507, "close")


async def test_a_full_disk(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def add(_spool: Spool, _data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Spool, "add", add)
        client = await site.begin(f"Content-Length: {3 * MIB}")
        await pushed(client, PIECE * 2)
        await until_answered(client)
        assert client.response().status == 507
        await client.leave()
    assert (await site.sent(3)).response().status == 201
    assert site.rests()


async def test_parts_of_a_large_message(site: Site) -> None:
    content = PIECE * 3
    text = b"A line of text=3D\r\n" * 80_000
    raw = (
        b"Subject: large\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(content).replace(b"\n", b"\r\n")
        + b"\r\n--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        + text
        + b"\r\n--b\r\nContent-Type: text/plain\r\n\r\n"
        + text
        + b"\r\n--b\r\nContent-Type: text/plain\r\n\r\nshort\r\n--b--\r\n"
    )
    world = site.world
    blob = await uploads.keep(world.jmap, ALICE, raw, "message/rfc822")
    boxes = (await world.call("alice", "Mailbox/get", ids=None))["list"]
    inbox = next(box["id"] for box in boxes if box["role"] == "inbox")
    made = await world.call("alice", "Email/import", emails={"a": {"blobId": blob, "mailboxIds": {inbox: True}}})
    email = made["created"]["a"]["id"]
    wanted = {"ids": [email], "properties": ["attachments", "textBody", "blobId"], "bodyProperties": ["blobId"]}
    (got,) = (await world.call("alice", "Email/get", **wanted))["list"]
    assert (await site.asked(got["blobId"])).response().body == raw
    for wrong in ("-zz", "-", "-0-", "-" + "1" * 20):
        assert (await site.asked(got["blobId"] + wrong)).response().status == 404
    blobs = sorted(
        {part["blobId"] for part in got["attachments"] + got["textBody"]},
        key=lambda one: int(one[-6:].split("-")[-1], 16),
    )
    bodies = [(await site.asked(one)).response().body for one in blobs]
    assert bodies == [content, text.replace(b"=3D", b"="), text, b"short"]
    assert (await site.asked(got["blobId"] + "-7")).response().status == 404
    reached = await world.turn("alice").reach(account_id(ALICE))
    for one in blobs:
        span = await large.opened(world.turn("alice"), reached, one)
        assert span is not None
        span.spool.close()
    assert site.rests()
