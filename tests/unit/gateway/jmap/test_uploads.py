"""What may be uploaded: how much, at the same time, how long it is kept; and what of it is in memory."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from cluster.errors import OverQuota
from gateway.access.ids import account_id
from gateway.jmap import transfer, uploads
from gateway.jmap.transfer import Transfers
from gateway.web.answers import PROBLEM
from gateway.web.exchange import Exchange
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


async def test_the_same_bytes_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "UPLOADS_BYTES_MAX", 10)
    async with World() as world:
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


class Sent:
    """An exchange whose body comes when the test lets it."""

    parameters = {"accountId": account_id(ALICE)}

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces
        self.go = asyncio.Event()

    async def stream(self, _limit: int) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        await self.go.wait()

    def header(self, _name: str) -> str:
        return "text/plain"


async def test_what_all_upload_at_the_same_time_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "HELD_BYTES_MAX", 10)
    transfers = Transfers()

    async def upload(world: World, sent: Sent) -> Any:
        return await transfers.upload(cast("Exchange", sent), world.turn("alice"))

    async with World() as world, asyncio.TaskGroup() as tasks:
        first = Sent([b"1234", b"5678"])
        begun = tasks.create_task(upload(world, first))
        for _ in range(20):
            await asyncio.sleep(0)
        refused = await upload(world, Sent([b"12", b"3"]))
        assert (refused.status, refused.content_type) == (503, PROBLEM)
        assert refused.headers
        first.go.set()
        assert (await begun).status == 201
        last = Sent([b"1234567890"])
        last.go.set()
        assert (await upload(world, last)).status == 201
