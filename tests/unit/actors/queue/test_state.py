"""actors/queue/state.py in a shard: what is lent, what counts, what is refused."""

import asyncio
from typing import Any

import msgspec
import pytest

from actors.mailbox import keys as mailbox
from actors.mailbox.removal import REMOVAL_MS
from actors.mailbox.sweeper import Sweeper
from actors.queue import keys
from actors.queue.client import QueueClient
from actors.queue.entry import STEPS_MAX
from actors.queue.state import Queue, QueueSettings
from actors.queue.types import (
    BULK,
    DUE_MAX,
    INLINE_BYTES_MAX,
    NORMAL,
    URGENT,
    Change,
    Due,
    Enqueue,
    Envelope,
    Filter,
    List,
    Outcome,
    Owed,
    Read,
    Recipient,
    Report,
    Result,
    Shown,
    Told,
    Work,
)
from actors.shell.kind import encode
from cluster.blobs.blobs import digest_of
from cluster.blobs.codec import pack
from cluster.errors import NotFound, Refused, Unavailable
from tests.unit.actors.shell.site import Site

BODY = b"Subject: hello\r\n\r\nhello\r\n" * 10
SLOT = keys.slot_of("example.net", b"1")


def mail(domain: str = "example.net", **other: Any) -> Envelope:
    return Envelope(domain, "a@example.org", (Recipient(f"b@{domain}"),), digest_of(BODY), len(BODY), **other)


async def due(client: QueueClient, limit: int = 10, lease_s: int = 60) -> tuple[Work, ...]:
    """What a deliverer would be lent, most urgent first."""
    found: list[Work] = []
    for lane in (URGENT, NORMAL, BULK):
        for slot in keys.slots_of("example.net"):
            if len(found) < limit:
                found += (await client.due(slot, limit - len(found), lease_s, lane=lane)).work
    return tuple(found)


async def report(
    client: QueueClient, work: Work, outcome: Outcome, *, until_ms: int = 0, said: str = "", owed: tuple[Owed, ...] = ()
) -> Shown:
    """The same for all recipients."""
    everyone = tuple(range(len(work.mail.recipients)))
    return await client.report(work, (Told(Result(outcome, said=said), everyone),), until_ms=until_ms, owed=owed)


def words(shown: Shown) -> list[str]:
    """What was said, in the order of the steps."""
    return [text for step in shown.steps for text in (step.said, *(told.result.said for told in step.told)) if text]


@pytest.fixture
async def client(site: Site) -> QueueClient:
    return QueueClient(await site.calling(Queue()), site.store, site.blobs)


async def test_mail_waits_is_lent_and_delivered(site: Site, client: QueueClient) -> None:
    start = site.clock.now_ms()
    entry = await client.enqueue(mail(), b"1", pack(BODY), start + 5000)
    assert await due(client, 10) == ()
    site.clock.advance(5)
    (work,) = await due(client, 10)
    assert (work.id, work.attempt, work.mail.recipients) == (entry, 1, (Recipient("b@example.net"),))
    assert await client.body(work) == BODY
    assert await due(client, 10) == ()
    await report(client, work, "deferred", until_ms=start + 90_000, said="451 later")
    site.clock.advance(85)
    (work,) = await due(client, 10)
    shown = await report(client, work, "delivered", said="250 ok")
    assert (shown.status, shown.attempts) == ("delivered", 2)
    with pytest.raises(NotFound):
        await client.body(work)
    steps = (await client.read(entry)).steps
    assert [step.what for step in steps] == ["queued", "lent", "deferred", "lent", "delivered"]
    assert words(await client.read(entry)) == ["451 later", "250 ok"]
    site.clock.advance(QueueSettings().remember_s)
    assert await due(client, 10) == ()
    assert await site.shards[0].sweep() == 1
    assert await site.rows(b"q") == []
    with pytest.raises(NotFound):
        await client.read(entry)


async def _removed(site: Site) -> None:
    """What the mailboxes' sweeper does to a blob that nobody refers to."""
    site.clock.advance(3 * 86_400)
    sweeper = Sweeper(site.store, site.blobs, site.clock, grace_ms=0)
    assert await sweeper.sweep_blobs() == 1


async def test_a_large_body_that_was_swept_must_be_sent_again(site: Site, client: QueueClient) -> None:
    early = site.clock.now_ms()
    await site.blobs.put(digest_of(BODY), BODY)
    await _removed(site)
    with pytest.raises(Unavailable):
        await client.enqueue(mail(stored_ms=early), b"1", None)
    await site.blobs.put(digest_of(BODY), BODY)
    with pytest.raises(Unavailable):  # the removal may still be under way
        await client.enqueue(mail(stored_ms=site.clock.now_ms()), b"1", None)
    site.clock.advance(REMOVAL_MS / 1000 + 1)
    await site.blobs.put(digest_of(BODY), BODY)
    entry = await client.enqueue(mail(stored_ms=site.clock.now_ms()), b"1", None)
    assert await client.enqueue(mail(), b"2", pack(BODY)) != entry, "a small one does not care"


async def test_a_large_body_that_is_swept_during_the_commit_must_be_sent_again(
    site: Site, client: QueueClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = site.clock.now_ms()
    await site.blobs.put(digest_of(BODY), BODY)
    await client.enqueue(mail(), b"0", pack(BODY))  # so that the slot is held
    transact = site.store.transact

    async def swept_first(body: Any) -> Any:
        monkeypatch.undo()
        await _removed(site)
        return await transact(body)

    monkeypatch.setattr(site.store, "transact", swept_first)
    with pytest.raises(Unavailable):
        await client.enqueue(mail(stored_ms=early), b"1", None)
    assert await site.store.range(*mailbox.blob_refs(digest_of(BODY))) == []
    assert len((await client.list()).entries) == 1


async def test_a_large_body_is_referred_to_while_it_is_needed(site: Site, client: QueueClient) -> None:
    await site.blobs.put(digest_of(BODY), BODY)
    await client.enqueue(mail(), b"1", None)
    refs = mailbox.blob_refs(digest_of(BODY))
    assert len(await site.store.range(*refs)) == 1
    (work,) = await due(client, 10)
    assert await client.body(work) == BODY
    await report(client, work, "failed", said="550 nobody")
    assert await site.store.range(*refs) == []


async def test_the_same_key_is_one_entry_also_after_its_end(site: Site, client: QueueClient) -> None:
    both = await asyncio.gather(*(client.enqueue(mail(), b"1", pack(BODY)) for _ in range(2)))
    assert both[0] == both[1]
    (work,) = await due(client, 10)
    await report(client, work, "delivered")
    assert await client.enqueue(mail(), b"1", pack(BODY)) == work.id
    assert await due(client, 10) == ()
    assert await client.enqueue(mail(), b"2", pack(BODY)) != work.id


async def test_a_lease_that_ended_is_lent_again_and_old_reports_count_only_for_delivery(
    site: Site, client: QueueClient
) -> None:
    await client.enqueue(mail(), b"1", pack(BODY))
    (first,) = await due(client, 10)
    site.clock.advance(60)
    (second,) = await due(client, 10)
    assert (second.id, second.attempt) == (first.id, 2)
    outcomes: tuple[Outcome, ...] = ("deferred", "failed")
    for outcome in outcomes:
        assert (await report(client, first, outcome)).status == "lent"
    assert (await report(client, first, "delivered")).status == "delivered"
    assert (await report(client, second, "failed")).status == "delivered"
    assert len((await client.read(first.id)).steps) == 4


async def test_a_lease_that_ended_may_report_while_nobody_else_has_it(site: Site, client: QueueClient) -> None:
    await client.enqueue(mail(), b"1", pack(BODY))
    (work,) = await due(client, 10)
    site.clock.advance(61)
    for _ in range(2):
        assert (await report(client, work, "deferred", until_ms=site.clock.now_ms() + 1000)).status == "waiting"
    assert (await client.read(work.id)).attempts == 1
    assert await due(client, 10) == ()
    with pytest.raises(Refused):
        await report(client, msgspec.structs.replace(work, attempt=2), "delivered")


async def test_operators_hold_release_and_cancel(site: Site, client: QueueClient) -> None:
    entry = await client.enqueue(mail(), b"1", pack(BODY))
    (work,) = await due(client, 10)
    for _ in range(2):
        assert (await client.hold(entry, "root")).held
    assert (await report(client, work, "deferred")).status == "waiting"
    site.clock.advance(3600)
    assert await due(client, 10) == ()
    assert not (await client.release(entry)).held
    (work,) = await due(client, 10)
    for _ in range(2):
        assert (await client.cancel(entry, "root")).status == "cancelled"
    for change in (client.hold, client.release):
        with pytest.raises(Refused):
            await change(entry)
    assert words(await client.read(entry)) == ["root", "root"]
    assert (await report(client, work, "failed")).status == "cancelled"
    assert (await report(client, work, "delivered")).status == "delivered"  # it is what happened
    with pytest.raises(Refused):
        await client.cancel(entry)


async def test_another_way_does_not_send_early_what_is_scheduled(site: Site, client: QueueClient) -> None:
    later, now = [await client.enqueue(mail(), name, pack(BODY), site.clock.now_ms() + ms)
                  for name, ms in ((b"1", 5000), (b"2", 0))]  # fmt: skip
    for entry in (later, now):
        await client.change(Change(entry, "reroute", route="relay"))
    assert [(await client.read(entry)).word for entry in (later, now)] == ["scheduled", "waiting"]
    assert [(work.id, work.forced) for work in await due(client)] == [(now, True)]


async def test_each_result_has_the_time_of_its_attempt(site: Site, client: QueueClient) -> None:
    entry = await client.enqueue(mail(), b"1", pack(BODY))
    for _attempt in range(2):
        site.clock.advance(5)
        (work,) = await due(client)
        await report(client, work, "deferred", until_ms=site.clock.now_ms())
        assert (await client.read(entry)).fates[0].at_ms == site.clock.now_ms()


async def test_listing_goes_page_by_page_over_all_slots(client: QueueClient) -> None:
    domains = [f"d{n % 4}.example" for n in range(20)]
    ids = [await client.enqueue(mail(domain), b"%d" % n, pack(BODY)) for n, domain in enumerate(domains)]
    found: list[bytes] = []
    page = await client.list(limit=3)
    while True:
        found += [shown.id for shown in page.entries]
        if not page.after:
            break
        page = await client.list(page.after, limit=3)
    assert found == sorted(ids)
    (work,) = (await client.due(keys.slot_of("d1.example", b"1"), 1, 60)).work
    lent = await client.list(which=Filter(domain="d1.example", status="lent"))
    assert [shown.id for shown in lent.entries] == [work.id]
    assert len((await client.list(which=Filter(domain="d1.example"))).entries) == 5


async def test_history_is_bounded_and_forgets_no_state(site: Site, client: QueueClient) -> None:
    entry = await client.enqueue(mail(), b"1", pack(BODY))
    for n in range(STEPS_MAX):
        (work,) = await due(client, 10)
        await report(client, work, "deferred", until_ms=site.clock.now_ms(), said="é" * 5000)
        assert work.attempt == n + 1
    shown = await client.read(entry)
    assert (len(shown.steps), shown.forgotten, shown.attempts) == (STEPS_MAX, STEPS_MAX + 1, STEPS_MAX)
    assert words(shown)[-1] == "é" * 250


LONG = "x" * 321
ID = keys.entry_id("example.net", b"1")
WRONG = [
    b"\xc1",
    encode(List(0)),
    encode(List(10, b"short")),
    encode(Due(DUE_MAX + 1, 60)),
    encode(Due(1, 0)),
    encode(Read(b"")),
    encode(Read(keys.entry_id("other.example", b"1"))),
    encode(Report(ID, 1, (Told(Result("deferred"), (0,)),), -1)),
    encode(Report(ID, 1)),
    encode(Report(ID, 1, (Told(Result("deferred"), (0, 0)),))),
    encode(Report(ID, 1, (Told(Result("deferred"), (100,)),))),
    encode(Report(ID, 1, (Told(Result("deferred"), (0,)),), owed=(Owed("delay", ()),))),
    encode(Report(ID, 1, (Told(Result("deferred"), (0,)),), owed=(Owed("delay", (0,)),) * 5)),
    encode(Due(1, 60, 0)),
    encode(Due(1, 60, 4)),
    encode(Due(1, 60, after=bytes(25))),
    encode(Due(1, 60, busy=("x",) * 1001)),
    encode(Change(ID, "prioritise", value=10)),
    encode(Change(ID, "reroute", route="two words")),
    encode(Change(ID, "reroute", target="x" * 254)),
    encode(Change(ID, "expire", value=-1)),
    encode(Enqueue(mail(priority=10), b"1")),
    encode(Enqueue(mail(envid="x" * 101), b"1")),
    encode(Enqueue(mail(message_id="x" * 999), b"1")),
    encode(Enqueue(mail(by_ms=-1), b"1")),
    encode(Enqueue(msgspec.structs.replace(mail(), recipients=(Recipient("a@b", ("WHEN",)),)), b"1")),
    encode(Enqueue(msgspec.structs.replace(mail(), recipients=(Recipient("a@b", (), "x" * 501),)), b"1")),
    encode(Enqueue(msgspec.structs.replace(mail(), recipients=(Recipient("a@b", (), "x" * 500),) * 50), b"1")),
    encode({"type": "report", "id": bytes(16), "attempt": 1, "outcome": "eaten"}),
    encode(Enqueue(mail("other.example"), b"1")),
    encode(Enqueue(mail(), b"")),
    encode(Enqueue(mail(), b"1", -1)),
    encode(Enqueue(mail(), b"1", packed=bytes(INLINE_BYTES_MAX + 1))),
    encode(Enqueue(msgspec.structs.replace(mail(), digest=b"short"), b"1")),
    encode(Enqueue(msgspec.structs.replace(mail(), recipients=()), b"1")),
    encode(Enqueue(msgspec.structs.replace(mail(), recipients=(Recipient("a@b"),) * 101), b"1")),
    encode(Enqueue(msgspec.structs.replace(mail(), recipients=(Recipient(LONG),)), b"1")),
]


@pytest.mark.parametrize("body", WRONG)
async def test_what_is_wrong_is_refused(site: Site, body: bytes) -> None:
    shard, _ = await site.owner(Queue())
    with pytest.raises(Refused):
        await shard.call(SLOT, body)
    assert await site.rows(b"q") == []


async def test_a_newer_version_is_understood(site: Site) -> None:
    shard, _ = await site.owner(Queue())
    newer = msgspec.msgpack.decode(encode(Due(1, 60))) | {"colour": "blue"}
    await shard.call(SLOT, encode(newer))


async def test_the_largest_entries_fit_a_commit(client: QueueClient) -> None:
    widest = msgspec.structs.replace(mail(), recipients=tuple(Recipient(f"{n:03}{'x' * 190}@y") for n in range(100)))
    idems = [b"%d" % n for n in range(1000) if keys.slot_of("example.net", b"%d" % n) == SLOT]
    for idem in idems[: DUE_MAX + 1]:
        await client.enqueue(widest, idem, pack(BODY))
    assert len((await client.due(SLOT, DUE_MAX, 60)).work) == DUE_MAX
    assert len((await client.due(SLOT, DUE_MAX, 60)).work) == 1


async def test_within_one_commit_later_calls_see_what_earlier_ones_did(client: QueueClient) -> None:
    idems = [b"%d" % n for n in range(100) if keys.slot_of("example.net", b"%d" % n) == SLOT]
    entries = [await client.enqueue(mail(), idem, pack(BODY)) for idem in idems[:3]]
    answers = await asyncio.gather(
        client.hold(entries[0]),
        client.cancel(entries[1]),
        client.due(SLOT, 10, 60),
        client.due(SLOT, 10, 60),
    )
    assert [work.id for work in answers[2].work] == [entries[2]]
    assert answers[3].work == ()


async def test_a_wish_of_while_it_is_under_way_is_done_after_it(site: Site, client: QueueClient) -> None:
    entry = await client.enqueue(mail(), b"1", pack(BODY))
    (work,) = await due(client)
    await client.change(Change(entry, "reroute", target="other.test"))
    shown = await client.report(work, (Told(Result("deferred"), (0,)),), until_ms=site.clock.now_ms() + 3_600_000)
    assert (shown.status, shown.forced, shown.due_ms) == ("waiting", True, site.clock.now_ms())
    (again,) = await due(client)
    shown = await client.report(again, (Told(Result("deferred"), (0,)),), until_ms=site.clock.now_ms() + 3_600_000)
    assert (shown.forced, shown.due_ms) == (False, site.clock.now_ms() + 3_600_000)


async def test_what_is_held_is_lent_for_its_notices_alone(site: Site, client: QueueClient) -> None:
    entry = await client.enqueue(mail(), b"1", pack(BODY))
    (work,) = await due(client)
    owed = (Owed("delay", (0,)),)
    await client.report(work, (Told(Result("deferred"), (0,)),), until_ms=site.clock.now_ms(), owed=owed)
    await client.hold(entry)
    site.clock.advance(61)
    (work,) = await due(client)
    assert work.only_owed
    await client.release(entry)
    site.clock.advance(61)
    (work,) = await due(client)
    assert (work.only_owed, work.owed) == (False, owed)
