"""Changing and listing the directory: each call one serializable transaction, durable when it returns.

The law: every change raises the directory's version in the same transaction, so that no cache outlives it.

All raise what the transaction raises (NotFound, AlreadyExists, Refused with the rule and the cure) and what the store
does (Unavailable, StoreFull). Addresses are taken as people write them and come back as they are kept.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from actors.directory import accounts, domains, keys, rows, shared
from actors.directory.addresses import parse, parse_domain
from actors.directory.cache import Cache
from actors.directory.key_editor import KeyEditor
from actors.directory.passwords import Credentials
from actors.directory.proof_editor import ProofEditor
from actors.directory.types import (
    Account,
    AccountId,
    Alias,
    Domain,
    Entry,
    Group,
    MailingList,
    Page,
    Rewrite,
)
from actors.directory.verifier import Verifier
from cluster.clock import Clock, Dice
from cluster.errors import NotFound
from cluster.meta.store import Store, Transaction

PAGE_MAX: Final = 1000  # items of one listing call

R = TypeVar("R")


class Editor(KeyEditor, ProofEditor):
    """What an operator does; `DirectoryClient` is one."""

    def __init__(self, store: Store, clock: Clock, dice: Dice, verifier: Verifier, cache: Cache) -> None:
        self._store = store
        self._clock = clock
        self._dice = dice
        self._verifier = verifier
        self._cache = cache

    async def add_domain(
        self,
        name: str,
        *,
        case_sensitive: bool = False,
        separator: str = "+",
        catch_all: str = "",
        admin: str = "",
        rewrites: Sequence[Rewrite] = (),
    ) -> Domain:
        """A new domain; the fields are Domain's."""
        return await self._change(
            domains.add,
            name,
            case_sensitive=case_sensitive,
            separator=separator,
            catch_all=catch_all,
            admin=admin,
            rewrites=rewrites,
        )

    async def change_domain(
        self,
        name: str,
        *,
        case_sensitive: bool | None = None,
        separator: str | None = None,
        catch_all: str | None = None,
        admin: str | None = None,
        rewrites: Sequence[Rewrite] | None = None,
    ) -> Domain:
        """Change what is given; None leaves it, an empty text takes it away."""
        return await self._change(
            domains.change,
            name,
            case_sensitive=case_sensitive,
            separator=separator,
            catch_all=catch_all,
            admin=admin,
            rewrites=rewrites,
        )

    async def remove_domain(self, name: str, *, force: bool = False) -> list[AccountId]:
        """Remove a domain. With `force` its addresses and the accounts that log in by them go too, in several
        transactions (interrupted, call it again); returns these accounts, whose mail is the caller's to remove."""
        if not force:
            await self._change(domains.remove, name)
            return []
        removed: list[AccountId] = []
        done = False
        while not done:  # ends: each transaction removes some of the addresses there are
            some, done = await self._change(domains.remove_some, name)
            removed += some
        return removed

    async def add_account(
        self, address: str, password: str, *, quota_bytes: int = 0, quota_messages: int = 0
    ) -> Account:
        """A new account that logs in by the address. Quota 0: no limit."""
        return await self._add_account(address, await self._verifier.derive(password), quota_bytes, quota_messages)

    async def add_shared_account(self, address: str, *, quota_bytes: int = 0, quota_messages: int = 0) -> Account:
        """A new account that nobody logs in as."""
        return await self._add_account(address, None, quota_bytes, quota_messages)

    async def _add_account(
        self, address: str, credentials: Credentials | None, quota_bytes: int, quota_messages: int
    ) -> Account:
        number = self._dice.getrandbits(63) or 1
        fields = {"quota_bytes": quota_bytes, "quota_messages": quota_messages, "created_ms": self._clock.now_ms()}
        return await self._change(accounts.add, number, address, credentials, **fields)

    async def remove_account(self, login: str) -> Account:
        """Remove an account with its addresses; returns what it was, its mail is the caller's to remove."""
        return await self._change(accounts.remove, login)

    async def set_password(self, login: str, password: str) -> None:
        """Replace the password; every token of the account ends with the old one (RFC 9700 4.14.2), app passwords
        do not."""
        account = await self.get_account(login)
        kept = await rows.credentials(self._store, account.id)
        salt = kept.scram.salt if kept is not None else b""
        await self._change(accounts.set_credentials, login, await self._verifier.derive(password, salt))

    async def set_quota(
        self, login: str, *, quota_bytes: int | None = None, quota_messages: int | None = None
    ) -> Account:
        """Change what is given; 0 is no limit."""
        return await self._change(accounts.change, login, quota_bytes=quota_bytes, quota_messages=quota_messages)

    async def set_disabled(self, login: str, disabled: bool) -> Account:
        """Shut an account out, or let it in again."""
        return await self._change(accounts.change, login, disabled=disabled)

    async def set_administrator(self, login: str, administrator: bool) -> Account:
        """Let an account change the quotas of others, or not any more."""
        return await self._change(accounts.change, login, administrator=administrator)

    async def add_address(self, login: str, address: str) -> Account:
        """Give an account one more address."""
        return await self._change(accounts.add_address, login, address)

    async def remove_address(self, login: str, address: str) -> Account:
        """Take an address from an account."""
        return await self._change(accounts.remove_address, login, address)

    async def add_alias(self, address: str, targets: Sequence[str]) -> Alias:
        """A new alias."""
        return await self._change(shared.add, Alias(address, tuple(targets)))

    async def change_alias(self, address: str, targets: Sequence[str]) -> Alias:
        """Replace where an alias leads."""
        return await self._change(shared.change, Alias, address, members=targets)

    async def remove_alias(self, address: str) -> Alias:
        """Remove an alias."""
        return await self._change(shared.remove, Alias, address)

    async def add_list(self, address: str, members: Sequence[str] = (), *, name: str = "") -> MailingList:
        """A new mailing list."""
        return await self._change(shared.add, MailingList(address, tuple(members), name))

    async def change_list(
        self, address: str, *, members: Sequence[str] | None = None, name: str | None = None
    ) -> MailingList:
        """Replace what is given."""
        return await self._change(shared.change, MailingList, address, members=members, name=name)

    async def join_list(self, address: str, members: Sequence[str]) -> MailingList:
        """Add members."""
        return await self._change(shared.join, MailingList, address, members)

    async def leave_list(self, address: str, members: Sequence[str]) -> MailingList:
        """Take members out."""
        return await self._change(shared.leave, MailingList, address, members)

    async def remove_list(self, address: str) -> MailingList:
        """Remove a mailing list."""
        return await self._change(shared.remove, MailingList, address)

    async def add_group(self, address: str, members: Sequence[str] = (), *, name: str = "") -> Group:
        """A new group."""
        return await self._change(shared.add, Group(address, tuple(members), name))

    async def change_group(
        self, address: str, *, members: Sequence[str] | None = None, name: str | None = None
    ) -> Group:
        """Replace what is given."""
        return await self._change(shared.change, Group, address, members=members, name=name)

    async def join_group(self, address: str, members: Sequence[str]) -> Group:
        """Add members."""
        return await self._change(shared.join, Group, address, members)

    async def leave_group(self, address: str, members: Sequence[str]) -> Group:
        """Take members out."""
        return await self._change(shared.leave, Group, address, members)

    async def remove_group(self, address: str) -> Group:
        """Remove a group."""
        return await self._change(shared.remove, Group, address)

    async def get_alias(self, address: str) -> Alias:
        """The alias. Raises NotFound."""
        return await shared.named(self._store, Alias, address)

    async def get_list(self, address: str) -> MailingList:
        """The list. Raises NotFound."""
        return await shared.named(self._store, MailingList, address)

    async def get_group(self, address: str) -> Group:
        """The group. Raises NotFound."""
        return await shared.named(self._store, Group, address)

    async def get_domain(self, name: str) -> Domain:
        """The domain. Raises NotFound."""
        domain = await rows.domain(self._store, parse_domain(name))
        if domain is None:
            raise NotFound(f"There is no domain {name}.")
        return domain

    async def get_account(self, login: str) -> Account:
        """The account that logs in so. Raises NotFound."""
        return await accounts.named(self._store, login)

    async def account_with(self, number: AccountId) -> Account | None:
        """The account with this number; asked for each delivery, so it is kept like other answers."""
        return await self._cache.found(("account", number), lambda: rows.account(self._store, number))

    async def list_domains(self, *, after: str = "", limit: int = 100) -> Page[Domain]:
        """Domains in the order of their names."""
        found = await self._store.range(*keys.domains(after), limit=min(limit, PAGE_MAX))
        items = tuple(rows.decode(value, Domain) for _, value in found)
        return Page(items, items[-1].name if len(items) == min(limit, PAGE_MAX) else "")

    async def list_accounts(self, domain: str, *, after: str = "", limit: int = 100) -> Page[Account]:
        """The accounts that log in by an address of the domain, in the order of their local parts."""
        addresses, further = await self._listed(keys.LOGINS, domain, after, limit)
        numbers = await self._store.get_many([keys.login(address) for address in addresses])
        found = await self._store.get_many([keys.account(keys.account_of(value)) for value in numbers if value])
        return Page(tuple(rows.decode(value, Account) for value in found if value is not None), further)

    async def list_aliases(self, domain: str, *, after: str = "", limit: int = 100) -> Page[Alias]:
        """The aliases of a domain."""
        return await self._list_shared(Alias, domain, after, limit)

    async def list_lists(self, domain: str, *, after: str = "", limit: int = 100) -> Page[MailingList]:
        """The mailing lists of a domain."""
        return await self._list_shared(MailingList, domain, after, limit)

    async def list_groups(self, domain: str, *, after: str = "", limit: int = 100) -> Page[Group]:
        """The groups of a domain."""
        return await self._list_shared(Group, domain, after, limit)

    async def _list_shared(self, kind: type[shared.Shared], domain: str, after: str, limit: int) -> Page[shared.Shared]:
        addresses, further = await self._listed(kind, domain, after, limit)
        found = await self._store.get_many([keys.entry(address) for address in addresses])
        records = [rows.decode(value, Entry) for value in found if value is not None]
        return Page(tuple(record for record in records if isinstance(record, kind)), further)

    async def _listed(self, kind: keys.Kind, domain: str, after: str, limit: int) -> tuple[list[Any], str]:
        name = (await self.get_domain(domain)).name
        local = parse(after).local if after else ""
        limit = min(limit, PAGE_MAX)
        found = await self._store.range(*keys.listing(kind, name, local), limit=limit)
        addresses = [keys.listed_address(key) for key, _ in found]
        return addresses, str(addresses[-1]) if len(found) == limit else ""

    async def _change(self, body: Callable[..., Awaitable[R]], *arguments: Any, **settings: Any) -> R:
        """Run a transaction body of `domains`, `accounts` or `shared` as one change."""

        async def changing(tx: Transaction) -> R:
            result = await body(tx, *arguments, **settings)
            rows.changed(tx)
            return result

        try:
            return await self._store.transact(changing)
        finally:
            self._cache.forget()
