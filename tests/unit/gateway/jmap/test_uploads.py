"""What may be uploaded: how much, at the same time, how long it is kept."""

import asyncio
from dataclasses import replace

import pytest

from cluster.errors import OverQuota
from gateway.jmap import uploads
from gateway.jmap.settings import JmapSettings
from tests.unit.gateway.imap.world import ALICE, BOB
from tests.unit.gateway.jmap.world import World


async def keep(world: World, data: bytes, account: int = ALICE) -> str:
    return await uploads.keep(world.jmap, account, data, "text/plain")


async def test_uploads_at_the_same_time_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "UPLOADS_MAX", 3)
    async with World() as world:
        told = await asyncio.gather(*(keep(world, b"%d" % n) for n in range(8)), return_exceptions=True)
        assert sum(isinstance(one, OverQuota) for one in told) == 5
        kept = [one for one in told if isinstance(one, str)]
        assert len(kept) == len(await world.mail.objects(ALICE, uploads.KIND)) == 3
        assert all([await uploads.read(world.jmap, ALICE, blob) is not None for blob in kept])
        await keep(world, b"bob has his own", BOB)


async def test_the_same_bytes_count_once() -> None:
    async with World() as world:
        world.jmap = replace(world.jmap, settings=JmapSettings(uploaded_bytes_max=10))
        assert await keep(world, b"12345678") == await keep(world, b"12345678")
        await keep(world, b"ab")
        with pytest.raises(OverQuota):
            await keep(world, b"c")


async def test_the_oldest_are_forgotten_when_they_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "UPLOADS_MAX", 2)
    async with World() as world:
        first = await keep(world, b"first")
        world.clock.advance(uploads.LIVE_MS / 1000 - 1)
        second = await keep(world, b"second")
        with pytest.raises(OverQuota):
            await keep(world, b"third")
        world.clock.advance(2)
        third = await keep(world, b"third")
        assert await uploads.read(world.jmap, ALICE, first) is None
        assert [await uploads.read(world.jmap, ALICE, blob) for blob in (second, third)] == [b"second", b"third"]


@pytest.mark.parametrize("blob", ["U", "Uzz", "U" + "0" * 64, "M", "ME1", "", "U" + "0" * 300])
async def test_what_is_no_upload(blob: str) -> None:
    async with World() as world:
        assert await uploads.read(world.jmap, ALICE, blob) is None
