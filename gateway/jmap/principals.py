"""Principal (RFC 9670 2): with whom one may share.

The law: somebody is told of himself, of whom the settings let him know (settings.py), and of those whom he shares
anything with, either way; of nobody else, whatever is asked for. The directory keeps no log: what changed in it is not
known, only whether anything did.
"""

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import orjson
from msgspec import UNSET

from actors.directory.types import Group
from gateway.access.ids import account_id, account_of
from gateway.jmap import principal_ids, querying
from gateway.jmap.parts import Holder
from gateway.jmap.session import COLLATIONS, accounts_of
from gateway.jmap.setting import Outcome
from gateway.jmap.standard import Answer, got, only
from gateway.jmap.turn import Turn
from mail.jmap.conditions import Condition, PrincipalCondition
from mail.jmap.errors import MethodError, SetError
from mail.jmap.filters import Filter, leaves, read_filter
from mail.jmap.methods import standard
from mail.jmap.objects.names import unasked
from mail.jmap.sorting import read_sort

PRINCIPALS_MAX: Final = 2000  # looked through for one call; who is meant among more can be asked for by address
_STATE_BYTES: Final = 12
Shown = dict[str, Any]
_EVERYBODY: Final = {"type": "other", "name": "Everybody", "description": "All who have an account here."}


class Book:
    """The principals that one user may know of, as long as a call takes."""

    def __init__(self, turn: Turn, own: Holder, accounts: Mapping[str, Any], shared: frozenset[str]) -> None:
        """`accounts`: those he reaches; `shared`: the principals that he has given rights to."""
        self._turn = turn
        self._directory = turn.services.directory
        self._knows = turn.services.settings.principals
        self._own = own
        self._accounts = accounts
        self._shared = shared
        self._domains = {_domain(address) for address in own.addresses}

    async def state(self) -> str:
        """Another one whenever anything may have changed."""
        known = (await self._directory.version(), self._accounts, sorted(self._shared), self._knows)
        return hashlib.blake2b(orjson.dumps(known), digest_size=_STATE_BYTES).hexdigest()

    async def find(self, name: str) -> Shown | None:
        """One of them."""
        if name == principal_ids.EVERYBODY:
            return self._shown(name, {**_EVERYBODY, "email": None}, None)
        account, address = principal_ids.account_of(name), principal_ids.address_of(name)
        if account is not None:
            holder = await self._directory.account_with(account)
            return self._user(holder) if holder is not None and self._knows_user(holder) else None
        group = await self._directory.group(address) if address is not None else None
        return self._group(group) if group is not None and self._knows_group(group) else None

    async def all(self) -> list[Shown]:
        """All of them, or PRINCIPALS_MAX."""
        found: dict[str, Shown] = {}
        names = [principal_ids.of_user(self._own.id), principal_ids.EVERYBODY, *self._shared]
        names += [principal_ids.of_user(number) for number in map(account_of, self._accounts) if number]
        for name in dict.fromkeys(names):
            one = await self.find(name)
            if one is not None:
                found[name] = one
        if self._knows != "known":
            domains = None if self._knows == "all" else self._domains
            for record in await self._directory.neighbours(domains, limit=PRINCIPALS_MAX):
                if isinstance(record, Group):
                    shown = self._group(record)
                else:
                    shown = self._user(record) if not record.shared else None
                if shown is not None:
                    found.setdefault(shown["id"], shown)
        return list(found.values())[:PRINCIPALS_MAX]

    async def with_address(self, address: str) -> Shown | None:
        """The one who is meant by an address, of however many there are."""
        holder = await self._directory.named(address)
        if holder is not None:
            return await self.find(principal_ids.of_user(holder.id))
        kept = await self._directory.group_named(address)
        name = principal_ids.of_address(kept) if kept is not None else None
        return await self.find(name) if name is not None else None

    def _knows_user(self, holder: Holder) -> bool:
        return (
            holder.id == self._own.id
            or account_id(holder.id) in self._accounts
            or principal_ids.of_user(holder.id) in self._shared
            or (not holder.shared and self._knows_address(holder.login))
        )

    def _knows_group(self, group: Group) -> bool:
        return principal_ids.of_address(group.address) in self._shared or self._knows_address(group.address)

    def _knows_address(self, address: str) -> bool:
        return self._knows == "all" or (self._knows == "domain" and _domain(address) in self._domains)

    def _user(self, holder: Holder) -> Shown:
        kind = "other" if holder.shared else "individual"
        said = {"type": kind, "name": holder.login, "description": None, "email": holder.login}
        return self._shown(principal_ids.of_user(holder.id), said, account_id(holder.id))

    def _group(self, group: Group) -> Shown | None:
        name = principal_ids.of_address(group.address)
        if name is None:
            return None
        said = {"type": "group", "name": group.name or group.address, "description": None, "email": group.address}
        return self._shown(name, said, None)

    def _shown(self, name: str, said: Shown, account: str | None) -> Shown:
        reached = self._accounts.get(account) if account is not None else None
        accounts = {account: reached} if reached is not None else None
        return {"id": name, **said, "timeZone": None, "capabilities": {}, "accounts": accounts}


def _domain(address: str) -> str:
    _local, at, domain = address.rpartition("@")
    return domain if at else ""


async def book_of(turn: Turn, own: str) -> Book:
    """Of who asks: principals are in everybody's own account. Raises MethodError."""
    reached = await turn.owned(own)
    holder = await turn.services.directory.account_with(reached.number)
    if holder is None:  # removed since he logged in
        raise MethodError("accountNotFound")
    accounts = {name: account.json() for name, account in (await accounts_of(turn, unwanted=True)).items()}
    boxes = (await turn.sight(reached)).account.mailboxes.values()
    shared = {principal_ids.of_identifier(identifier) for box in boxes for identifier, _rights in box.acl}
    return Book(turn, holder, accounts, frozenset(name for name in shared if name is not None))


async def get(turn: Turn, asked: standard.Get) -> Answer:
    """RFC 9670 2.1."""
    book = await book_of(turn, asked.account_id)
    properties = asked.properties if asked.properties is not None else unasked("Principal", turn.using)
    wanted = turn.wanted(asked)
    if wanted is None:
        known = await book.all()
        if len(known) > turn.limits.objects_get_max:
            raise MethodError("requestTooLarge", "There are too many principals; name those that are wanted.")
    else:
        known = [one for name in wanted if (one := await book.find(name)) is not None]
    return got(asked.account_id, await book.state(), {one["id"]: only(one, properties) for one in known}, wanted)


async def changes(turn: Turn, asked: standard.Changes) -> Answer:
    """RFC 9670 2.2."""
    book = await book_of(turn, asked.account_id)
    _check_same(await book.state(), asked.since_state)
    return {
        "accountId": asked.account_id,
        "oldState": asked.since_state,
        "newState": asked.since_state,
        "hasMoreChanges": False,
        "created": [],
        "updated": [],
        "destroyed": [],
    }


async def set_(turn: Turn, asked: standard.Set) -> Answer:
    """RFC 9670 2.3: who is here, and how he is called, is for those to say who run the server."""
    book = await book_of(turn, asked.account_id)
    state = await book.state()
    if asked.if_in_state not in (None, state):
        raise MethodError("stateMismatch")
    error = SetError("forbidden", "The directory is not changed here.").json()
    outcome = Outcome(not_created=dict.fromkeys(asked.create or (), error))
    for given, refused in ((asked.update, outcome.not_updated), (asked.destroy, outcome.not_destroyed)):
        for name in given or ():
            found = await book.find(turn.created.find(name) or "")
            refused[name] = error if found is not None else SetError("notFound").json()
    return outcome.answer(asked.account_id, state, state)


async def query(turn: Turn, asked: standard.Query) -> Answer:
    """RFC 9670 2.4."""
    book = await book_of(turn, asked.account_id)
    results = querying.Things(await _results(turn, book, asked))
    return querying.part(asked, await book.state(), results, str, turn.created.find, can_change=False)


async def query_changes(turn: Turn, asked: standard.QueryChanges) -> Answer:
    """RFC 9670 2.5."""
    book = await book_of(turn, asked.account_id)
    state = await book.state()
    _check_same(state, asked.since_query_state)
    return querying.changes(asked, state, len(await _results(turn, book, asked)), (), (), str)


def _check_same(state: str, since: str) -> None:
    if state != since:
        raise MethodError("cannotCalculateChanges", "What has changed in the directory is not known.")


async def _results(turn: Turn, book: Book, asked: standard.Filtered) -> list[str]:
    tree = read_filter("Principal", asked.filter, turn.limits)
    sort = read_sort("Principal", asked.sort, COLLATIONS, turn.limits)
    known = {one["id"]: one for one in await book.all()}
    for address in _addresses(tree)[: turn.limits.sort_max]:
        one = await book.with_address(address)
        if one is not None:
            known[one["id"]] = one
    found = [one for one in known.values() if querying.matching(tree, one, _matches)]
    found.sort(key=lambda one: (one["name"].casefold(), one["id"]))
    for comparator in reversed(sort):
        found.sort(key=partial(_key, comparator.property), reverse=not comparator.is_ascending)
    return [one["id"] for one in found]


def _key(name: str, one: Shown) -> str:
    return (one[name] or "").casefold()


def _addresses(tree: Filter | None) -> list[str]:
    """Whole addresses that a filter asks for."""
    asked = [leaf.email for leaf in leaves(tree) if isinstance(leaf, PrincipalCondition)]
    return [address for address in dict.fromkeys(asked) if address is not UNSET and address]


def _matches(condition: Condition, one: Shown) -> bool:
    assert isinstance(condition, PrincipalCondition)

    def has(text: str, *values: str | None) -> bool:
        return any(value is not None and text.casefold() in value.casefold() for value in values)

    return (
        (condition.account_ids is UNSET or any(name in (one["accounts"] or ()) for name in condition.account_ids))
        and (condition.email is UNSET or has(condition.email, one["email"]))
        and (condition.name is UNSET or has(condition.name, one["name"]))
        and (condition.text is UNSET or has(condition.text, one["name"], one["email"], one["description"]))
        and (condition.type is UNSET or one["type"] == condition.type)
        and (condition.time_zone is UNSET or one["timeZone"] == condition.time_zone)
    )
