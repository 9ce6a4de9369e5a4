"""Where an address leads: through rewriting, subaddresses, aliases, lists, groups, postmaster and catch-all.

The law: pure and bounded. What has to be looked up is yielded as a question, whole levels at a time, and every
resolution ends after at most DEPTH_MAX levels and ADDRESSES_MAX addresses, whatever the directory holds.

The order for an address of ours: the first rewriting rule that matches (once, for the address as given, never for where
it leads); the address itself; the address without its subaddress; for postmaster and abuse the domain's admin, then
the server's; the domain's catch-all.

RFC 5321 §4.5.1 wants a postmaster at every domain: the first account of a domain becomes its admin (`changes.py`), so
there is one as soon as somebody is there to read the mail.
"""

from collections.abc import Generator, Iterable
from typing import Any, Final, NamedTuple, TypeVar

from actors.directory.addresses import Address, BadAddress, parse
from actors.directory.rewriting import rewrite
from actors.directory.types import (
    Account,
    AccountId,
    Alias,
    Domain,
    Entry,
    Group,
    Local,
    MailingList,
    NotLocal,
    OwnAddress,
    Resolution,
    Skipped,
    Target,
    Unknown,
    Why,
)

DEPTH_MAX: Final = 8  # an alias to a list of groups of aliases is 4
ADDRESSES_MAX: Final = 2000  # looked at for one recipient: two full lists

ROLES: Final = frozenset({"postmaster", "abuse"})  # RFC 5321 §4.5.1, RFC 2142 §2 and §5

R = TypeVar("R")


class DomainsNamed(NamedTuple):
    """Asks for list[Domain | None], in order."""

    names: tuple[str, ...]


class EntriesAt(NamedTuple):
    """Asks for list[Entry | None], in order."""

    addresses: tuple[Address, ...]


class AccountsWith(NamedTuple):
    """Asks for list[Account | None], in order."""

    ids: tuple[AccountId, ...]


Question = DomainsNamed | EntriesAt | AccountsWith
# The answer's type depends on the question, which a generator's type cannot say.
Steps = Generator[Question, Any, R]


class Defaults(NamedTuple):
    """What the server adds to what the domains say."""

    domain: str = ""  # of addresses without one
    postmaster: str = ""  # gets postmaster's and abuse's mail where the domain names nobody


def resolve(text: str, defaults: Defaults) -> Steps[Resolution]:
    """Who gets mail for this address."""
    try:
        given = parse(text, defaults.domain)
    except BadAddress:
        return Unknown(Why.BAD_ADDRESS)
    domain: Domain | None = (yield DomainsNamed((given.domain,)))[0]
    if domain is None:
        return NotLocal(given.domain)
    try:
        address = rewrite(domain.rewrites, compared(given, domain), case_sensitive=domain.case_sensitive)
    except BadAddress:
        return Unknown(Why.BAD_REWRITE)
    return (yield from _Walk(defaults).resolution(address))


def may_send_as(account: AccountId, text: str) -> Steps[bool]:
    """Whether the account may use the address as its sender.

    Its own addresses, aliases that lead to it (alone or among others), groups it is a member of, and subaddresses of
    all these. Not what only a rewriting rule, a list, a role or a catch-all leads to it: those are for receiving.
    """
    try:
        address = parse(text)
    except BadAddress:
        return False
    walk = _Walk(Defaults(), sending=True)
    try:
        yield from walk.follow(address)
    except _Beyond:
        return False
    if account not in walk.found:
        return False
    owner: Account | None = (yield AccountsWith((account,)))[0]
    return owner is not None and not owner.disabled


class _Beyond(Exception):
    """A bound was reached; mail for part of the targets only would be a silent loss, so there is no answer."""

    def __init__(self, why: Why) -> None:
        self.why = why


class _Stop(NamedTuple):
    """One address on the way, looked up."""

    address: Address
    domain: Domain | None
    entry: Entry | None
    detail: str


class _Walk:
    """One way through the directory, breadth first."""

    def __init__(self, defaults: Defaults, *, sending: bool = False) -> None:
        self.found: dict[AccountId, str] = {}
        self._defaults = defaults
        self._sending = sending
        self._seen: set[Address] = set()
        self._skipped: list[Skipped] = []
        self._elsewhere: list[str] = []
        self._detail = ""
        self._looped = False

    def resolution(self, address: Address) -> Steps[Resolution]:
        """Follow the address to the end and say who gets the mail."""
        try:
            yield from self.follow(address)
        except _Beyond as beyond:
            return Unknown(beyond.why)
        accounts: list[Account | None] = (yield AccountsWith(tuple(self.found))) if self.found else []
        targets = []
        for account, reached in zip(accounts, self.found.values(), strict=True):
            if account is None or account.disabled:
                self._skip(reached, Why.DISABLED if account else Why.NO_SUCH_ADDRESS)
            else:
                targets.append(Target(account.id, reached))
        if targets or self._elsewhere:
            return Local(tuple(targets), self._detail, tuple(self._skipped), tuple(self._elsewhere))
        if self._skipped:
            return Unknown(self._skipped[0].why)
        return Unknown(Why.LOOP if self._looped else Why.NO_MEMBERS)

    def follow(self, address: Address) -> Steps[None]:
        """Fill `found`. Raises _Beyond."""
        level = [address]
        self._seen.add(address)
        for depth in range(DEPTH_MAX):
            stops = yield from _look_up(level)
            if depth == 0:
                self._detail = stops[0].detail
            level = self._fresh(following for stop in stops for following in self._expand(stop))
            if not level:
                return
        raise _Beyond(Why.TOO_DEEP)

    def _fresh(self, texts: Iterable[str]) -> list[Address]:
        """Those not seen before, each once."""
        level = []
        for text in texts:
            address = parse(text)
            if address in self._seen:
                self._looped = True
                continue
            self._seen.add(address)
            level.append(address)
            if len(self._seen) > ADDRESSES_MAX:
                raise _Beyond(Why.TOO_MANY)
        return level

    def _expand(self, stop: _Stop) -> tuple[str, ...]:
        """The addresses that one leads to; an account's own ends in `found`."""
        match stop.entry:
            case OwnAddress(address=address, account=account):
                self.found.setdefault(account, address)
            case Alias(targets=targets):
                return targets
            case Group(members=members):
                return members
            case MailingList(members=members):
                return () if self._sending else members
            case None:
                return self._instead(stop)
        return ()

    def _instead(self, stop: _Stop) -> tuple[str, ...]:
        """Who gets what is for an address that is not there."""
        if stop.domain is None:
            self._elsewhere.append(str(stop.address))
            return ()
        instead = stop.domain.catch_all
        if stop.address.local.lower() in ROLES:
            instead = stop.domain.admin or self._defaults.postmaster or instead
        if instead and not self._sending and parse(instead) not in self._seen:
            return (instead,)
        self._skip(str(stop.address), Why.NO_SUCH_ADDRESS)
        return ()

    def _skip(self, address: str, why: Why) -> None:
        self._skipped.append(Skipped(address, why))


def _look_up(level: list[Address]) -> Steps[list[_Stop]]:
    """The entries of all these addresses, with two questions."""
    names = tuple(dict.fromkeys(address.domain for address in level))
    domains: dict[str, Domain | None] = dict(zip(names, (yield DomainsNamed(names)), strict=True))
    asked = [_candidates(address, domains[address.domain]) for address in level]
    flat = tuple(candidate for candidates in asked for candidate, _ in candidates)
    entries: dict[Address, Entry | None] = dict(zip(flat, (yield EntriesAt(flat)), strict=True)) if flat else {}
    stops = []
    for address, candidates in zip(level, asked, strict=True):
        there = ((entry, detail) for candidate, detail in candidates if (entry := entries[candidate]) is not None)
        entry, detail = next(there, (None, ""))
        stops.append(_Stop(address, domains[address.domain], entry, detail))
    return stops


def _candidates(address: Address, domain: Domain | None) -> list[tuple[Address, str]]:
    """The addresses to look for, best first, each with the subaddress it leaves over."""
    if domain is None:
        return []
    exact = compared(address, domain)
    base, _, detail = exact.local.partition(domain.separator) if domain.separator else (exact.local, "", "")
    if not base or base == exact.local:
        return [(exact, "")]
    return [(exact, ""), (Address(base, exact.domain), detail)]


def compared(address: Address, domain: Domain) -> Address:
    """The spelling under which the domain keeps the address."""
    if domain.case_sensitive and address.local.lower() not in ROLES:  # RFC 5321 §4.5.1: postmaster in any case
        return address
    return address.folded()
