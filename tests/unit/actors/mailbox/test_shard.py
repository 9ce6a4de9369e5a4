"""actors/mailbox/shard.py: durable before answered, fenced, forgetful after failure."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import pytest

from actors.mailbox import events as ev
from actors.mailbox import held as holding
from actors.mailbox import shard as sharding
from actors.mailbox import storage
from actors.mailbox.client import MailboxClient
from actors.mailbox.index import Index
from actors.mailbox.types import (
    INBOX,
    SEEN,
    Add,
    Added,
    Copy,
    Create,
    Delete,
    Done,
    Item,
    Open,
    Opened,
    Prepared,
    ReadTree,
    Rename,
    SetFlags,
    Tree,
)
from cluster.errors import Fenced, NotFound, OverLimit, StoreFull, Trouble, Unavailable
from cluster.meta.engine import Conflict
from cluster.meta.memory import MemoryStore
from tests.unit.actors.mailbox.conftest import Place
from tests.unit.actors.mailbox.town import until
from tests.unit.actors.unknowing import Unknowing

RAW = b"From: a@example.test\r\nSubject: hello\r\n\r\nbody\r\n"


class Listener:
    """Notes what a watcher is told."""

    def __init__(self, claims: bool = False) -> None:
        self.claims = claims
        self.start: Opened | None = None
        self.told: list[tuple[int, tuple[ev.Event, ...]]] = []
        self.mine: list[bool] = []
        self.over: Trouble | None = None

    def opened(self, opened: Opened, index: Index) -> None:
        assert index.count == opened.info.messages
        self.start = opened

    def changed(
        self, modseq: int, time_ms: int, events: Sequence[ev.Event], keywords: tuple[str, ...], *, mine: bool
    ) -> None:
        self.told.append((modseq, tuple(events)))
        self.mine.append(mine)

    def ended(self, trouble: Trouble) -> None:
        self.over = trouble


def add(number: int, idem: bytes = b"") -> Add:
    return Add(INBOX, (Item(Prepared(b"%032d" % number, 10, b"record", b"packed"), 0),), idem)


class Failing(MemoryStore):
    """A store whose commits fail while told to."""

    trouble: Exception | None = None

    async def transact(self, body):  # type: ignore[no-untyped-def]
        if self.trouble is not None:
            raise self.trouble
        return await super().transact(body)


async def test_many_commands_go_in_few_commits(place: Place) -> None:
    shard = place.new_owner()
    await shard.ask(1, add(0))
    commits = 0
    transact = place.store.transact

    async def counting(body):  # type: ignore[no-untyped-def]
        nonlocal commits
        commits += 1
        return await transact(body)

    place.store.transact = counting  # type: ignore[method-assign]
    answers = await asyncio.gather(*(shard.ask(1, add(n)) for n in range(1, 101)))
    assert commits <= 2
    assert [answer.uids for answer in answers if isinstance(answer, Added)] == [((n, n),) for n in range(2, 102)]


async def test_another_owner_reads_what_was_answered(place: Place) -> None:
    first = place.new_owner()
    for n in range(3 * sharding.SNAPSHOT_EVERY // 2):
        await first.ask(7, add(n))
    await first.ask(7, SetFlags(1, ((2, 3),), "add", SEEN))
    before = await first.ask(7, ReadTree())
    second = place.new_owner()
    assert await second.ask(7, ReadTree()) == before


async def test_what_a_restart_has_outranked_is_refused_for_ever(place: Place) -> None:
    old, new = place.new_owner(), place.new_owner()
    await old.ask(1, add(0))
    await new.ask(1, add(1))
    for number in (2, 3):
        with pytest.raises(Fenced):
            await old.ask(1, add(number))
    answer = await new.ask(1, add(4))
    assert isinstance(answer, Added)
    assert answer.uids == ((3, 3),)


async def test_a_failed_commit_leaves_no_trace() -> None:
    store = Failing()
    place = Place(store)
    shard = place.new_owner()
    await shard.ask(1, add(0))
    store.trouble = StoreFull("The disk is full.")
    with pytest.raises(StoreFull):
        await shard.ask(1, add(1))
    store.trouble = ZeroDivisionError("a defect")
    with pytest.raises(ZeroDivisionError):
        await shard.ask(1, add(2))
    store.trouble = None
    answer = await shard.ask(1, add(3))
    assert isinstance(answer, Added)
    assert answer.uids == ((2, 2),)
    await shard.stop()


async def test_a_full_disk_ends_no_watch() -> None:
    store = Failing()
    shard = Place(store).new_owner()
    listener = Listener()
    await shard.watch(1, Open(INBOX), listener)
    store.trouble = StoreFull("The disk is full.")
    with pytest.raises(StoreFull):
        await shard.ask(1, add(1))
    store.trouble = None
    await shard.ask(1, add(2))
    assert len(listener.told) == 1
    assert listener.over is None
    await shard.stop()


async def test_who_watches_begins_anew_when_nobody_knows_what_became_of_a_commit() -> None:
    # Found by the simulator (sim --seed 16 --faults store): the change was stored, and no view was ever told of it.
    store = Unknowing()
    shard = Place(store).new_owner()
    listener = Listener()
    await shard.watch(1, Open(INBOX), listener)
    store.asked = 1
    with pytest.raises(Unavailable):
        await shard.ask(1, add(1, b"key"))
    assert listener.told == []
    assert listener.over is not None
    opened = await shard.watch(1, Open(INBOX), Listener())
    assert opened.info.messages == 1
    await shard.stop()


async def test_a_commit_that_nobody_waits_for_any_more_lands_nowhere() -> None:
    # Found by the simulator (sim --seed 20 --faults store): it landed later, over entries that were acknowledged.
    store = Unknowing()
    shard = Place(store).new_owner()
    await shard.ask(1, add(0))
    store.asked = -1
    with pytest.raises(Unavailable):
        await shard.ask(1, add(1, b"key"))
    late = store.held
    assert late is not None
    answer = await shard.ask(1, add(2))
    with pytest.raises(Conflict):
        store.land(late)
    again = await shard.ask(1, add(1, b"key"))
    assert isinstance(answer, Added)
    assert isinstance(again, Added)
    assert (answer.uids, again.uids) == (((2, 2),), ((3, 3),))
    await shard.stop()


async def test_a_part_of_a_snapshot_that_lands_late_is_not_written_over_a_newer_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(storage, "WRITE_BYTES_MAX", 100)  # pages and head go in transactions of their own
    monkeypatch.setattr(sharding, "SNAPSHOT_EVERY", 1)
    store = Unknowing()
    shard = Place(store).new_owner()
    await shard.ask(1, Add(INBOX, tuple(add(n).items[0] for n in range(3000))))
    await shard.ask(1, ReadTree())  # so the snapshot was stored
    store.after, store.asked = 1, -1  # the command's commit lands, the first of its snapshot's does not
    await shard.ask(1, SetFlags(1, ((1, 3000),), "add", SEEN))
    await shard.ask(1, ReadTree())
    late = store.held
    assert late is not None
    await shard.ask(1, SetFlags(1, ((1, 3000),), "remove", SEEN))
    await shard.ask(1, ReadTree())
    with suppress(Conflict):
        store.land(late)
    await shard.stop()
    account = await storage.activate(store, 1)
    await storage.load_index(store, account, account.mailboxes[1])
    account.check()


async def test_a_defect_in_a_snapshot_costs_no_command() -> None:
    store = Failing()
    place = Place(store)
    shard = place.new_owner()
    await shard.ask(1, add(0))
    store.trouble = ZeroDivisionError("a defect")
    with patch.object(sharding, "SNAPSHOT_EVERY", 0):
        await shard.ask(1, ReadTree())
    store.trouble = None
    async with asyncio.timeout(5):
        assert isinstance(await shard.ask(1, add(1)), Added)
    await shard.stop()


async def test_a_retried_delivery_is_one_delivery(place: Place) -> None:
    shard = place.new_owner()
    first = await shard.ask(1, add(0, b"key"))
    again = await place.new_owner().ask(1, add(0, b"key"))
    assert first == again
    tree = await place.shards[1].ask(1, ReadTree())
    assert isinstance(tree, Tree)
    assert tree.used_messages == 1


async def test_what_is_deleted_while_it_is_opened_is_not_there(place: Place) -> None:
    shard = place.new_owner()
    await shard.ask(1, Create("work"))
    watched, deleted = await asyncio.gather(
        shard.watch(1, Open("work"), Listener()), shard.ask(1, Delete("work")), return_exceptions=True
    )
    assert isinstance(watched, NotFound)
    assert isinstance(deleted, Done)


async def test_watchers_hear_each_change_once_in_order(place: Place) -> None:
    shard = place.new_owner()
    await shard.ask(1, add(0))
    first, second = Listener(claims=True), Listener()
    await shard.watch(1, Open(INBOX), first)
    await asyncio.gather(shard.ask(1, add(1)), shard.watch(1, Open(INBOX), second), shard.ask(1, add(2)))
    await shard.ask(1, SetFlags(1, ((1, 1),), "add", SEEN))
    assert [type(event) for _modseq, events in first.told for event in events] == [
        ev.MessagesAdded,
        ev.MessagesAdded,
        ev.FlagsChanged,
    ]
    assert second.start is not None
    seen = second.start.info.messages + sum(isinstance(events[0], ev.MessagesAdded) for _m, events in second.told)
    assert seen == 3
    assert [type(events[0]) for _modseq, events in second.told] == [ev.FlagsChanged]  # not what it was handed before
    added = first.told[0][1][0]
    assert isinstance(added, ev.MessagesAdded)
    assert added.claimed
    shard.unwatch(1, 1, first)
    await shard.ask(1, add(3))
    assert len(first.told) == 3


async def test_what_is_stopped_takes_nothing(place: Place) -> None:
    shard = place.new_owner()
    pending = [asyncio.ensure_future(shard.ask(1, add(n))) for n in range(5)]
    await asyncio.sleep(0)
    await shard.stop()
    assert all(isinstance(task.result(), Added) for task in pending)
    with pytest.raises(Unavailable):
        await shard.ask(1, add(9))


async def test_the_queue_is_bounded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharding, "QUEUE_COMMANDS_MAX", 3)
    shard = place.new_owner()
    answers = await asyncio.gather(*(shard.ask(1, add(n)) for n in range(5)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Added] * 3 + [Unavailable] * 2


def many(count: int, size: int) -> Add:
    return Add(INBOX, tuple(Item(Prepared(b"%032d" % n, 10, b"record", bytes(size)), 0) for n in range(count)))


async def test_one_who_adds_too_much_at_once_costs_others_nothing(place: Place) -> None:
    shard = place.new_owner()
    await asyncio.gather(*(shard.ask(account, ReadTree()) for account in (1, 2, 3)))
    asked = [shard.ask(1, add(0)), shard.ask(2, many(200, 60_000)), shard.ask(3, add(1))]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Added, OverLimit, Added]


async def test_what_is_much_together_goes_in_several_commits(place: Place) -> None:
    shard = place.new_owner()
    await asyncio.gather(*(shard.ask(account, ReadTree()) for account in (1, 2, 3)))
    answers = await asyncio.gather(*(shard.ask(account, many(90, 60_000)) for account in (1, 2, 3)))
    assert [answer.uids for answer in answers if isinstance(answer, Added)] == [((1, 90),)] * 3


async def test_a_copy_that_may_be_large_goes_with_little_else(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    shard = place.new_owner()
    await asyncio.gather(shard.ask(1, many(3, 6)), shard.ask(2, ReadTree()))
    commits = 0
    transact = place.store.transact

    async def counting(body: Any) -> Any:
        nonlocal commits
        commits += 1
        return await transact(body)

    monkeypatch.setattr(place.store, "transact", counting)
    for size, expected in ((6, 1), (60_000, 2)):
        commits = 0
        await asyncio.gather(shard.ask(2, many(30, size)), shard.ask(1, Copy(1, ((1, 3),), "Sent")))
        assert commits == expected


async def test_a_record_counts_as_what_waits(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharding, "QUEUE_BYTES_MAX", 100_000)
    shard = place.new_owner()
    large = Add(INBOX, (Item(Prepared(b"d" * 32, 10, bytes(90_000), None), 0),))
    answers = await asyncio.gather(*(shard.ask(1, large) for _ in range(2)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Added, Unavailable]


async def test_a_mailbox_that_has_another_s_name_since_this_turn_began_is_read_first(place: Place) -> None:
    first = place.new_owner()
    await first.ask(1, Create("a"))
    await first.ask(1, Add("a", add(1).items))
    await first.stop()
    shard = place.new_owner()
    await shard.ask(1, ReadTree())  # no rows are in memory
    asked = [shard.ask(1, Rename("a", "b")), shard.ask(1, Delete("b")), shard.ask(2, add(0))]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Done, Done, Added]


async def test_memory_is_bounded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "ACCOUNTS_MAX", 2)
    shard = place.new_owner()
    for number in (1, 2, 3, 1):
        await shard.ask(number, add(number))
    assert [account.id for account in shard._held] == [3, 1]
    answer = await shard.ask(1, add(5))
    assert isinstance(answer, Added)
    assert answer.uids == ((3, 3),)


async def test_client_selects_sees_and_lets_go(place: Place, client: MailboxClient) -> None:
    woken = 0

    def wake() -> None:
        nonlocal woken
        woken += 1

    await client.deliver(5, await client.prepare(RAW))
    first = await client.select(5, "inbox", read_only=False, changed=wake)
    second = await client.select(5, INBOX, read_only=False, changed=wake)
    assert first.view is second.view
    assert first.recent == {1}
    assert not second.recent
    await client.deliver(5, await client.prepare(RAW))
    assert first.recent == {1, 2}
    assert woken == 3  # once by its own claim, then both sessions by the delivery
    await first.set_flags(((1, 2),), "add", SEEN, ("work",))
    assert second.view.index.flags.tolist() == [SEEN | 32, SEEN | 32]
    assert second.view.keywords == ("work",)
    await first.close()
    await client.deliver(5, await client.prepare(RAW))
    assert second.recent == {3}
    await second.close()
    assert not len(client._views)
    await until(lambda: not place.shards[0]._watchers)
    with pytest.raises(NotFound):
        await client.select(5, "nothing", read_only=True, changed=wake)


async def test_a_full_disk_keeps_nobody_from_selecting() -> None:
    store = Failing()
    place = Place(store)
    client = place.client(place.new_owner())
    await client.deliver(5, await client.prepare(RAW))
    store.trouble = StoreFull("The disk is full.")
    full = await client.select(5, INBOX, read_only=False, changed=lambda: None)
    assert full.recent == {1}
    await full.close()
    store.trouble = None
    first = await client.select(5, INBOX, read_only=False, changed=lambda: None)
    assert first.recent == {1}, "nothing was taken on the full disk"
    await place.shards[0].stop()


async def test_client_reads_small_and_large_messages(client: MailboxClient) -> None:
    dice = __import__("random").Random(1)
    large = RAW + dice.randbytes(300_000)
    for raw in (RAW, large):
        await client.deliver(5, await client.prepare(raw))
    messages = await client.messages(5, [2, 1, 9])
    assert messages[2] is None
    contents = [await client.content(message) for message in messages[:2] if message is not None]
    assert contents == [large, RAW]
    assert messages[0] is not None
    assert messages[0].record.subject == "hello"
    assert not messages[0].inline


async def test_a_deleted_mailbox_is_gone_for_who_has_it_selected(client: MailboxClient) -> None:
    await client.create(5, "x")
    held = await client.select(5, "x", read_only=False, changed=lambda: None)
    await client.delete(5, "x")
    assert held.view.gone
    with pytest.raises(NotFound):
        await held.set_flags(((1, 1),), "add", SEEN)
    await client.create(5, "x")
    fresh = await client.select(5, "x", read_only=False, changed=lambda: None)
    assert not fresh.view.gone
