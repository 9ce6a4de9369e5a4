"""actors/mailbox/sweeper.py: what nobody holds goes, everything else stays."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from actors.mailbox import keys
from actors.mailbox.client import MailboxClient
from actors.mailbox.removal import REMOVAL_MS
from actors.mailbox.sweeper import NOTE_KEPT_MS, Sweeper
from actors.mailbox.types import DELETED, INBOX, Add, Item
from cluster.blobs.blobs import digest_of
from cluster.errors import Unavailable
from cluster.meta.memory import MemoryStore
from cluster.meta.store import Transaction
from cluster.placement.slots import SLOTS
from tests.unit.actors.mailbox.conftest import Place

GRACE_MS = 3600_000
SMALL = b"Subject: small\r\n\r\n"
LARGE = b"Subject: large\r\n\r\n" + random.Random(2).randbytes(200_000)


async def _sweep(place: Place) -> int:
    place.clock.advance(GRACE_MS / 1000 + 1)
    sweeper = Sweeper(place.store, place.blobs, place.clock, grace_ms=GRACE_MS)
    return sum([await sweeper.sweep_slot(slot) for slot in range(SLOTS)])


async def _expunge(client: MailboxClient, account: int, name: str) -> None:
    held = await client.select(account, name, read_only=False, changed=lambda: None)
    await held.set_flags(((1, 99999),), "add", DELETED)
    await held.expunge()
    await held.close()


async def _stored(place: Place) -> int:
    return len(await place.store.range(b"b", b"c")) + len([1 async for _ in place.blobs.list()])


async def test_a_message_goes_with_its_last_membership(place: Place, client: MailboxClient) -> None:
    for raw in (SMALL, LARGE):
        await client.deliver(1, await client.prepare(raw))
    held = await client.select(1, INBOX, read_only=False, changed=lambda: None)
    await held.copy(((1, 2),), "Archive")
    await _expunge(client, 1, INBOX)
    assert await _sweep(place) == 0
    assert None not in await client.messages(1, [1, 2])
    await client.delete(1, "Archive")
    before = await place.store.get_many([keys.message(keys.slot_of(1), 1, email) for email in (1, 2)])
    assert None not in before
    assert await _sweep(place) == 2
    assert await place.store.get_many([keys.message(keys.slot_of(1), 1, email) for email in (1, 2)]) == [None, None]
    assert await _stored(place) == 1  # the note that the large one was removed


async def test_a_shared_blob_stays_for_the_other(place: Place, client: MailboxClient) -> None:
    for raw in (SMALL, LARGE):
        prepared = await client.prepare(raw)
        await client.deliver(1, prepared)
        await client.deliver(2, prepared)
    await _expunge(client, 1, INBOX)
    assert await _sweep(place) == 2
    fresh = place.client(place.shards[0])
    contents = [await fresh.content(message) for message in await fresh.messages(2, [1, 2]) if message]
    assert contents == [SMALL, LARGE]


async def test_nothing_goes_before_its_time(place: Place, client: MailboxClient) -> None:
    await client.deliver(1, await client.prepare(SMALL))
    await _expunge(client, 1, INBOX)
    sweeper = Sweeper(place.store, place.blobs, place.clock, grace_ms=GRACE_MS)
    assert await sweeper.sweep_slot(keys.slot_of(1)) == 0


async def test_a_blob_that_was_swept_must_be_sent_again(place: Place, client: MailboxClient) -> None:
    early = await client.prepare(LARGE)  # its commit comes late
    await client.deliver(1, await client.prepare(LARGE))
    await _expunge(client, 1, INBOX)
    await _sweep(place)
    with pytest.raises(Unavailable):
        await place.shards[0].ask(2, Add(INBOX, (Item(early, 0),)))
    with pytest.raises(Unavailable):  # put again, but the removal may still be under way
        await client.deliver(2, await client.prepare(LARGE))
    place.clock.advance(REMOVAL_MS / 1000 + 1)
    await client.deliver(2, await client.prepare(LARGE))
    await Sweeper(place.store, place.blobs, place.clock, grace_ms=GRACE_MS).forget_notes()
    assert await place.store.range(b"t", b"u") != []
    place.clock.advance(90_000)
    await Sweeper(place.store, place.blobs, place.clock, grace_ms=GRACE_MS).forget_notes()
    assert await place.store.range(b"t", b"u") == []


async def test_a_blob_that_is_swept_during_the_commit_must_be_sent_again() -> None:
    """Its last reference went just now, so its age does not protect it."""

    class Between(MemoryStore):
        armed = False

        async def get_many(self, keys_: Sequence[bytes]) -> list[bytes | None]:
            found = await super().get_many(keys_)
            if self.armed and keys_[0] == keys.blob_removed(digest_of(LARGE)):
                assert await _sweep(place) == 1
            return found

    store = Between()
    place = Place(store)
    client = place.client(place.new_owner())
    await client.deliver(1, await client.prepare(LARGE))
    await _expunge(client, 1, INBOX)
    store.armed = True
    with pytest.raises(Unavailable):
        await client.deliver(2, await client.prepare(LARGE))
    assert await place.store.range(*keys.blob_refs(digest_of(LARGE))) == []
    await place.shards[0].stop()


async def test_blobs_that_nobody_came_to_name_go(place: Place, client: MailboxClient) -> None:
    await client.prepare(LARGE)
    await client.deliver(1, await client.prepare(LARGE + b"x"))
    sweeper = Sweeper(place.store, place.blobs, place.clock, grace_ms=GRACE_MS)
    assert await sweeper.sweep_blobs() == 0
    place.clock.advance(100_000)
    assert await sweeper.sweep_blobs() == 1
    assert len([1 async for _ in place.blobs.list()]) == 1


async def test_the_note_of_a_second_removal_outlives_that_of_the_first(place: Place, client: MailboxClient) -> None:
    await client.prepare(LARGE)
    sweeper = Sweeper(place.store, place.blobs, place.clock, grace_ms=GRACE_MS)
    place.clock.advance(NOTE_KEPT_MS / 1000 + 1)
    assert await sweeper.sweep_blobs() == 1
    place.clock.advance(NOTE_KEPT_MS / 1000 - 600)
    await client.deliver(1, await client.prepare(LARGE))
    await _expunge(client, 1, INBOX)
    early = await client.prepare(LARGE)  # its commit comes late
    place.clock.advance(600)
    assert await sweeper.sweep_slot(keys.slot_of(1)) == 0
    place.clock.advance(GRACE_MS / 1000)
    assert await sweeper.sweep_slot(keys.slot_of(1)) == 1
    await sweeper.forget_notes()  # that of the first removal: its time is up
    with pytest.raises(Unavailable):
        await place.shards[0].ask(2, Add(INBOX, (Item(early, 0),)))


@pytest.mark.parametrize("damage", ["list", "record"])
async def test_what_is_damaged_keeps_nothing_else_from_the_sweep(
    place: Place, client: MailboxClient, damage: str
) -> None:
    first, other = sorted((1, 2), key=keys.slot_of)
    slot = keys.slot_of(first)
    for account in (first, other):
        await client.deliver(account, await client.prepare(SMALL))
    await _expunge(client, first, INBOX)
    ((key, _list),) = await place.store.range(*keys.garbage_before(slot, 2**63))

    async def harm(tr: Transaction) -> None:
        tr.set(*((key, b"?") if damage == "list" else (keys.message(slot, first, 1), b"?")))

    await place.store.transact(harm)
    place.clock.advance(1)
    await client.deliver(first, await client.prepare(SMALL))
    for account in (first, other):
        await _expunge(client, account, INBOX)
    place.clock.advance(GRACE_MS / 1000 + 1)
    sweeper = Sweeper(place.store, place.blobs, place.clock, grace_ms=GRACE_MS)
    running = asyncio.create_task(sweeper.run(lambda: (slot, keys.slot_of(other)), 0.001))
    try:
        async with asyncio.timeout(5):
            while await place.store.get(keys.message(keys.slot_of(other), other, 1)) is not None:
                await asyncio.sleep(0.001)
        assert await place.store.get(keys.message(slot, first, 2)) is None
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_long_list_is_worked_off_in_steps(place: Place, client: MailboxClient) -> None:
    prepared = await client.prepare(SMALL)
    await client.add(1, INBOX, [Item(prepared, 0)] * 450)
    await _expunge(client, 1, INBOX)
    assert await _sweep(place) == 450
    assert await _stored(place) == 0
