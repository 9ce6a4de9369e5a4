"""actors/mailbox/packing.py: what is cold goes into packs and is read as ever; nobody is in the way of anybody."""

import pytest

from actors.mailbox import keys
from actors.mailbox.packing import ALL, walk, write_pack
from actors.mailbox.packs import entries_of, name_of, pointer_of
from actors.mailbox.types import INBOX, Item
from cluster.blobs.objects_memory import MemoryObjects
from cluster.errors import Unavailable
from tests.unit.actors.mailbox.conftest import Place
from tests.unit.actors.mailbox.packed import COLD_S, GRACE_MS, Packed, mail


@pytest.fixture
async def packed(place: Place) -> Packed:
    return Packed(place)


async def test_what_is_cold_is_packed_and_read_as_ever(packed: Packed) -> None:
    await packed.deliver(1, range(40))
    await packed.cool()
    await packed.deliver(1, range(40, 50))
    assert await packed.packer().pack_cold() > 0
    values = await packed.values()
    pointers = [pointer for value in values.values() if (pointer := pointer_of(value))]
    assert 30 <= len(pointers) <= 40, "all that is old, but for too few for a pack of their own"
    assert len({pointer.pack for pointer in pointers}) > 1
    assert await packed.texts(1, range(1, 51)) == [mail(number) for number in range(50)]
    for pointer in pointers:
        data = await packed.objects.get(name_of(pointer.pack))
        assert (pointer.offset, pointer.length) in {entry[1:] for entry in entries_of(data)}
    await packed.check_settled()


async def test_nothing_is_packed_before_its_time(packed: Packed) -> None:
    await packed.deliver(1, range(40))
    assert await packed.packer().pack_cold() == 0
    packed.place.clock.advance(COLD_S - 1)
    assert await packed.packer().pack_cold() == 0
    packed.place.clock.advance(2)
    assert await packed.packer().pack_cold() > 0
    before = await packed.values()
    assert await packed.packer().pack_cold() == 0
    assert await packed.values() == before


async def test_marks_go_with_the_blobs_they_are_of(packed: Packed) -> None:
    await packed.deliver(1, range(40))
    await packed.cool()
    await packed.packer().pack_cold()
    await packed.expunge(1, ((1, 99999),))
    assert await packed.place.store.range(b"b", b"c") == []
    await packed.settle()
    await packed.check_settled()
    assert await packed.records() == {}


async def test_only_the_given_digests_are_packed(packed: Packed) -> None:
    await packed.deliver(1, range(60))
    await packed.cool()
    await packed.packer().pack_cold([(0, 64), (128, 192)])
    packed_ones = {digest[0] >> 6 for digest, value in (await packed.values()).items() if pointer_of(value)}
    assert packed_ones == {0, 2}
    await packed.packer().pack_cold([(64, 128), (192, 256)])
    assert await packed.texts(1, range(1, 61)) == [mail(number) for number in range(60)]


async def test_mail_that_comes_again_is_stored_and_packed_again(packed: Packed) -> None:
    await packed.deliver(1, range(40))
    await packed.cool()
    await packed.packer().pack_cold()
    await packed.deliver(2, range(40))
    assert all(pointer_of(value) is None for value in (await packed.values()).values())
    await packed.expunge(1, ((1, 99999),))
    assert await packed.texts(2, range(1, 41)) == [mail(number) for number in range(40)]
    await packed.cool()
    await packed.packer().pack_cold()
    assert await packed.texts(2, range(1, 41)) == [mail(number) for number in range(40)]


async def test_a_blob_with_thousands_of_references_is_passed_by(packed: Packed) -> None:
    prepared = await packed.client.prepare(mail(0))
    for _ in range(3):
        await packed.client.add(1, INBOX, [Item(prepared, 0)] * 900)
    await packed.deliver(1, range(1, 5))
    read = 0

    class Counting:
        async def range(self, begin: bytes, end: bytes, *, limit: int = 1000, reverse: bool = False) -> list:  # type: ignore[type-arg]
            nonlocal read
            rows = await packed.place.store.range(begin, end, limit=limit, reverse=reverse)
            read += len(rows)
            return rows

    found = [blob async for page in walk(Counting(), 0, 256) for blob in page]  # type: ignore[arg-type]
    assert {blob.digest: blob.stored for blob in found} == await packed.values()
    assert len(found) == 5
    assert read < 2100


async def test_walk_gives_each_blob_once_with_its_mark_whatever_the_pages(
    packed: Packed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await packed.deliver(1, range(20))
    await packed.deliver(2, range(10))
    await packed.packer().pack_cold([(0, 128)])
    expected = None
    for rows in (1000, 7, 3, 2, 1):
        monkeypatch.setattr("actors.mailbox.packing.WALK_ROWS", rows)
        found = [blob async for page in walk(packed.place.store, 0, 256) for blob in page]
        assert all((blob.seen_ms is not None) == (blob.digest[0] < 128) for blob in found)
        assert {blob.digest: blob.stored for blob in found} == await packed.values()
        assert len(found) == 20
        expected = expected or found
        assert found == expected


class Meanwhile(MemoryObjects):
    """Something happens between a pack's put and the pointers to it."""

    def __init__(self, packed: Packed, what: object) -> None:
        super().__init__(clock=packed.place.clock)
        self._objects = packed.objects._objects
        self._what = what

    async def put(self, name: str, data: bytes) -> None:
        await super().put(name, data)
        what, self._what = self._what, None
        if what is not None:
            await what()  # type: ignore[operator]


async def test_two_packers_of_the_same_are_harmless(packed: Packed) -> None:
    await packed.deliver(1, range(40))
    await packed.cool()
    await packed.packer(objects=Meanwhile(packed, packed.packer().pack_cold)).pack_cold()
    assert await packed.texts(1, range(1, 41)) == [mail(number) for number in range(40)]
    await packed.settle()
    await packed.check_settled()


async def test_what_is_removed_meanwhile_stays_so(packed: Packed) -> None:
    await packed.deliver(1, range(40))
    await packed.cool()

    async def remove() -> None:
        await packed.expunge(1, ((1, 30),))

    await packed.packer(objects=Meanwhile(packed, remove)).pack_cold()
    assert len(await packed.values()) == 10
    assert await packed.texts(1, range(1, 41)) == [mail(number) for number in range(30, 40)]
    await packed.settle()
    await packed.check_settled()


async def test_a_pack_that_was_given_up_while_it_was_made_is_never_pointed_at(packed: Packed) -> None:
    await packed.deliver(1, range(40))
    await packed.cool()

    async def give_up() -> None:
        packed.place.clock.advance(GRACE_MS / 1000 + 1)
        await packed.pack_sweeper().sweep()
        packed.place.clock.advance(GRACE_MS / 1000 + 1)
        await packed.pack_sweeper().sweep()

    with pytest.raises(Unavailable):
        await packed.packer(objects=Meanwhile(packed, give_up)).pack_cold()
    assert await packed.pointed_at() == {}
    assert await packed.texts(1, range(1, 41)) == [mail(number) for number in range(40)]
    await packed.settle()
    await packed.check_settled()


async def test_a_pack_in_the_making_is_left_alone(packed: Packed) -> None:
    await packed.deliver(1, range(40))
    await packed.cool()
    assert await packed.packer(objects=Meanwhile(packed, packed.pack_sweeper().sweep)).pack_cold() > 0
    await packed.check_settled()


async def test_a_pack_is_on_record_before_it_is_stored(packed: Packed) -> None:
    on_record = []

    async def look() -> None:
        on_record.append(await packed.place.store.get(keys.pack(bytes(16))))

    await write_pack(packed.place.store, Meanwhile(packed, look), bytes(16), 1, [])
    assert on_record[0] is not None
    assert ALL == ((0, 256),)
