"""The directory as every other part of the server asks it.

The law: asking never changes anything; an answer is never older than half a second, and what another process adds is
seen at once.
"""

import hmac
from collections.abc import AsyncIterator, Collection
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta

from actors.directory import dkim, opaque, proofs, rows, scopes, standing
from actors.directory.accounts import place
from actors.directory.addresses import BadAddress, parse, parse_domain
from actors.directory.authorizations import Authorizations, AuthorizationSettings
from actors.directory.belonging import aliases_of, groups_of
from actors.directory.cache import Cache
from actors.directory.editor import PAGE_MAX, Editor
from actors.directory.indexing import index_aliases
from actors.directory.noting import Noting
from actors.directory.passwords import Credentials
from actors.directory.proofs import AppPassword, Proofs
from actors.directory.state import Defaults, may_send_as, resolve
from actors.directory.tokens import Ask, OauthSettings, Tokens
from actors.directory.types import Account, Alias, Group, Local, NotLocal, OwnAddress, Principal, Resolution
from actors.directory.verifier import Verifier
from cluster.clock import Clock, Dice
from cluster.errors import Misconfigured, NotFound
from cluster.meta.store import Store
from mail.sasl import ScramAny
from mail.trust.dkim_sign import SigningKey

KEPT_TARGETS_MAX: Final = 16  # answers with more (large lists) are looked up each time, so the cache stays small


class DirectorySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The internal directory: domains, accounts, aliases, lists and groups."""

    default_domain: Annotated[
        str, Meta(description="The domain of a login or a postmaster written without one; empty: they are unknown.")
    ] = ""
    postmaster: Annotated[
        str,
        Meta(description="The address that gets postmaster's and abuse's mail of domains without an admin."),
    ] = ""
    cache_entries_max: Annotated[int, Meta(description="Answers kept in memory, 1 kB each.", ge=1)] = 20_000
    password_threads: Annotated[
        int, Meta(description="Passwords checked at the same time; each takes 20 ms and 19 MiB.", ge=1, le=256)
    ] = 2
    password_waiting_max: Annotated[
        int, Meta(description="Checks waiting for a thread, before log-ins are told to try again.", ge=1)
    ] = 256
    password_remembered_s: Annotated[
        float, Meta(description="How long a right password is known without checking it again; 0: never.", ge=0)
    ] = 120.0
    oauth: OauthSettings = OauthSettings()
    authorization: AuthorizationSettings = AuthorizationSettings()


class Proven(NamedTuple):
    """Whose name and password were right. `needs_code`: that alone is not enough. `stamp`: another with each password
    that is set."""

    principal: Principal
    needs_code: bool
    stamp: bytes


class _Known(NamedTuple):
    """An account that may log in, with what proves it."""

    account: Account
    credentials: Credentials
    proofs: Proofs


class DirectoryClient(Editor):
    """Reads for gateways and shards; changes and listings (see `Editor`) for operators. Call `close` at the end."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        dice: Dice,
        settings: DirectorySettings | None = None,
        *,
        introspect: Ask | None = None,
    ) -> None:
        """`introspect` stands in for the network in tests."""
        settings = settings or DirectorySettings()
        self._defaults = _defaults(settings)
        self._tokens = Tokens(settings.oauth, clock, dice, introspect) if settings.oauth.endpoint else None
        self.authorizations = Authorizations(store, clock, dice, settings.authorization)
        self._noting = Noting(store, clock)
        self._aliases_known = False
        verifier = Verifier(
            clock,
            dice,
            threads=settings.password_threads,
            waiting_max=settings.password_waiting_max,
            remember_s=settings.password_remembered_s,
        )
        cache = Cache(clock, lambda: rows.version(store), settings.cache_entries_max)
        super().__init__(store, clock, dice, verifier, cache)

    def close(self) -> None:
        """Take no more passwords."""
        self._verifier.close()

    async def resolve(self, address: str, *, loosely: bool = False) -> Resolution:
        """Who gets mail for the address. No text is refused; raises what the store does. `loosely`: a domain that has
        become ours within half a second may be taken for another's."""
        kept: Resolution | None = await self._cache.get(("resolve", address))
        if kept is None and loosely:  # most mail that leaves goes to few domains
            kept = await self._cache.get(("elsewhere", address.rpartition("@")[2]))
        if kept is not None:
            return kept
        generation = self._cache.generation
        defaults = self._defaults
        if not defaults.domain and address.lower() == "postmaster":  # RFC 5321 §4.5.1: reachable without a domain
            first = await self.list_domains(limit=1)
            defaults = defaults._replace(domain=first.items[0].name) if first.items else defaults
        found = await rows.ask(self._store, resolve(address, defaults))
        if (
            isinstance(found, Local)
            and len(found.targets) + len(found.skipped) + len(found.elsewhere) <= KEPT_TARGETS_MAX
        ):
            self._cache.put(("resolve", address), found, generation)
        elif isinstance(found, NotLocal):
            self._cache.put(("elsewhere", address.rpartition("@")[2]), found, generation)
        return found

    async def verify(self, login: str, password: str, service: str = "") -> Principal | None:
        """Who logs in so to a service (of `scopes.SERVICES`), or None: by an app password for it, or by the account's
        own where there is no second factor. Unknown, disabled and wrong take equally long. Raises Unavailable when
        busy."""
        known = await self._known(login)
        if known is not None:
            fitting = known.proofs.fitting(known.account.id, password, service)
            if fitting is not None:
                await self._used(known.account.id, fitting)
                return _principal(known.account, standing.by_app_password(fitting.id))
        right = await self._verifier.verify(known.credentials if known else None, password)
        if known is None or not right or known.proofs.second_factor:
            return None
        return _principal(known.account, standing.by_password(known.credentials))

    async def prove(self, login: str, password: str) -> Proven | None:
        """Whose name and password these are, for a page that can ask for a code (`take_code`) too. No app password is
        taken. As slow as `verify`."""
        known = await self._known(login)
        right = await self._verifier.verify(known.credentials if known else None, password)
        return _proven(known) if known and right else None

    async def still(self, login: str, stamp: bytes) -> Proven | None:
        """The same for who has proven it before; None where another password was set since, or nobody may log in."""
        known = await self._known(login)
        return _proven(known) if known and hmac.compare_digest(known.credentials.stamp, stamp) else None

    async def scram(self, login: str, service: str = "") -> ScramAny | None:
        """What a SCRAM-SHA-256 exchange for the login needs: the keys of each password that is good for the service;
        None where it cannot log in so."""
        known = await self._known(login)
        if known is None:
            return None
        own = known.credentials.scram
        found = {} if known.proofs.second_factor else {standing.by_password(known.credentials): own}
        for one in known.proofs.app_passwords:
            if scopes.covers(one.services, service):
                found[standing.by_app_password(one.id)] = one.scram
        # All have one salt (`add_app_password`); the client is shown that of the first.
        alike = {name: keys for name, keys in found.items() if keys[:2] == own[:2]}
        return ScramAny(tuple(alike.values()), tuple(alike)) if alike else None

    async def principal(self, login: str, credential: str = "") -> Principal | None:
        """Who the login is, once it is proven; None where it cannot log in. `credential`: with what, as `scram` has
        named it."""
        known = await self._known(login)
        if known is None:
            return None
        for one in known.proofs.app_passwords:
            if credential == standing.by_app_password(one.id):
                await self._used(known.account.id, one)
        return _principal(known.account, credential)

    async def _used(self, account: int, one: AppPassword) -> None:
        await self._noting.used((account, one.id), lambda tx, now_ms: proofs.note_use(tx, account, one.id, now_ms))

    async def named(self, login: str) -> Account | None:
        """The account of a login, whether or not anybody may log in as it."""
        return await self._cache.found(("named", login), lambda: self._account(login))

    async def _account(self, login: str) -> Account | None:
        try:
            address, _ = await place(self._store, login, self._defaults.domain)
        except (BadAddress, NotFound):
            return None
        return await rows.login(self._store, address)

    async def group_named(self, address: str) -> str | None:
        """The address of a group as it is kept, None when there is no such group."""
        try:
            where, _ = await place(self._store, address, self._defaults.domain)
        except (BadAddress, NotFound):
            return None
        found = await rows.entry(self._store, where)
        return found.address if isinstance(found, Group) else None

    async def group(self, address: str) -> Group | None:
        """A group by its address as it is kept; None when there is no such group."""

        async def look() -> Group | None:
            try:
                found = await rows.entry(self._store, parse(address))
            except BadAddress:
                return None
            return found if isinstance(found, Group) else None

        return await self._cache.found(("group", address), look)

    async def accounts_of_group(self, address: str) -> tuple[int, ...]:
        """The accounts that are in a group, also through other groups; none where they are too many to be resolved."""
        found = await self.resolve(address)
        return tuple(target.account for target in found.targets) if isinstance(found, Local) else ()

    async def version(self) -> str:
        """What changes whenever the directory changes."""
        return (await rows.version(self._store)).hex()

    async def neighbours(self, domains: Collection[str] | None, *, limit: int) -> tuple[Account | Group, ...]:
        """The accounts that may log in by an address of these domains, None: of any, and the groups there; `limit` at
        most, of the first domains by name."""
        names = sorted(domains) if domains is not None else await self._domain_names(limit)
        found: list[Account | Group] = []
        for name in names:
            try:
                async for one in self._in_domain(name):
                    found.append(one)
                    if len(found) >= limit:
                        return tuple(found)
            except (BadAddress, NotFound):  # no domain of ours, or not any more
                continue
        return tuple(found)

    async def _domain_names(self, limit: int) -> list[str]:
        page = await self.list_domains(limit=min(limit, PAGE_MAX))
        return [domain.name for domain in page.items]

    async def _in_domain(self, name: str) -> AsyncIterator[Account | Group]:
        after = ""
        while True:
            accounts = await self.list_accounts(name, after=after, limit=PAGE_MAX)
            for account in accounts.items:
                if not account.disabled:
                    yield account
            if not (after := accounts.after):
                break
        while True:
            groups = await self.list_groups(name, after=after, limit=PAGE_MAX)
            for group in groups.items:
                yield group
            if not (after := groups.after):
                break

    async def groups(self, account: int) -> tuple[str, ...]:
        """The addresses of the groups that an account is in, also through other groups."""

        async def look() -> tuple[str, ...]:
            holder = await self.account_with(account)
            return await groups_of(self._store, holder) if holder is not None else ()

        return await self._cache.found(("groups", account), look) or ()

    async def addresses_of(self, account: int) -> tuple[str, ...]:
        """The addresses that are an account's own, the login's first, and then the aliases that lead to it."""

        async def look() -> tuple[str, ...]:
            holder = await self.account_with(account)
            if not self._aliases_known:
                await index_aliases(self._store)
                self._aliases_known = True
            return () if holder is None else (*holder.addresses, *await aliases_of(self._store, holder))

        return await self._cache.found(("addresses", account), look) or ()

    @property
    def takes_tokens(self) -> bool:
        """Whether there is anybody who knows whose a token is: this server, or another that is asked."""
        return self._tokens is not None or bool(self.authorizations.settings.issuer)

    def token_help(self, service: str) -> tuple[str, str]:
        """What a token must be good for (empty: anything), and where programs read how to get one (empty: they cannot):
        told to who has none that serves."""
        if self._tokens is not None and self._tokens.scope:
            return self._tokens.scope, ""
        issuer = self.authorizations.settings.issuer
        return (service, f"{issuer}/.well-known/oauth-authorization-server") if issuer else ("", "")

    async def token(self, login: str, token: str, service: str = "") -> Principal | None:
        """Whose access token for a service this is; None when it is not valid, or not the login's where one is given.

        Raises Unavailable when nobody can say.
        """
        found = await self._holder(token, service)
        if found is None or not login:
            return found
        wanted = await self.principal(login)
        return found if wanted is not None and wanted.account == found.account else None

    async def _holder(self, token: str, service: str) -> Principal | None:
        if token.startswith(opaque.Kind.ACCESS.value):  # ours: nobody else is asked, or told of it
            granted = await self.authorizations.access(token)
            if granted is None or not scopes.covers(granted.scopes, service):
                return None
            holder = await self.holder(granted.account)
            if holder is None:
                return None
            return Principal(holder.account, holder.login, standing.by_grant(granted.grant), granted.until_ms)
        said = await self._tokens.said(token) if self._tokens is not None else None
        if said is None or (service not in ("", *scopes.SERVICES) and service not in said.scopes):
            return None  # another server's scopes for mail are what its setting says; anything else its token must name
        named = await self.principal(said.login)
        if named is None:
            return None
        return Principal(named.account, named.login, standing.by_issued(said.program), said.until_ms)

    async def is_token(self, token: str) -> bool:
        """Whether it is a valid access token of this server, whatever it is good for."""
        granted = await self.authorizations.access(token)
        return granted is not None and await self.holder(granted.account) is not None

    async def stands(self, number: int, credential: str) -> bool:
        """Whether what somebody has logged in to an account with (`Principal.credential`) would let them in now."""
        holder = await self.holder(number)
        if holder is None:
            return False
        if (grant := standing.grant_of(credential)) is not None:
            return await self.authorizations.stands(number, grant)
        if standing.is_issued(credential):
            return self._tokens is not None
        if not credential:
            return True
        known = await self._known(holder.login)
        return known is not None and standing.proves(credential, known.credentials, known.proofs)

    async def holder(self, number: int) -> Principal | None:
        """Who has an account with this number; None where nobody may log in to it."""
        account = await self.account_with(number)
        return _principal(account) if account is not None and not account.disabled and not account.shared else None

    async def members(self, address: str) -> tuple[str, ...] | None:
        """Where a list, a group or an alias leads to, as it is written there; None when there is no such."""
        try:
            where, _ = await place(self._store, address, self._defaults.domain)
        except (BadAddress, NotFound):
            return None
        found = await rows.entry(self._store, where)
        if found is None or isinstance(found, OwnAddress):
            return None
        return found.targets if isinstance(found, Alias) else found.members

    async def may_send_as(self, principal: Principal, address: str) -> bool:
        """Whether who has logged in may use the address as a sender: own, alias, group, and their subaddresses."""
        key = ("send", principal.account, address)
        if await self._cache.get(key):
            return True
        generation = self._cache.generation
        allowed = await rows.ask(self._store, may_send_as(principal.account, address))
        if allowed:
            self._cache.put(key, allowed, generation)
        return allowed

    async def signing_keys(self, domain: str) -> tuple[SigningKey, ...]:
        """The keys that sign the mail of a domain (A-labels, lower case), ready to; none where it is not ours or has
        none. Raises what the store does, Corrupt."""
        return await self._cache.found(("dkim", domain), lambda: dkim.signing_keys(self._store, domain)) or ()

    async def _known(self, login: str) -> _Known | None:
        """An account that may log in, with what proves it."""

        async def look() -> _Known | None:
            account = await self._account(login)
            if account is None or account.disabled or account.shared:
                return None
            credentials = await rows.credentials(self._store, account.id)
            if credentials is None:
                return None
            return _Known(account, credentials, await proofs.proofs(self._store, account.id))

        return await self._cache.found(("login", login), look)


def _proven(known: _Known) -> Proven:
    return Proven(_principal(known.account), known.proofs.second_factor, known.credentials.stamp)


def _principal(account: Account, credential: str = "") -> Principal:
    return Principal(account.id, account.login, credential)


def _defaults(settings: DirectorySettings) -> Defaults:
    try:
        postmaster = str(parse(settings.postmaster)) if settings.postmaster else ""
    except BadAddress as error:
        raise Misconfigured(f"directory.postmaster: {settings.postmaster!r} is not an address.") from error
    try:
        domain = parse_domain(settings.default_domain) if settings.default_domain else ""
    except BadAddress as error:
        raise Misconfigured(f"directory.default_domain: {settings.default_domain!r} is not a domain.") from error
    return Defaults(domain, postmaster)
