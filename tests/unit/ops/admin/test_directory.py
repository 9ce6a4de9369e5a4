"""Domains, accounts and what leads to them, asked over the wire."""

from typing import Any

import grpc
import pytest

from ops.admin.errors import from_status
from ops.cli.connect import Admin
from ops.core import Core
from tests.unit.ops.admin.conftest import ALICE
from wire import admin_pb2 as pb


async def test_domains(admin: Admin) -> None:
    added = await admin.directory.AddDomain(pb.AddDomainRequest(name="Example.ORG", catch_all="alice"))
    assert (added.name, added.separator, added.catch_all) == ("example.org", "+", "alice@example.org")
    await admin.directory.AddDomain(pb.AddDomainRequest(name="bücher.example", separator=""))
    listed = [found async for found in admin.directory.ListDomains(pb.ListDomainsRequest())]
    assert [(found.name, found.separator) for found in listed] == [("example.org", "+"), ("xn--bcher-kva.example", "")]
    assert await admin.directory.GetDomain(pb.GetDomainRequest(name="EXAMPLE.org")) == added


async def test_a_change_leaves_what_it_does_not_name(admin: Admin) -> None:
    rule = pb.RewriteRule(pattern="a@(.*)", replacement="b@${1}")
    await admin.directory.AddDomain(
        pb.AddDomainRequest(name="example.org", catch_all="bob@example.org", rewrites=[rule])
    )
    changed = await admin.directory.ChangeDomain(pb.ChangeDomainRequest(name="example.org", separator="-"))
    assert (changed.separator, changed.catch_all, list(changed.rewrites)) == ("-", "bob@example.org", [rule])
    request = pb.ChangeDomainRequest(name="example.org", catch_all="", rewrites=pb.RewriteRules())
    changed = await admin.directory.ChangeDomain(request)
    assert (changed.separator, changed.catch_all, list(changed.rewrites)) == ("-", "", [])


async def test_accounts(admin: Admin, alice: pb.Account, parts: Core) -> None:
    assert alice.id
    assert alice.login == ALICE
    assert await parts.directory.verify(ALICE, "correct horse") is not None
    request = pb.AddAccountRequest(
        login="bob@example.org", password="battery staple", addresses=["rob@example.org"], quota_bytes=5
    )
    bob = await admin.directory.AddAccount(request)
    assert list(bob.addresses) == ["bob@example.org", "rob@example.org"]
    listed = [found async for found in admin.directory.ListAccounts(pb.ListAccountsRequest())]
    assert listed == [alice, bob]
    assert listed == [
        found async for found in admin.directory.ListAccounts(pb.ListAccountsRequest(domain="example.org"))
    ]


async def test_changes_of_an_account(admin: Admin, alice: pb.Account) -> None:
    request = pb.ChangeAccountRequest(login=ALICE, add_addresses=["al@example.org"], quota_messages=7, disabled=True)
    changed = await admin.directory.ChangeAccount(request)
    assert list(changed.addresses) == [ALICE, "al@example.org"]
    assert (changed.quota_bytes, changed.quota_messages, changed.disabled) == (0, 7, True)
    request = pb.ChangeAccountRequest(login=ALICE, remove_addresses=["al@example.org"], disabled=False)
    changed = await admin.directory.ChangeAccount(request)
    assert list(changed.addresses) == [ALICE]
    assert (changed.quota_messages, changed.disabled) == (7, False)


async def test_passwords(admin: Admin, alice: pb.Account, parts: Core) -> None:
    await admin.directory.SetPassword(pb.SetPasswordRequest(login=ALICE, password="battery staple"))
    assert await parts.directory.verify(ALICE, "correct horse") is None
    assert await parts.directory.verify(ALICE, "battery staple") is not None


async def test_usage_where_asked_for(admin: Admin, alice: pb.Account, parts: Core) -> None:
    await parts.mailboxes.deliver(alice.id, await parts.mailboxes.prepare(b"A: b\r\n\r\nx\r\n"))
    told = await admin.directory.GetAccount(pb.GetAccountRequest(login=ALICE, usage=True))
    assert (told.usage.messages, told.usage.bytes) == (1, 11)
    told = await admin.directory.GetAccount(pb.GetAccountRequest(login=ALICE))
    assert not told.HasField("usage")


async def test_removing_an_account_removes_its_mail(admin: Admin, alice: pb.Account, parts: Core) -> None:
    prepared = await parts.mailboxes.prepare(b"A: b\r\n\r\nx\r\n")
    await parts.mailboxes.deliver(alice.id, prepared)
    await parts.mailboxes.deliver(alice.id, prepared, mailbox="Sent")
    await admin.directory.RemoveAccount(pb.RemoveAccountRequest(login=ALICE))
    tree = await parts.mailboxes.tree(alice.id)
    assert (tree.used_messages, [box.name for box in tree.mailboxes]) == (0, ["INBOX"])
    assert [found async for found in admin.directory.ListAccounts(pb.ListAccountsRequest())] == []


async def test_a_domain_in_use_goes_by_force_only(admin: Admin, alice: pb.Account, parts: Core) -> None:
    await parts.mailboxes.deliver(alice.id, await parts.mailboxes.prepare(b"A: b\r\n\r\nx\r\n"))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await admin.directory.RemoveDomain(pb.RemoveDomainRequest(name="example.org"))
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    await admin.directory.RemoveDomain(pb.RemoveDomainRequest(name="example.org", force=True))
    assert [found async for found in admin.directory.ListDomains(pb.ListDomainsRequest())] == []
    assert (await parts.mailboxes.tree(alice.id)).used_messages == 0


@pytest.mark.parametrize("kind", [pb.ENTRY_KIND_ALIAS, pb.ENTRY_KIND_LIST, pb.ENTRY_KIND_GROUP])
async def test_entries(admin: Admin, alice: pb.Account, kind: "pb.EntryKind.ValueType") -> None:
    entry = pb.Entry(kind=kind, address="info@example.org", members=[ALICE])
    assert await admin.directory.AddEntry(pb.AddEntryRequest(entry=entry)) == entry
    request = pb.ChangeEntryRequest(
        kind=kind, address="info@example.org", members=pb.Members(addresses=["eve@example.net"])
    )
    changed = await admin.directory.ChangeEntry(request)
    assert list(changed.members) == ["eve@example.net"]
    assert [found async for found in admin.directory.ListEntries(pb.ListEntriesRequest(kind=kind))] == [changed]
    await admin.directory.RemoveEntry(pb.RemoveEntryRequest(kind=kind, address="info@example.org"))
    assert [found async for found in admin.directory.ListEntries(pb.ListEntriesRequest(kind=kind))] == []


@pytest.mark.parametrize("kind", [pb.ENTRY_KIND_LIST, pb.ENTRY_KIND_GROUP])
async def test_members_join_and_leave(admin: Admin, alice: pb.Account, kind: "pb.EntryKind.ValueType") -> None:
    entry = pb.Entry(kind=kind, address="all@example.org", members=[ALICE], name="All")
    await admin.directory.AddEntry(pb.AddEntryRequest(entry=entry))
    request = pb.ChangeEntryRequest(
        kind=kind, address="all@example.org", add_members=["bob@example.org"], remove_members=[ALICE], name="Most"
    )
    changed = await admin.directory.ChangeEntry(request)
    assert (list(changed.members), changed.name) == (["bob@example.org"], "Most")


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        ("AddDomain", grpc.StatusCode.ALREADY_EXISTS, "exists"),
        ("GetAccount", grpc.StatusCode.INVALID_ARGUMENT, "address"),
        ("SetPassword", grpc.StatusCode.NOT_FOUND, "no account"),
        ("RemoveEntry", grpc.StatusCode.INVALID_ARGUMENT, "aliases, lists or groups"),
    ],
)
async def test_errors_name_the_cause(
    admin: Admin, alice: pb.Account, call: str, code: grpc.StatusCode, words: str
) -> None:
    requests = {
        "AddDomain": pb.AddDomainRequest(name="example.org"),
        "GetAccount": pb.GetAccountRequest(login="not an address"),
        "SetPassword": pb.SetPasswordRequest(login="eve@example.org", password="x" * 12),
        "RemoveEntry": pb.RemoveEntryRequest(address="info@example.org"),
    }
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await getattr(admin.directory, call)(requests[call])
    assert refused.value.code() is code
    assert words in from_status(refused.value).says


async def test_lists_in_pages(admin: Admin, alice: pb.Account) -> None:
    directory = admin.directory
    await directory.AddDomain(pb.AddDomainRequest(name="b.example"))
    for login in ("bob@example.org", "carol@b.example"):
        await directory.AddAccount(pb.AddAccountRequest(login=login, password="correct horse"))

    async def logins(**asked: Any) -> list[str]:
        return [one.login async for one in directory.ListAccounts(pb.ListAccountsRequest(**asked))]

    everybody = ["carol@b.example", ALICE, "bob@example.org"]
    assert await logins() == everybody
    assert [await logins(limit=2, after=after) for after in ("", everybody[1])] == [everybody[:2], everybody[2:]]
    assert await logins(after=everybody[0]) == everybody[1:]
    assert await logins(domain="example.org", after=ALICE) == everybody[2:]
    assert [one.name async for one in directory.ListDomains(pb.ListDomainsRequest(after="b.example"))] == [
        "example.org"
    ]
    for address in ("x@example.org", "x@b.example", "y@b.example"):
        entry = pb.Entry(kind=pb.ENTRY_KIND_GROUP, address=address)
        await directory.AddEntry(pb.AddEntryRequest(entry=entry))

    async def groups(**asked: Any) -> list[str]:
        request = pb.ListEntriesRequest(kind=pb.ENTRY_KIND_GROUP, **asked)
        return [one.address async for one in directory.ListEntries(request)]

    assert await groups(limit=1) == ["x@b.example"]
    assert await groups(after="x@b.example") == ["y@b.example", "x@example.org"]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await logins(after="nobody")
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("kind", [pb.ENTRY_KIND_ALIAS, pb.ENTRY_KIND_LIST, pb.ENTRY_KIND_GROUP])
async def test_one_entry(admin: Admin, alice: pb.Account, kind: "pb.EntryKind.ValueType") -> None:
    entry = pb.Entry(kind=kind, address="x@example.org", members=[ALICE])
    made = await admin.directory.AddEntry(pb.AddEntryRequest(entry=entry))
    assert await admin.directory.GetEntry(pb.GetEntryRequest(kind=kind, address="X@example.org")) == made
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await admin.directory.GetEntry(pb.GetEntryRequest(kind=kind, address=ALICE))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
