"""The directory for operators: requests in, changes of the internal directory, answers out.

The law: nothing is decided here; the directory's own rules are, in `actors/directory`. No answer and no log line has a
password.
"""

# ruff: noqa: N802, ARG002 (names and signatures are gRPC's)
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeVar

import grpc
from google.protobuf.message import Message

from actors.directory import types
from actors.directory.addresses import parse
from actors.directory.client import DirectoryClient
from actors.directory.types import Page
from actors.mailbox.client import MailboxClient
from ops.admin.erase import erase
from ops.admin.errors import Unclear as Unclear  # other services have it from here
from ops.admin.proofs import ProofCalls
from ops.admin.signing import Shown, SigningCalls
from wire import admin_pb2 as pb
from wire import admin_pb2_grpc

PAGE: Final = 500  # records read at once while listing

Item = TypeVar("Item")
Context = grpc.aio.ServicerContext[Any, Any]
Shared = types.Alias | types.MailingList | types.Group


class DirectoryService(SigningCalls, ProofCalls, admin_pb2_grpc.DirectoryServicer):
    """The calls of rookery.admin.v1.Directory, as the schema tells them."""

    def __init__(self, directory: DirectoryClient, mailboxes: MailboxClient, shown: Shown = Shown()) -> None:  # noqa: B008
        self._directory = directory
        self._mailboxes = mailboxes
        self._shown = shown

    async def AddDomain(self, request: pb.AddDomainRequest, context: Context) -> pb.Domain:
        """A new domain."""
        domain = await self._directory.add_domain(
            request.name,
            case_sensitive=request.case_sensitive,
            separator=request.separator if request.HasField("separator") else "+",
            catch_all=request.catch_all,
            admin=request.admin,
            rewrites=_rules(request.rewrites),
        )
        return _domain(domain)

    async def GetDomain(self, request: pb.GetDomainRequest, context: Context) -> pb.Domain:
        """One domain."""
        return _domain(await self._directory.get_domain(request.name))

    async def ListDomains(self, request: pb.ListDomainsRequest, context: Context) -> AsyncIterator[pb.Domain]:
        """All domains."""
        async for domain in _first(request.limit, self._domains(request.after)):
            yield _domain(domain)

    async def ChangeDomain(self, request: pb.ChangeDomainRequest, context: Context) -> pb.Domain:
        """Change what is given."""
        domain = await self._directory.change_domain(
            request.name,
            case_sensitive=_given(request, "case_sensitive"),
            separator=_given(request, "separator"),
            catch_all=_given(request, "catch_all"),
            admin=_given(request, "admin"),
            rewrites=_rules(request.rewrites.rules) if request.HasField("rewrites") else None,
        )
        return _domain(domain)

    async def RemoveDomain(self, request: pb.RemoveDomainRequest, context: Context) -> pb.RemoveDomainResponse:
        """Remove a domain; if forced, first its accounts, one after another."""
        if request.force:
            async for account in self._accounts(request.name):
                await self._remove(account)
        for number in await self._directory.remove_domain(request.name, force=request.force):
            await erase(self._mailboxes, number)
        return pb.RemoveDomainResponse()

    async def AddAccount(self, request: pb.AddAccountRequest, context: Context) -> pb.Account:
        """A new account."""
        limits = {"quota_bytes": request.quota_bytes, "quota_messages": request.quota_messages}
        if request.shared and request.password:
            raise Unclear("A shared account has no password: nobody logs in as it.")
        if request.shared:
            account = await self._directory.add_shared_account(request.login, **limits)
        else:
            account = await self._directory.add_account(request.login, request.password, **limits)
        for address in request.addresses:
            account = await self._directory.add_address(account.login, address)
        return _account(account)

    async def GetAccount(self, request: pb.GetAccountRequest, context: Context) -> pb.Account:
        """One account."""
        return await self._told(await self._directory.get_account(request.login), usage=request.usage)

    async def ListAccounts(self, request: pb.ListAccountsRequest, context: Context) -> AsyncIterator[pb.Account]:
        """Accounts of a domain, or all."""
        found = self._each(request.domain, request.after, self._directory.list_accounts)
        async for account in _first(request.limit, found):
            yield await self._told(account, usage=request.usage)

    async def ChangeAccount(self, request: pb.ChangeAccountRequest, context: Context) -> pb.Account:
        """Change what is given."""
        login, directory = request.login, self._directory
        for address in request.add_addresses:
            await directory.add_address(login, address)
        for address in request.remove_addresses:
            await directory.remove_address(login, address)
        if request.HasField("quota_bytes") or request.HasField("quota_messages"):
            quota_bytes, quota_messages = _given(request, "quota_bytes"), _given(request, "quota_messages")
            await directory.set_quota(login, quota_bytes=quota_bytes, quota_messages=quota_messages)
        if request.HasField("disabled"):
            await directory.set_disabled(login, request.disabled)
        if request.HasField("administrator"):
            await directory.set_administrator(login, request.administrator)
        return _account(await directory.get_account(login))

    async def SetPassword(self, request: pb.SetPasswordRequest, context: Context) -> pb.SetPasswordResponse:
        """Replace a password."""
        await self._directory.set_password(request.login, request.password)
        return pb.SetPasswordResponse()

    async def RemoveAccount(self, request: pb.RemoveAccountRequest, context: Context) -> pb.RemoveAccountResponse:
        """Remove an account with its mail."""
        await self._remove(await self._directory.get_account(request.login))
        return pb.RemoveAccountResponse()

    async def AddEntry(self, request: pb.AddEntryRequest, context: Context) -> pb.Entry:
        """A new alias, list or group."""
        entry, directory = request.entry, self._directory
        members, name = list(entry.members), entry.name
        if entry.kind == pb.ENTRY_KIND_ALIAS:
            return _entry(await directory.add_alias(entry.address, members))
        if _kind(entry.kind) is types.MailingList:
            return _entry(await directory.add_list(entry.address, members, name=name))
        return _entry(await directory.add_group(entry.address, members, name=name))

    async def GetEntry(self, request: pb.GetEntryRequest, context: Context) -> pb.Entry:
        """One of them."""
        directory = self._directory
        reading: dict[type[Shared], Callable[[str], Awaitable[Shared]]] = {
            types.Alias: directory.get_alias,
            types.MailingList: directory.get_list,
            types.Group: directory.get_group,
        }
        return _entry(await reading[_kind(request.kind)](request.address))

    async def ListEntries(self, request: pb.ListEntriesRequest, context: Context) -> AsyncIterator[pb.Entry]:
        """Those of one kind, of a domain or all."""
        listing: dict[type[Shared], Callable[..., Awaitable[Page[Any]]]] = {
            types.Alias: self._directory.list_aliases,
            types.MailingList: self._directory.list_lists,
            types.Group: self._directory.list_groups,
        }
        found = self._each(request.domain, request.after, listing[_kind(request.kind)])
        async for entry in _first(request.limit, found):
            yield _entry(entry)

    async def ChangeEntry(self, request: pb.ChangeEntryRequest, context: Context) -> pb.Entry:
        """Change what is given."""
        kind, address = _kind(request.kind), request.address
        members = list(request.members.addresses) if request.HasField("members") else None
        if kind is types.Alias:
            if members is None:
                raise Unclear("Say where the alias is to lead; its addresses are replaced as a whole.")
            return _entry(await self._directory.change_alias(address, members))
        listing = kind is types.MailingList
        directory = self._directory
        change, join, leave = (
            (directory.change_list, directory.join_list, directory.leave_list)
            if listing
            else (directory.change_group, directory.join_group, directory.leave_group)
        )
        # Also without anything to change: it answers whether the address exists, and with what it is.
        entry: Shared = await change(address, members=members, name=_given(request, "name"))
        if request.add_members:
            entry = await join(address, list(request.add_members))
        if request.remove_members:
            entry = await leave(address, list(request.remove_members))
        return _entry(entry)

    async def RemoveEntry(self, request: pb.RemoveEntryRequest, context: Context) -> pb.RemoveEntryResponse:
        """Remove an alias, list or group."""
        directory = self._directory
        removing: dict[type[Shared], Callable[[str], Awaitable[Shared]]] = {
            types.Alias: directory.remove_alias,
            types.MailingList: directory.remove_list,
            types.Group: directory.remove_group,
        }
        await removing[_kind(request.kind)](request.address)
        return pb.RemoveEntryResponse()

    async def _remove(self, account: types.Account) -> None:
        """The account goes last, so that an interrupted removal can be found and done again."""
        await self._directory.set_disabled(account.login, True)
        await erase(self._mailboxes, account.id)
        await self._directory.remove_account(account.login)

    async def _told(self, account: types.Account, *, usage: bool) -> pb.Account:
        told = _account(account)
        if usage:
            tree = await self._mailboxes.tree(account.id)
            told.usage.bytes = tree.used_bytes
            told.usage.messages = tree.used_messages
        return told

    def _domains(self, after: str = "") -> AsyncIterator[types.Domain]:
        return _pages(lambda behind: self._directory.list_domains(after=behind, limit=PAGE), after)

    def _accounts(self, domain: str) -> AsyncIterator[types.Account]:
        return _pages(partial(_page, self._directory.list_accounts, domain))

    async def _each(self, domain: str, after: str, read: Callable[..., Awaitable[Page[Item]]]) -> AsyncIterator[Item]:
        """What is listed by domain, of one or all; only what is behind an address."""
        start = parse(after).domain if after else ""
        async for name in self._names(domain, start):
            async for item in _pages(partial(_page, read, name), after if name == start else ""):
                yield item

    async def _names(self, domain: str, start: str) -> AsyncIterator[str]:
        """The domain that is named, or all from one on."""
        if domain:
            yield (await self._directory.get_domain(domain)).name
            return
        if start:
            yield (await self._directory.get_domain(start)).name
        async for found in self._domains(start):
            yield found.name


async def _page(read: Callable[..., Awaitable[Page[Item]]], name: str, after: str) -> Page[Item]:
    return await read(name, after=after, limit=PAGE)


async def _pages(read: Callable[[str], Awaitable[Page[Item]]], after: str = "") -> AsyncIterator[Item]:
    """All items of a listing."""
    while True:  # ends: each page begins after the one before
        page = await read(after)
        for item in page.items:
            yield item
        if not page.after:
            return
        after = page.after


async def _first(limit: int, items: AsyncIterator[Item]) -> AsyncIterator[Item]:
    """So many of them; 0: all."""
    async for item in items:
        yield item
        limit -= 1
        if not limit:
            return


def _given(request: Message, field: str) -> Any:
    """The value of an optional field, or None."""
    return getattr(request, field) if request.HasField(field) else None


def _kind(kind: "pb.EntryKind.ValueType") -> type[Shared]:
    kinds: dict[int, type[Shared]] = {
        pb.ENTRY_KIND_ALIAS: types.Alias,
        pb.ENTRY_KIND_LIST: types.MailingList,
        pb.ENTRY_KIND_GROUP: types.Group,
    }
    if kind not in kinds:
        raise Unclear("Say whether this is about aliases, lists or groups.")
    return kinds[kind]


def _rules(rules: Any) -> list[types.Rewrite]:
    return [types.Rewrite(rule.pattern, rule.replacement) for rule in rules]


def _domain(domain: types.Domain) -> pb.Domain:
    return pb.Domain(
        name=domain.name,
        case_sensitive=domain.case_sensitive,
        separator=domain.separator,
        catch_all=domain.catch_all,
        admin=domain.admin,
        rewrites=[pb.RewriteRule(pattern=rule.pattern, replacement=rule.replacement) for rule in domain.rewrites],
    )


def _account(account: types.Account) -> pb.Account:
    return pb.Account(
        id=account.id,
        login=account.login,
        addresses=account.addresses,
        quota_bytes=account.quota_bytes,
        quota_messages=account.quota_messages,
        disabled=account.disabled,
        created_ms=account.created_ms,
        shared=account.shared,
        administrator=account.administrator,
    )


def _entry(entry: Shared) -> pb.Entry:
    if isinstance(entry, types.Alias):
        return pb.Entry(kind=pb.ENTRY_KIND_ALIAS, address=entry.address, members=entry.targets)
    kind = pb.ENTRY_KIND_LIST if isinstance(entry, types.MailingList) else pb.ENTRY_KIND_GROUP
    return pb.Entry(kind=kind, address=entry.address, members=entry.members, name=entry.name)
