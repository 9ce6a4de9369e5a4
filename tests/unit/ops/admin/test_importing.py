"""Batches of mail, stored once whatever happens to their answers."""

from collections.abc import Sequence

import grpc
import pytest

from actors.mailbox.types import KEYWORDS_MAX, Item
from cluster.errors import OverQuota, Refused
from ops.admin import importing
from ops.admin.importing import Importer
from ops.cli.connect import Admin
from ops.core import Core
from tests.unit.ops.admin.conftest import ALICE
from wire import admin_pb2 as pb

MAIL = b"Subject: one\r\n\r\nHello\r\n"


def batch(key: bytes, *contents: bytes, mailbox: str = "INBOX", flags: Sequence[str] = ()) -> pb.ImportBatch:
    messages = [
        pb.ImportedMessage(content=content, date_ms=1000 + n, flags=flags) for n, content in enumerate(contents)
    ]
    return pb.ImportBatch(key=key, mailbox=mailbox, messages=messages)


@pytest.fixture
async def importer(parts: Core, alice: pb.Account) -> Importer:
    return Importer(parts.mailboxes, alice.id, (), parts.clock)


async def counts(parts: Core, alice: pb.Account) -> dict[str, int]:
    tree = await parts.mailboxes.tree(alice.id)
    return {box.name: box.messages for box in tree.mailboxes if box.messages}


async def test_over_the_wire(admin: Admin, alice: pb.Account, parts: Core) -> None:
    call = admin.mailboxes.Import(
        iter(
            [
                pb.ImportRequest(open=pb.ImportOpen(account=ALICE)),
                pb.ImportRequest(batch=batch(b"1", MAIL, MAIL)),
                pb.ImportRequest(batch=batch(b"2", MAIL, mailbox="New/Deep")),
            ]
        )
    )
    opened, first, second = [answer async for answer in call]
    assert opened.opened.account_id == alice.id
    assert (first.batch.key, first.batch.stored) == (b"1", 2)
    assert (second.batch.key, second.batch.stored) == (b"2", 1)
    assert await counts(parts, alice) == {"INBOX": 2, "New/Deep": 1}
    assert "New/Deep" in (await parts.mailboxes.tree(alice.id)).subscriptions


async def test_an_import_begins_by_naming_the_account(admin: Admin, alice: pb.Account) -> None:
    call = admin.mailboxes.Import(iter([pb.ImportRequest(batch=batch(b"1", MAIL))]))
    with pytest.raises(grpc.aio.AioRpcError, match="naming the account"):
        await call.read()


async def test_flags_and_dates_are_kept(admin: Admin, importer: Importer) -> None:
    await importer.store(batch(b"1", MAIL, flags=["\\Seen", "\\FLAGGED", "\\Recent", "work", "$Junk"]))
    request = pb.ExportRequest(account=ALICE, mailbox="INBOX")
    (found,) = [message async for message in admin.mailboxes.Export(request)]
    assert (found.date_ms, found.content) == (1000, MAIL)
    assert sorted(found.flags) == ["$Junk", "\\Flagged", "\\Seen", "work"]


async def test_without_a_date_it_came_now(admin: Admin, importer: Importer, parts: Core) -> None:
    await importer.store(pb.ImportBatch(key=b"1", mailbox="INBOX", messages=[pb.ImportedMessage(content=MAIL)]))
    (found,) = [one async for one in admin.mailboxes.Export(pb.ExportRequest(account=ALICE, mailbox="INBOX"))]
    assert found.date_ms == parts.clock.now_ms()


async def test_a_batch_that_comes_again_is_stored_once(importer: Importer, parts: Core, alice: pb.Account) -> None:
    first = await importer.store(batch(b"1", MAIL, MAIL))
    again = await importer.store(batch(b"1", MAIL, MAIL))
    assert first == again
    assert await counts(parts, alice) == {"INBOX": 2}


async def test_a_batch_that_lost_messages_is_stored_once(importer: Importer, parts: Core, alice: pb.Account) -> None:
    """A file may be gone when an import goes on; the places of the others tell that it is the same batch."""
    await importer.store(batch(b"1", MAIL, MAIL, MAIL))
    await importer.store(batch(b"1", b"", MAIL, b""))
    assert await counts(parts, alice) == {"INBOX": 3}


async def test_a_batch_too_large_for_a_transaction_is_cut(
    importer: Importer, parts: Core, alice: pb.Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "PART_BYTES", 1000)
    contents = [b"Subject: %d\r\n\r\n%b\r\n" % (n, bytes(range(33, 127)) * n) for n in range(10)]
    for _ in range(2):
        assert (await importer.store(batch(b"1", *contents))).stored == 10
    assert await counts(parts, alice) == {"INBOX": 10}


async def test_a_bad_message_keeps_no_other_out(
    importer: Importer, parts: Core, alice: pb.Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "MESSAGE_BYTES_MAX", 100)
    answer = await importer.store(batch(b"1", MAIL, b"x" * 101, MAIL))
    assert answer.stored == 2
    assert [(problem.index, problem.stored) for problem in answer.problems] == [(1, False)]
    assert await counts(parts, alice) == {"INBOX": 2}


async def test_a_message_the_mailbox_refuses_keeps_no_other_out(
    importer: Importer, parts: Core, alice: pb.Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = parts.mailboxes.add

    async def picky(account: int, mailbox: str, items: Sequence[Item], **more: bytes) -> object:
        if any(item.date_ms == 1001 for item in items):
            raise Refused("It is bad.")
        return await whole(account, mailbox, items, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(parts.mailboxes, "add", picky)
    for _ in range(2):
        answer = await importer.store(batch(b"1", MAIL, MAIL, MAIL))
        assert [(problem.index, problem.says) for problem in answer.problems] == [(1, "It is bad.")]
    assert await counts(parts, alice) == {"INBOX": 2}


async def test_a_mailbox_name_that_cannot_be(importer: Importer) -> None:
    answer = await importer.store(batch(b"1", MAIL, MAIL, mailbox="a//b"))
    assert answer.stored == 0
    assert [problem.index for problem in answer.problems] == [0, 1]


async def test_a_full_mailbox_ends_the_import(admin: Admin, importer: Importer, parts: Core, alice: pb.Account) -> None:
    await admin.directory.ChangeAccount(pb.ChangeAccountRequest(login=ALICE, quota_messages=1))
    with pytest.raises(OverQuota):
        await importer.store(batch(b"1", MAIL, MAIL))
    await admin.directory.ChangeAccount(pb.ChangeAccountRequest(login=ALICE, quota_messages=2))
    assert (await importer.store(batch(b"1", MAIL, MAIL))).stored == 2
    assert await counts(parts, alice) == {"INBOX": 2}


async def test_keywords_that_cannot_be_kept_are_named(importer: Importer, parts: Core, alice: pb.Account) -> None:
    answer = await importer.store(batch(b"1", MAIL, flags=["good", "not good", "é", "x" * 256]))
    assert [(problem.index, problem.stored) for problem in answer.problems] == [(0, True)]
    assert "not good" in answer.problems[0].says
    assert (await parts.mailboxes.tree(alice.id)).keywords == ("good",)


async def test_more_keywords_than_an_account_may_have(importer: Importer, parts: Core, alice: pb.Account) -> None:
    flags = [f"k{n}" for n in range(KEYWORDS_MAX + 1)]
    answer = await importer.store(batch(b"1", MAIL, flags=flags))
    assert answer.stored == 1
    assert flags[-1] in answer.problems[0].says
    assert (await parts.mailboxes.tree(alice.id)).keywords == tuple(flags[:-1])


@pytest.mark.parametrize("key", [b"", b"x" * 65])
async def test_a_batch_needs_a_key(importer: Importer, key: bytes) -> None:
    with pytest.raises(Refused, match="key"):
        await importer.store(batch(key, MAIL))


async def test_nothing_is_put_where_others_are_seen(importer: Importer) -> None:
    with pytest.raises(Refused, match="Shared"):
        await importer.store(batch(b"k", MAIL, mailbox="Shared/x"))
