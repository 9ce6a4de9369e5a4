"""A mailbox as a stream of messages."""

import grpc
import pytest

from actors.mailbox.types import SEEN, Item
from cluster.errors import Corrupt
from ops.admin import exporting
from ops.cli.connect import Admin
from ops.core import Core
from tests.unit.ops.admin.conftest import ALICE
from wire import admin_pb2 as pb


@pytest.fixture(autouse=True)
async def five(parts: Core, alice: pb.Account) -> None:
    messages = [await parts.mailboxes.prepare(b"Subject: %d\r\n\r\nx\r\n" % n) for n in range(1, 6)]
    items = [Item(message, 1000, SEEN, ("work",)) for message in messages]
    await parts.mailboxes.add(alice.id, "INBOX", items)


async def exported(admin: Admin, request: pb.ExportRequest) -> list[pb.ExportedMessage]:
    return [message async for message in admin.mailboxes.Export(request)]


async def test_all(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "PAGE", 2)
    found = await exported(admin, pb.ExportRequest(account=ALICE, mailbox="inbox"))
    assert [message.uid for message in found] == [1, 2, 3, 4, 5]
    assert [message.content for message in found] == [b"Subject: %d\r\n\r\nx\r\n" % n for n in range(1, 6)]
    assert {tuple(message.flags) for message in found} == {("\\Seen", "work")}
    assert all(message.size == len(message.content) for message in found)


async def test_what_the_client_has_comes_without_content(admin: Admin) -> None:
    tree = await admin.mailboxes.ListMailboxes(pb.ListMailboxesRequest(account=ALICE))
    inbox = next(box for box in tree.mailboxes if box.name == "INBOX")
    have = [pb.UidRange(first=1, last=2), pb.UidRange(first=4, last=4), pb.UidRange(first=9, last=99)]
    request = pb.ExportRequest(account=ALICE, mailbox="INBOX", uidvalidity=inbox.uidvalidity, have=have)
    found = await exported(admin, request)
    assert [message.uid for message in found if message.HasField("content")] == [3, 5]
    assert {message.size for message in found} == {17}
    request.uidvalidity += 1  # the mailbox was made anew since: its UIDs mean other messages
    assert all(message.HasField("content") for message in await exported(admin, request))


async def test_a_message_removed_meanwhile_is_left_out(
    admin: Admin, parts: Core, alice: pb.Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PAGE", 1)
    stream = exporting.export(parts.mailboxes, alice.id, pb.ExportRequest(mailbox="INBOX"))
    assert (await anext(stream)).uid == 1

    async def gone(_account: int, _emails: list[int]) -> list[None]:
        return [None]

    monkeypatch.setattr(parts.mailboxes, "messages", gone)
    assert [message async for message in stream] == []


async def test_a_damaged_message_is_named(admin: Admin, parts: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = parts.mailboxes.content

    async def damaged(message: object) -> bytes:
        content = await whole(message)  # type: ignore[arg-type]
        if b"3" in content:
            raise Corrupt("It is damaged.")
        return content

    monkeypatch.setattr(parts.mailboxes, "content", damaged)
    found = await exported(admin, pb.ExportRequest(account=ALICE, mailbox="INBOX"))
    assert [message.problem for message in found] == ["", "", "It is damaged.", "", ""]


async def test_a_mailbox_that_is_not_there(admin: Admin) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await exported(admin, pb.ExportRequest(account=ALICE, mailbox="Nowhere"))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_mailboxes(admin: Admin) -> None:
    tree = await admin.mailboxes.ListMailboxes(pb.ListMailboxesRequest(account=ALICE))
    inbox = next(box for box in tree.mailboxes if box.name == "INBOX")
    assert (inbox.role, inbox.messages, inbox.bytes) == ("inbox", 5, 85)
    assert {box.role for box in tree.mailboxes} == {"inbox", "drafts", "sent", "junk", "trash", "archive"}
