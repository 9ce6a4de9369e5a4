"""A server's core with its large messages and packs in a real S3 store, as the settings name it."""

import asyncio
import random
from pathlib import Path

import pytest
from minio import Minio
from msgspec import structs

from actors.mailbox.packing import Packer, PackingSettings
from actors.mailbox.packs import pointer_of
from cluster.blobs.objects_files import FileObjects
from cluster.blobs.objects_s3 import S3Objects
from cluster.config import load
from cluster.errors import Misconfigured
from ops.cli.connect import connect
from ops.core import opened
from ops.settings import Settings, StoreSettings
from tests import minio
from tests.contract.s3_server import bucket_for, shared_server

pytestmark = pytest.mark.part(minio.PART)

SMALL = [b"Subject: %d\r\n\r\nhello\r\n" % number for number in range(30)]
LARGE = b"Subject: large\r\n\r\n" + random.Random(2).randbytes(200_000)


def settings_of(directory: Path) -> StoreSettings:
    """Read as an operator writes them."""
    server = shared_server()
    text = f"""
        [store]
        blobs = "s3"
        [store.s3]
        endpoints = ["http://127.0.0.1:{server.port}"]
        bucket = "{bucket_for(directory)}"
        make_bucket = true
        access_key = {{ env = "S3_KEY" }}
        secret_key = {{ env = "S3_SECRET" }}
        [store.packing]
        enabled = true
        cold_after_s = 0
        pack_bytes = 65536
    """
    return load(Settings, text, {"S3_KEY": minio.USER, "S3_SECRET": server.password}).store


def names(settings: StoreSettings) -> list[str]:
    server = shared_server()
    client = Minio(f"127.0.0.1:{server.port}", minio.USER, server.password, secure=False, region="us-east-1")
    return [one.object_name or "" for one in client.list_objects(settings.s3.bucket, recursive=True)]


async def test_mail_is_there_again_from_blobs_and_packs(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    async with opened(tmp_path / "data", settings) as core:
        for raw in (*SMALL, LARGE):
            await core.mailboxes.deliver(1, await core.mailboxes.prepare(raw))
        packs = S3Objects(settings.s3)
        small = structs.replace(PackingSettings(), cold_after_s=0, pack_bytes=1000)
        packer = Packer(core.store, packs, core.clock, core.dice, small)
        await packer.pack_cold()
        assert await packer.pack_cold() > 500
        await packs.close()
    stored = await asyncio.to_thread(names, settings)
    assert {name.partition("/")[0] for name in stored} == {"blobs", "packs"}
    async with opened(tmp_path / "data", settings) as core:
        values = [value for key, value in await core.store.range(b"b", b"c", limit=1000) if key[33] == 0]
        assert any(pointer_of(value) for value in values)
        messages = [one for one in await core.mailboxes.messages(1, range(1, 32)) if one]
        assert [await core.mailboxes.content(one) for one in messages] == [*SMALL, LARGE]
    assert shared_server().password not in repr(settings)


async def test_what_cannot_be_is_refused_at_the_start(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    for wrong, why in (
        (structs.replace(settings, blobs="store"), "enabled"),
        (structs.replace(settings, s3=structs.replace(settings.s3, make_bucket=False)), "make_bucket"),
    ):
        with pytest.raises(Misconfigured, match=why):
            async with opened(tmp_path / "data", wrong):
                pass


async def test_a_data_directory_belongs_to_one_place_for_large_messages(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    async with opened(tmp_path / "here") as core:
        await core.mailboxes.prepare(LARGE)
    with pytest.raises(Misconfigured, match="holds large messages already"):
        async with opened(tmp_path / "here", settings):
            pass
    async with opened(tmp_path / "there", settings):
        pass
    with pytest.raises(Misconfigured, match="are in s3"):
        async with opened(tmp_path / "there"):
            pass
    with pytest.raises(Misconfigured, match="only a server knows"):
        async with connect(tmp_path / "there"):
            pass


async def test_packs_in_files(tmp_path: Path) -> None:
    async with opened(tmp_path) as core:
        for raw in SMALL:
            await core.mailboxes.deliver(1, await core.mailboxes.prepare(raw))
        packs = FileObjects(tmp_path)
        small = structs.replace(PackingSettings(), cold_after_s=0, pack_bytes=1000)
        packer = Packer(core.store, packs, core.clock, core.dice, small)
        await packer.pack_cold()
        assert await packer.pack_cold() > 500
        await packs.close()
        messages = [one for one in await core.mailboxes.messages(1, range(1, 31)) if one]
        assert [await core.mailboxes.content(one) for one in messages] == SMALL
    assert list((tmp_path / "packs").iterdir())
