"""An account's mailboxes, and whom they are shared with, over the wire."""

import grpc
import pytest

from actors.mailbox.rights import ALL
from ops.cli.connect import Admin
from ops.core import Core
from tests.unit.ops.admin.conftest import ALICE
from wire import admin_pb2 as pb

BOB = "bob@example.org"
STAFF = "staff@example.org"


@pytest.fixture
async def bob(admin: Admin, alice: pb.Account) -> pb.Account:
    return await admin.directory.AddAccount(pb.AddAccountRequest(login=BOB, password="battery staple"))


async def shared(admin: Admin, identifier: str, rights: str, mode: int = 0, name: str = "INBOX") -> dict[str, str]:
    """What is shared with whom afterwards."""
    box = await admin.mailboxes.ShareMailbox(
        pb.ShareMailboxRequest(
            account=ALICE,
            name=name,
            grant=pb.Grant(identifier=identifier, rights=rights),
            mode=mode,  # type: ignore[arg-type] # also what there is not
        )
    )
    assert box.name == name
    return {grant.identifier: grant.rights for grant in box.grants}


async def test_sharing_is_said_in_the_words_of_imap(
    admin: Admin, alice: pb.Account, bob: pb.Account, parts: Core
) -> None:
    await admin.directory.AddEntry(
        pb.AddEntryRequest(entry=pb.Entry(kind=pb.ENTRY_KIND_GROUP, address=STAFF, members=[BOB]))
    )
    assert await shared(admin, "Bob@Example.ORG", "lrs") == {BOB: "lrs"}
    assert await shared(admin, BOB, "wd", pb.RIGHTS_MODE_ADD) == {BOB: "lrswte"}
    assert await shared(admin, BOB, "s", pb.RIGHTS_MODE_REMOVE) == {BOB: "lrwte"}
    assert await shared(admin, f"group:{STAFF}", ALL) == {BOB: "lrwte", f"group:{STAFF}": ALL}
    assert await shared(admin, "anyone", "l") == {"anyone": "l", BOB: "lrwte", f"group:{STAFF}": ALL}
    assert await shared(admin, f"-{BOB}", "e") == {f"-{BOB}": "e", "anyone": "l", BOB: "lrwte", f"group:{STAFF}": ALL}
    kept = dict((await parts.mailboxes.look(alice.id, "INBOX")).info.acl)
    assert kept == {"anyone": "l", f"group:{STAFF}": ALL, f"-user:{bob.id:x}": "e", f"user:{bob.id:x}": "lrwte"}
    assert await parts.mailboxes.sharing([f"user:{bob.id:x}"]) == [alice.id]
    tree = await admin.mailboxes.ListMailboxes(pb.ListMailboxesRequest(account=ALICE))
    assert {box.name: len(box.grants) for box in tree.mailboxes} == {
        "Archive": 0,
        "Drafts": 0,
        "INBOX": 4,
        "Junk": 0,
        "Sent": 0,
        "Trash": 0,
    }
    # what is told of somebody who is gone can be taken off
    await admin.directory.RemoveAccount(pb.RemoveAccountRequest(login=BOB))
    await admin.directory.RemoveEntry(pb.RemoveEntryRequest(kind=pb.ENTRY_KIND_GROUP, address=STAFF))
    await shared(admin, f"user:{bob.id:x}", "")
    await shared(admin, f"-user:{bob.id:x}", "")
    assert await shared(admin, f"group:{STAFF}", "") == {"anyone": "l"}


@pytest.mark.parametrize(
    ("identifier", "rights", "mode", "name", "code"),
    [
        ("nobody@example.org", "l", 0, "INBOX", grpc.StatusCode.FAILED_PRECONDITION),
        ("group:nobody@example.org", "l", 0, "INBOX", grpc.StatusCode.FAILED_PRECONDITION),
        (ALICE, "l", 0, "INBOX", grpc.StatusCode.FAILED_PRECONDITION),
        ("anyone", "lq", 0, "INBOX", grpc.StatusCode.INVALID_ARGUMENT),
        ("anyone", "l", 9, "INBOX", grpc.StatusCode.INVALID_ARGUMENT),
        ("anyone", "l", 0, "Nowhere", grpc.StatusCode.NOT_FOUND),
    ],
)
async def test_what_cannot_be_shared(
    admin: Admin, alice: pb.Account, identifier: str, rights: str, mode: int, name: str, code: grpc.StatusCode
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await shared(admin, identifier, rights, mode, name)
    assert caught.value.code() is code


async def test_mailboxes_are_made(admin: Admin, alice: pb.Account, parts: Core) -> None:
    made = await admin.mailboxes.CreateMailbox(pb.CreateMailboxRequest(account=ALICE, name="Work/2026"))
    assert (made.name, made.messages) == ("Work/2026", 0)
    assert "Work/2026" in (await parts.mailboxes.tree(alice.id)).subscriptions
    for name, code in (
        ("Work/2026", grpc.StatusCode.ALREADY_EXISTS),
        ("Shared/x", grpc.StatusCode.INVALID_ARGUMENT),
        ("a//b", grpc.StatusCode.FAILED_PRECONDITION),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await admin.mailboxes.CreateMailbox(pb.CreateMailboxRequest(account=ALICE, name=name))
        assert caught.value.code() is code


async def test_a_shared_account_has_no_password(admin: Admin, alice: pb.Account, parts: Core) -> None:
    team = await admin.directory.AddAccount(pb.AddAccountRequest(login="team@example.org", shared=True, quota_bytes=9))
    assert (team.shared, team.administrator, team.quota_bytes) == (True, False, 9)
    assert await admin.directory.GetAccount(pb.GetAccountRequest(login="team@example.org")) == team
    assert await parts.directory.principal("team@example.org") is None
    assert await parts.directory.named("team@example.org") is not None
    for call in (
        admin.directory.AddAccount(pb.AddAccountRequest(login="x@example.org", password="long enough", shared=True)),
        admin.directory.SetPassword(pb.SetPasswordRequest(login="team@example.org", password="long enough")),
        admin.directory.ChangeAccount(pb.ChangeAccountRequest(login="team@example.org", administrator=True)),
    ):
        with pytest.raises(grpc.aio.AioRpcError):
            await call
    await admin.directory.RemoveAccount(pb.RemoveAccountRequest(login="team@example.org"))


async def test_administrators_are_made_and_unmade(admin: Admin, alice: pb.Account) -> None:
    changed = await admin.directory.ChangeAccount(pb.ChangeAccountRequest(login=ALICE, administrator=True))
    assert changed.administrator
    changed = await admin.directory.ChangeAccount(pb.ChangeAccountRequest(login=ALICE, quota_bytes=5))
    assert changed.administrator
    changed = await admin.directory.ChangeAccount(pb.ChangeAccountRequest(login=ALICE, administrator=False))
    assert not changed.administrator
