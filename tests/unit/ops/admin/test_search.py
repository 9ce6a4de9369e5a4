"""Search indexes over the admin service: how one stands, and a new one."""

import grpc
import pytest

from actors.mailbox.keys import slot_of
from ops.cli.connect import Admin
from ops.core import Core
from wire import admin_pb2 as pb

ASK = pb.GetSearchIndexRequest(account="alice@example.org")


async def test_an_index_is_followed_from_the_wish_to_the_last_message(
    parts: Core, admin: Admin, alice: pb.Account
) -> None:
    assert not (await admin.search.GetSearchIndex(ASK)).wanted
    for _ in range(3):
        await parts.mailboxes.deliver(alice.id, await parts.mailboxes.prepare(b"Subject: hello\r\n\r\nworld"))
    await parts.search.want(alice.id)
    found = await admin.search.GetSearchIndex(ASK)
    assert (found.wanted, found.newest, found.watermark) == (True, 3, 0)
    assert parts.indexer is not None
    await parts.indexer.look([slot_of(alice.id)])
    await parts.indexer.follow(alice.id)
    found = await admin.search.GetSearchIndex(ASK)
    assert (found.rebuilding, found.watermark, found.messages, found.entries) == (False, 3, 3, 3)
    await admin.search.RebuildSearchIndex(pb.RebuildSearchIndexRequest(account="alice@example.org"))
    assert (await admin.search.GetSearchIndex(ASK)).rebuilding
    await parts.indexer.look([slot_of(alice.id)])
    found = await admin.search.GetSearchIndex(ASK)
    assert (found.rebuilding, found.messages) == (False, 0)


async def test_new_mail_is_told_to_the_indexer(parts: Core, admin: Admin, alice: pb.Account) -> None:
    assert parts.indexer is not None
    await parts.search.want(alice.id)
    await parts.indexer.look([slot_of(alice.id)])
    parts.indexer.due.clear()
    await parts.mailboxes.create(alice.id, "Other")
    await parts.indexer.look([slot_of(alice.id)])
    assert not parts.indexer.due, "no mail has come"
    await parts.mailboxes.deliver(alice.id, await parts.mailboxes.prepare(b"\r\n"))
    await parts.indexer.look([slot_of(alice.id)])
    assert list(parts.indexer.due) == [alice.id]


async def test_an_account_that_is_not_there(admin: Admin, alice: pb.Account) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await admin.search.RebuildSearchIndex(pb.RebuildSearchIndexRequest(account="bob@example.org"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
