"""actors/mailbox/storage.py: what is stored in pieces is read as one, whatever was in memory when."""

import pytest

from actors.mailbox import storage
from actors.mailbox.client import MailboxClient
from actors.mailbox.state import Account
from actors.mailbox.types import INBOX, SEEN, Item
from cluster.meta.store import VALUE_BYTES_MAX, Row, Transaction
from tests.unit.actors.mailbox.conftest import Place

RAW = b"Subject: x\r\n\r\n"


async def _rows(place: Place, account: Account) -> list[tuple[int, int]]:
    box = account.mailboxes[account.by_name[INBOX]]
    if box.index is None:
        await storage.load_index(place.store, account, box)
    assert box.index is not None
    account.check()
    return list(zip(box.index.uids.tolist(), box.index.flags.tolist(), strict=True))


async def _fill(client: MailboxClient, messages: int) -> None:
    prepared = await client.prepare(RAW)
    await client.add(1, INBOX, [Item(prepared, 0)] * messages)


async def _commit(place: Place, writes: storage.Writes) -> None:
    async def body(tr) -> None:  # type: ignore[no-untyped-def]
        writes.into(tr)

    await place.store.transact(body)


async def test_a_snapshot_in_many_transactions_may_break_off_anywhere(
    place: Place, client: MailboxClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "WRITE_BYTES_MAX", 2000)
    await _fill(client, 9000)
    held = await client.select(1, INBOX, read_only=False, changed=lambda: None)
    await held.set_flags(((1, 9000),), "add", SEEN)
    expected = [(uid, SEEN) for uid in range(1, 9001)]
    account = await storage.activate(place.store, 1)
    await _rows(place, account)
    batches = await storage.snapshot(place.store, account)
    assert len(batches) > 3
    for writes in batches:
        assert await _rows(place, await storage.activate(place.store, 1)) == expected
        await _commit(place, writes)
    again = await storage.activate(place.store, 1)
    assert again.base == again.modseq
    assert await _rows(place, again) == expected


async def test_a_snapshot_after_deliveries_does_not_load_the_index(place: Place, client: MailboxClient) -> None:
    await _fill(client, 3000)
    account = await storage.activate(place.store, 1)
    for writes in await storage.snapshot(place.store, account):
        await _commit(place, writes)
    await _fill(client, 3)
    later = await storage.activate(place.store, 1)
    box = later.mailboxes[later.by_name[INBOX]]
    batches = await storage.snapshot(place.store, later)
    assert box.index is None
    pages = [key for writes in batches for key, _value in writes.sets if key[11:12] == b"P"]
    assert len(pages) == 1
    for writes in batches:
        await _commit(place, writes)
    storage.snapshot_taken(later)
    assert await _rows(place, await storage.activate(place.store, 1)) == [(uid, 0) for uid in range(1, 3004)]


async def test_a_head_larger_than_a_value_is_stored_in_pieces(place: Place, client: MailboxClient) -> None:
    names = [f"{number:04d}" + "n" * 300 for number in range(400)]
    for name in names:
        await client.create(1, name)
    account = await storage.activate(place.store, 1)
    for writes in await storage.snapshot(place.store, account):
        await _commit(place, writes)
    again = await storage.activate(place.store, 1)
    assert again.base == account.modseq
    assert set(names) <= set(again.by_name)


async def test_a_shrunken_head_leaves_no_piece_behind(place: Place, client: MailboxClient) -> None:
    for number in range(400):
        await client.create(1, f"{number:04d}" + "n" * 300)
    for _ in range(2):
        account = await storage.activate(place.store, 1)
        for writes in await storage.snapshot(place.store, account):
            await _commit(place, writes)
        for name in [name for name in account.by_name if name.endswith("n")]:
            await client.delete(1, name)
    again = await storage.activate(place.store, 1)
    assert len(again.mailboxes) == 6


async def test_no_page_is_asked_for_that_would_be_empty(place: Place) -> None:
    asked = []

    class Counting:
        get, get_many = place.store.get, place.store.get_many

        async def range(self, begin: bytes, end: bytes, *, limit: int = 1000, reverse: bool = False) -> list[Row]:
            asked.append(limit)
            return await place.store.range(begin, end, limit=limit, reverse=reverse)

    async def read(rows: list[Row], limit: int) -> int:
        async def body(transaction: Transaction) -> None:
            transaction.clear_range(b"z", b"z\xff")
            for key, value in rows:
                transaction.set(key, value)

        await place.store.transact(body)
        asked.clear()
        pages = [page async for page in storage.pages_of_range(Counting(), b"z", b"z\xff", limit)]
        assert [row for page in pages for row in page] == rows
        return len(asked)

    small = [(b"z%d" % number, b"") for number in range(4)]
    large = [(b"z%02d" % number, bytes(VALUE_BYTES_MAX)) for number in range(60)]
    assert await read([], 10) == 1
    assert await read(small, 10) == 1
    assert await read(small, 3) == 2
    assert await read(small, 4) == 2, "a full page may have others behind it"
    assert await read(large, 1000) == 2, "so may a short one that is large"
