"""actors/mailbox/pack_sweeper.py: packs go when nothing points at them, and a crash at any point leaves what can be
read and what is tidied up."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

import pytest

from actors.mailbox.pack_sweeper import LOOKED_THROUGH_MS
from actors.mailbox.packing import CLOSED, GONE
from actors.mailbox.packs import name_of
from cluster.blobs.objects import ObjectInfo, Objects
from cluster.blobs.objects_memory import MemoryObjects
from cluster.blobs.spool import Spool
from cluster.meta.store import Row, Store, Transaction
from tests.unit.actors.mailbox.conftest import Place
from tests.unit.actors.mailbox.packed import GRACE_MS, Packed, mail


@pytest.fixture
async def packed(place: Place) -> Packed:
    made = Packed(place)
    await made.deliver(1, range(40))
    await made.cool()
    await made.packer().pack_cold()
    return made


async def test_the_count_is_what_is_pointed_at(packed: Packed) -> None:
    async def counted() -> dict[bytes, int]:
        return {pack: live for pack, (_state, live) in (await packed.records()).items() if live}

    assert await counted() == await packed.pointed_at()
    await packed.expunge(1, ((1, 7), (20, 25)))
    assert await counted() == await packed.pointed_at()
    await packed.settle()
    assert await counted() == await packed.pointed_at()


async def test_a_pack_that_nothing_points_at_goes_after_the_grace_time(packed: Packed) -> None:
    packs = set(await packed.records())
    await packed.expunge(1, ((1, 99999),))
    assert await packed.pack_sweeper().sweep() == 0
    assert {state for state, _ in (await packed.records()).values()} == {GONE}
    assert await packed.pack_sweeper().sweep() == 0
    assert len([one async for one in packed.objects.list("packs/")]) == len(packs)
    packed.place.clock.advance(GRACE_MS / 1000 + 1)
    assert await packed.pack_sweeper().sweep() == len(packs)
    assert [one async for one in packed.objects.list("packs/")] == []
    assert await packed.records() == {}
    assert await packed.place.store.range(b"k", b"l") == []


async def test_little_used_packs_are_put_together(packed: Packed) -> None:
    before = set(await packed.pointed_at())
    await packed.expunge(1, ((1, 30),))
    old_client_texts = await packed.texts(1, range(31, 41))
    await packed.settle()
    after = await packed.pointed_at()
    assert len(after) < len(before)
    assert await packed.texts(1, range(31, 41)) == old_client_texts == [mail(number) for number in range(30, 40)]
    await packed.check_settled()


async def test_what_was_stored_again_is_found_out_in_the_end(packed: Packed) -> None:
    before = set(await packed.records())
    await packed.deliver(2, range(40))  # takes the place of the pointers, and counts nothing off
    assert await packed.pointed_at() == {}
    await packed.settle()
    assert set(await packed.records()) == before
    packed.place.clock.advance(LOOKED_THROUGH_MS / 1000)
    await packed.settle()
    assert await packed.records() == {}
    await packed.check_settled()


async def test_a_pack_on_no_record_goes(packed: Packed) -> None:
    await packed.objects.put(name_of(bytes(16)), b"late")
    assert await packed.pack_sweeper().sweep_orphans() == 0
    packed.place.clock.advance(GRACE_MS / 1000 + 1)
    assert await packed.pack_sweeper().sweep_orphans() == 1
    assert await packed.texts(1, range(1, 41)) == [mail(number) for number in range(40)]
    await packed.check_settled()


async def test_a_pack_that_is_lost_keeps_its_record_and_stops_nobody(packed: Packed) -> None:
    lost, *others = sorted(await packed.pointed_at())
    await packed.objects.delete(name_of(lost))
    packed.place.clock.advance(LOOKED_THROUGH_MS / 1000 + 1)
    await packed.pack_sweeper().sweep()
    assert set(await packed.records()) == {lost, *others}


async def test_a_pack_that_was_not_emptied_stays(packed: Packed, monkeypatch: pytest.MonkeyPatch) -> None:
    await packed.expunge(1, ((1, 30),))

    async def nothing(*_given: object) -> int:
        return 0

    with monkeypatch.context() as patch:
        patch.setattr("actors.mailbox.pack_sweeper.write_pack", nothing)
        await packed.settle()
        assert await packed.texts(1, range(31, 41)) == [mail(number) for number in range(30, 40)]
        assert CLOSED in {state for state, _ in (await packed.records()).values()}
    await packed.settle()
    await packed.check_settled()


async def test_a_pack_that_is_pointed_at_late_stays(place: Place) -> None:
    """Its packer hung for longer than the grace time, and went on while the sweeper looked at the pack."""
    packed = Packed(place)
    await packed.deliver(1, range(40))
    await packed.cool()
    at_put, go_on = asyncio.Event(), asyncio.Event()

    class Hanging(MemoryObjects):
        async def put(self, name: str, data: bytes) -> None:
            await packed.objects.put(name, data)
            at_put.set()
            await go_on.wait()

    packing = asyncio.ensure_future(packed.packer(objects=Hanging()).pack_cold())
    await at_put.wait()
    place.clock.advance(GRACE_MS / 1000 + 1)

    class Late(MortalStore):
        async def get(self, key: bytes) -> bytes | None:
            found = await super().get(key)
            go_on.set()
            await packing
            return found

    await packed.pack_sweeper(Late(Mortal(packed, 1000), place.store)).sweep()
    await packed.settle()
    assert await packed.pointed_at() != {}
    assert await packed.texts(1, range(1, 41)) == [mail(number) for number in range(40)]
    await packed.check_settled()


T = TypeVar("T")


class Died(BaseException):
    """The process is no more."""


class Mortal:
    """Lets the user of a store and of objects die before or after any call, counted."""

    def __init__(self, packed: Packed, fatal: int) -> None:
        self.store = MortalStore(self, packed.place.store)
        self.objects = MortalObjects(self, packed.objects)
        self._left = fatal

    def point(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise Died

    async def call(self, work: Awaitable[T]) -> T:
        """With a point before and a point after."""
        try:
            self.point()
        except Died:
            asyncio.ensure_future(work).cancel()
            raise
        done = await work
        self.point()
        return done


class MortalStore:
    def __init__(self, mortal: Mortal, store: Store) -> None:
        self._mortal = mortal
        self._store = store

    async def transact(self, body: Callable[[Transaction], Awaitable[T]]) -> T:
        return await self._mortal.call(self._store.transact(body))

    async def get(self, key: bytes) -> bytes | None:
        return await self._mortal.call(self._store.get(key))

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return await self._mortal.call(self._store.get_many(keys))

    async def range(self, begin: bytes, end: bytes, *, limit: int = 1000, reverse: bool = False) -> list[Row]:
        return await self._mortal.call(self._store.range(begin, end, limit=limit, reverse=reverse))

    async def close(self) -> None: ...


class MortalObjects:
    def __init__(self, mortal: Mortal, objects: Objects) -> None:
        self._mortal = mortal
        self._objects = objects

    async def put(self, name: str, data: bytes) -> None:
        await self._mortal.call(self._objects.put(name, data))

    async def put_spool(self, name: str, data: Spool) -> None:
        await self._mortal.call(self._objects.put_spool(name, data))

    async def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        return await self._mortal.call(self._objects.get(name, start, length))

    async def head(self, name: str) -> ObjectInfo | None:
        return await self._mortal.call(self._objects.head(name))

    async def delete(self, name: str) -> None:
        await self._mortal.call(self._objects.delete(name))

    async def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        async for info in self._objects.list(prefix):
            self._mortal.point()
            yield info

    async def close(self) -> None: ...


async def pack(packed: Packed, mortal: Mortal) -> None:
    await packed.packer(mortal.store, mortal.objects).pack_cold()


async def sweep(packed: Packed, mortal: Mortal) -> None:
    for _ in range(2):
        packed.place.clock.advance(GRACE_MS / 1000 + 1)
        await packed.pack_sweeper(mortal.store, mortal.objects).sweep()
    await packed.pack_sweeper(mortal.store, mortal.objects).sweep_orphans()


async def test_a_crash_at_any_point_of_packing(place: Place) -> None:
    await _crash_everywhere(place, pack, is_packed=False)


async def test_a_crash_at_any_point_of_sweeping(place: Place) -> None:
    await _crash_everywhere(place, sweep, is_packed=True)


async def _crash_everywhere(
    place: Place, work: Callable[[Packed, Mortal], Awaitable[None]], *, is_packed: bool
) -> None:
    """Each turn: mail comes and cools, some goes; then `work` dies at its n-th point, and all must be as before."""
    packed = Packed(place)
    fatal = first = 0
    while True:
        await packed.deliver(1, range(first, first + 30))
        await packed.cool()
        if is_packed:
            await packed.packer().pack_cold()
            await packed.expunge(1, ((first + 1, first + 20),))
        kept = range(first + (20 if is_packed else 0), first + 30)
        lives = False
        try:
            await work(packed, Mortal(packed, fatal))
            lives = True
        except Died:
            pass
        texts = [mail(number) for number in kept]
        assert await packed.texts(1, [number + 1 for number in kept]) == texts, f"after point {fatal}"
        if fatal % 3 == 0 or lives:  # else what was left meets the next turn
            await packed.packer().pack_cold()
            await packed.settle()
            assert await packed.texts(1, [number + 1 for number in kept]) == texts, f"after point {fatal}"
            await packed.check_settled()
        await packed.expunge(1, ((1, 99999),))
        if lives:
            break
        first += 30
        fatal += 1
    assert fatal > 15
    place.clock.advance(LOOKED_THROUGH_MS / 1000)
    await packed.settle()
    assert await packed.records() == {}
    assert await packed.values() == {}
