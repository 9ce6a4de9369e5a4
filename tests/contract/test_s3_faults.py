"""An S3 store that hangs, dies, fills up, forbids or cuts connections: told in bounded time, what was acknowledged is
there, and all is well again without anybody's help."""

import asyncio
import datetime as dt
import json
import os
import random
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from minio import Minio
from msgspec import structs

from cluster.blobs.blobs import digest_of
from cluster.blobs.objects_s3 import PART_BYTES, S3Objects
from cluster.blobs.s3 import ObjectBlobs
from cluster.blobs.settings import S3Settings
from cluster.certificates import self_signed
from cluster.config.secret import Secret
from cluster.errors import Corrupt, Misconfigured, NotFound, StoreFull, Unavailable
from tests.contract.s3_server import bucket_for
from tests.minio import PART, USER, Server

pytestmark = pytest.mark.part(PART)

LARGE = random.Random(1).randbytes(2 * PART_BYTES + 5)
BACK_S = 30.0


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = Server()
    yield started
    started.remove()


@pytest.fixture
def settings(server: Server, tmp_path: Path) -> S3Settings:
    """Impatient, so that the tests are short."""
    given = server.settings(bucket_for(tmp_path))
    return structs.replace(given, connect_s=2.0, read_s=1.0, total_s=2.0)


@pytest.fixture
async def objects(settings: S3Settings) -> AsyncIterator[S3Objects]:
    opened = await S3Objects.open(settings)
    yield opened
    await opened.close()


def root(server: Server) -> Minio:
    return Minio(f"127.0.0.1:{server.port}", USER, server.password, secure=False, region="us-east-1")


async def put_when_back(objects: S3Objects, name: str, data: bytes) -> None:
    async with asyncio.timeout(BACK_S):
        while True:
            try:
                return await objects.put(name, data)
            except Unavailable:
                await asyncio.sleep(0.05)


async def test_hung_it_is_unavailable_and_the_loop_goes_on(server: Server, objects: S3Objects) -> None:
    await objects.put("a/1", b"before")
    server.signal(signal.SIGSTOP)
    try:
        async with asyncio.timeout(BACK_S):
            asked = [objects.put("a/2", LARGE), objects.get("a/1"), objects.delete("a/3"), objects.head("a/1")]
            tasks = [asyncio.ensure_future(one) for one in asked]
            turns = 0
            while not all(task.done() for task in tasks):
                await asyncio.sleep(0.01)
                turns += 1
        assert turns > 20, "the loop stood still"
        assert [type(task.exception()) for task in tasks] == [Unavailable] * 4
    finally:
        server.signal(signal.SIGCONT)
    await put_when_back(objects, "a/2", LARGE)
    assert await objects.get("a/1") == b"before"
    assert await objects.get("a/2") == LARGE


async def test_what_was_acknowledged_outlives_a_kill(server: Server, objects: S3Objects) -> None:
    acknowledged: list[int] = []

    async def write() -> None:
        for number in range(100_000):
            try:
                await objects.put(f"a/{number}", b"%d" % number * 1000)
            except Unavailable:
                return
            acknowledged.append(number)

    writers = asyncio.gather(write())
    async with asyncio.timeout(BACK_S):
        while len(acknowledged) < 30:
            await asyncio.sleep(0.01)
    server.kill()
    async with asyncio.timeout(BACK_S):
        await writers
    with pytest.raises(Unavailable):
        await objects.get("a/0")
    server.start()
    await put_when_back(objects, "a/x", b"")
    for number in acknowledged:
        assert await objects.get(f"a/{number}") == b"%d" % number * 1000


async def test_a_short_absence_is_not_noticed(server: Server, settings: S3Settings) -> None:
    objects = await S3Objects.open(structs.replace(settings, total_s=30.0))
    server.kill()
    putting = asyncio.ensure_future(objects.put("a/b", b"x"))
    await asyncio.sleep(0.5)
    assert not putting.done()
    server.start()
    await putting
    assert await objects.get("a/b") == b"x"
    await objects.close()


async def test_away_at_the_start_is_no_reason_not_to_start(server: Server, settings: S3Settings) -> None:
    await (await S3Objects.open(settings)).close()
    server.kill()
    objects = await S3Objects.open(settings)
    server.start()
    await put_when_back(objects, "a/b", b"x")
    await objects.close()


async def test_the_next_endpoint_is_asked(settings: S3Settings) -> None:
    several = structs.replace(settings, endpoints=("http://127.0.0.1:1", *settings.endpoints))
    objects = await S3Objects.open(several)
    await objects.put("a/b", b"x")
    assert await objects.get("a/b") == b"x"
    await objects.close()


async def test_wrong_settings_are_named(settings: S3Settings, objects: S3Objects) -> None:
    for wrong, cure in (
        ({"secret_key": Secret("wrong-secret")}, "secret_key"),
        ({"access_key": Secret("nobody")}, "access_key"),
        ({"bucket": "No Bucket"}, "bucket"),
        ({"bucket": "is-not-there", "make_bucket": False}, "make_bucket"),
        ({"endpoints": ("localhost:9000",)}, "endpoints"),
        ({"endpoints": (settings.endpoints[0].replace("http:", "https:"),)}, "endpoints"),
        ({"authority": "/is/not/there.pem", "endpoints": ("https://localhost:1",)}, "authority"),
    ):
        with pytest.raises(Misconfigured, match=cure) as caught:
            await S3Objects.open(structs.replace(settings, **wrong))
        assert "wrong-secret" not in caught.value.log


async def test_a_bucket_that_goes_is_misconfigured(server: Server, settings: S3Settings, objects: S3Objects) -> None:
    root(server).remove_bucket(settings.bucket)
    for asked in (objects.put("a/b", b"x"), objects.get("a/b"), objects.delete("a/b")):
        with pytest.raises(Misconfigured, match="bucket"):
            await asked


async def test_keys_that_may_only_read(server: Server, settings: S3Settings, objects: S3Objects) -> None:
    """The bucket's policy lets anybody read, and these keys' own policy says no more than that."""
    await objects.put("a/b", b"x")
    arn = f"arn:aws:s3:::{settings.bucket}"
    allowed = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": [arn, f"{arn}/*"]}
    anybody = {"Version": "2012-10-17", "Statement": [allowed | {"Principal": {"AWS": ["*"]}}]}
    root(server).set_bucket_policy(settings.bucket, json.dumps(anybody))
    reader = S3Objects(structs.replace(settings, access_key=Secret(), secret_key=Secret()))
    assert await reader.get("a/b") == b"x"
    for asked in (reader.put("a/c", b"x"), reader.put("a/c", LARGE), reader.delete("a/b")):
        with pytest.raises(Misconfigured, match="s3:PutObject"):
            await asked
    await reader.close()


async def test_uploads_that_were_cut_off_are_never_seen(
    server: Server, settings: S3Settings, objects: S3Objects
) -> None:
    client = root(server)
    upload = client._create_multipart_upload(settings.bucket, "a/b", {})
    client._upload_part(settings.bucket, "a/b", LARGE[:PART_BYTES], None, upload, 1)
    assert [info async for info in objects.list("a/")] == []
    with pytest.raises(NotFound):
        await objects.get("a/b")


async def test_damage_is_told(server: Server, settings: S3Settings, objects: S3Objects) -> None:
    blobs = ObjectBlobs(objects)
    data = b"as it was " * 9
    await blobs.put(digest_of(data), data)
    (info,) = [info async for info in objects.list("blobs/")]
    for damage in (b"", b"\0other", b"\1nonsense"):
        root(server).put_object(settings.bucket, info.name, BytesIO(damage), len(damage))
        with pytest.raises(Corrupt):
            await blobs.get(digest_of(data))
        await blobs.put(digest_of(data), data)
        assert await blobs.get(digest_of(data)) == data


async def test_a_private_authority(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, ["localhost", "127.0.0.1"], dt.datetime.now(dt.UTC))
    folder = tmp_path / "certs"
    folder.mkdir()
    certificate.rename(folder / "public.crt")
    key.rename(folder / "private.key")
    server = Server(certificates=folder)
    try:
        settings = server.settings(bucket_for(tmp_path))
        at_home = (settings.endpoints[0].replace("127.0.0.1", "localhost"),)
        known = structs.replace(settings, endpoints=at_home, authority=str(folder / "public.crt"), total_s=2.0)
        objects = await S3Objects.open(known)
        await objects.put("a/b", LARGE)
        assert await objects.get("a/b") == LARGE
        await objects.close()
        with pytest.raises(Misconfigured, match="authority"):
            await S3Objects.open(structs.replace(known, authority=""))
        with pytest.raises(Unavailable):  # plain HTTP, answered with 400
            await S3Objects(structs.replace(known, endpoints=(at_home[0].replace("https", "http"),))).put("a/b", b"")
    finally:
        server.remove()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("needs to mount a tmpfs: run as root, outside of a container that forbids it")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def fill(objects: S3Objects) -> int:
    """How many large objects there was room for."""
    for number in range(30):
        try:
            await objects.put(f"a/{number}", LARGE)
        except StoreFull:
            return number
    raise AssertionError("it is never full")


async def test_a_full_store_says_so_and_keeps_what_it_has(small_disk: Path, tmp_path: Path) -> None:
    server = Server(disk=small_disk)
    try:
        objects = await S3Objects.open(structs.replace(server.settings(bucket_for(tmp_path)), total_s=3.0))
        assert await fill(objects)
        assert await objects.get("a/0") == LARGE
        subprocess.run(["mount", "-o", "remount,size=256m", str(small_disk)], check=True)
        await put_when_back(objects, "a/again", LARGE[:PART_BYTES])
        assert await objects.get("a/again") == LARGE[:PART_BYTES]
        await objects.close()
    finally:
        server.remove()


class Proxy:
    """Between us and the store: cuts the first connections after so many bytes from either side."""

    def __init__(self, port: int, cuts: list[int]) -> None:
        self._port = port
        self._cuts = cuts
        self.connections = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        left = self._cuts.pop(0) if self._cuts else 1 << 40
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._port)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            nonlocal left
            while left > 0 and (data := await source.read(65536)):
                data = data[:left]
                left -= len(data)
                sink.write(data)
                await sink.drain()
            writer.close()
            there_writer.close()

        await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer), return_exceptions=True)


@pytest.mark.parametrize("cut", [0, 1, 300, 700, 1000, 50_000, PART_BYTES + 5000])
@pytest.mark.parametrize("asked", ["put", "get"])
async def test_connections_that_are_cut(
    settings: S3Settings, objects: S3Objects, server: Server, cut: int, asked: str
) -> None:
    await objects.put("a/b", LARGE)
    proxy = Proxy(server.port, [cut, cut, cut // 2])
    listening = await asyncio.start_server(proxy, "127.0.0.1", 0)
    endpoint = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    through = S3Objects(structs.replace(settings, endpoints=(endpoint,), total_s=20.0))
    if asked == "put":
        await through.put("a/c", LARGE)
        assert await objects.get("a/c") == LARGE
    else:
        assert await through.get("a/b") == LARGE
    assert proxy.connections > 2
    await through.close()
    listening.close()


async def test_cut_for_ever_is_unavailable(settings: S3Settings, server: Server) -> None:
    proxy = Proxy(server.port, [100] * 1000)
    listening = await asyncio.start_server(proxy, "127.0.0.1", 0)
    endpoint = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    through = S3Objects(structs.replace(settings, endpoints=(endpoint,)))
    with pytest.raises(Unavailable):
        await through.put("a/b", b"x" * 1000)
    await through.close()
    listening.close()
