"""Quota: what an account may hold, and holds (RFC 9425).

The law: a limit that there is, is told to whoever may read one of the account's mailboxes, as over IMAP; what has none
is no quota. A state has the numbers that were told with it in it: what has changed since is known without a log, also
where the directory changed it.
"""

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from msgspec import UNSET

from gateway.jmap import querying
from gateway.jmap.session import COLLATIONS
from gateway.jmap.standard import Answer, got, only
from gateway.jmap.turn import Turn
from mail.jmap.conditions import Condition, QuotaCondition
from mail.jmap.errors import MethodError
from mail.jmap.filters import read_filter
from mail.jmap.methods import standard
from mail.jmap.objects.names import unasked
from mail.jmap.sorting import Comparator, read_sort

_STATE: Final = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})\.([0-9]{1,18})\.([0-9]{1,18})")


class Use(NamedTuple):
    """How much there is, and how much there may be at most; 0: there is no limit."""

    used: int
    most: int


class Numbers(NamedTuple):
    """All that changes of an account's quotas."""

    octets: Use
    messages: Use

    def of(self, resource: str) -> Use:
        """Of one of the two."""
        return self.octets if resource == "octets" else self.messages

    @property
    def state(self) -> str:
        """As clients are told it."""
        return ".".join(map(str, (*self.octets, *self.messages)))


_NOTHING: Final = Numbers(Use(0, 0), Use(0, 0))
_NAMES: Final = {"octets": "Storage", "count": "Messages"}  # each is called by its resource, which is its id too


async def get(turn: Turn, asked: standard.Get) -> Answer:
    """RFC 9425 4.2."""
    now = await _now(turn, asked.account_id)
    properties = asked.properties if asked.properties is not None else unasked("Quota", turn.using)
    found = {name: only(one, properties) for name, one in _shown(now).items()}
    return got(asked.account_id, now.state, found, turn.wanted(asked))


async def changes(turn: Turn, asked: standard.Changes) -> Answer:
    """RFC 9425 4.3."""
    now = await _now(turn, asked.account_id)
    since = _read(asked.since_state)
    created, updated, destroyed = _differences(since, now)
    if asked.max_changes is not None and len(created) + len(updated) + len(destroyed) > asked.max_changes:
        raise MethodError("cannotCalculateChanges", "There is no state between.")
    only_use = bool(updated) and all(since.of(name).most == now.of(name).most for name in updated)
    return {
        "accountId": asked.account_id,
        "oldState": asked.since_state,
        "newState": now.state,
        "hasMoreChanges": False,
        "updatedProperties": ["used"] if only_use else None,
        "created": created,
        "updated": updated,
        "destroyed": destroyed,
    }


async def query(turn: Turn, asked: standard.Query) -> Answer:
    """RFC 9425 4.4."""
    now = await _now(turn, asked.account_id)
    return querying.part(asked, now.state, querying.Things(_results(turn, asked, now)), str, turn.created.find)


async def query_changes(turn: Turn, asked: standard.QueryChanges) -> Answer:
    """RFC 9425 4.5."""
    now = await _now(turn, asked.account_id)
    changed = [name for part in _differences(_read(asked.since_query_state), now) for name in part]
    return querying.listed_changes(asked, now.state, _results(turn, asked, now), changed)


async def _now(turn: Turn, account_id: str) -> Numbers:
    reached = await turn.reach(account_id)
    sight = await turn.sight(reached)
    if reached.who is not None and not sight.readable:
        return _NOTHING
    account = sight.account
    octets, messages = account.used_bytes, account.used_messages
    holder = await turn.services.directory.account_with(reached.number)
    if holder is None:  # removed meanwhile
        return _NOTHING
    return Numbers(_use(octets, holder.quota_bytes), _use(messages, holder.quota_messages))


def _use(used: int, most: int) -> Use:
    return Use(used, most) if most else Use(0, 0)


def _read(state: str) -> Numbers:
    """Raises MethodError."""
    found = _STATE.fullmatch(state)
    if found is None:
        raise MethodError("cannotCalculateChanges", "This is no state of quotas.")
    octets, octets_max, count, count_max = map(int, found.groups())
    return Numbers(Use(octets, octets_max), Use(count, count_max))


def _differences(since: Numbers, now: Numbers) -> tuple[list[str], list[str], list[str]]:
    """What was created, updated and destroyed."""
    created, updated, destroyed = [], [], []
    for name in _NAMES:
        before, after = since.of(name), now.of(name)
        if not before.most and after.most:
            created.append(name)
        elif before.most and not after.most:
            destroyed.append(name)
        elif before != after:
            updated.append(name)
    return created, updated, destroyed


def _shown(now: Numbers) -> dict[str, dict[str, Any]]:
    return {
        resource: {
            "id": resource,
            "resourceType": resource,
            "used": use.used,
            "hardLimit": use.most,
            "warnLimit": None,
            "softLimit": None,
            "scope": "account",
            "name": name,
            "description": None,
            "types": ["Email"],
        }
        for resource, name in _NAMES.items()
        if (use := now.of(resource)).most
    }


def _results(turn: Turn, asked: standard.Filtered, now: Numbers) -> list[str]:
    tree = read_filter("Quota", asked.filter, turn.limits)
    sort = read_sort("Quota", asked.sort, COLLATIONS, turn.limits)
    shown = _shown(now)
    results = sorted(name for name, one in shown.items() if querying.matching(tree, one, _matches))
    for comparator in reversed(sort):
        results.sort(key=_key(comparator, shown), reverse=not comparator.is_ascending)
    return results


def _matches(condition: Condition, one: dict[str, Any]) -> bool:
    assert isinstance(condition, QuotaCondition)
    return (
        (condition.name is UNSET or condition.name.casefold() in one["name"].casefold())
        and (condition.scope is UNSET or condition.scope == one["scope"])
        and (condition.resource_type is UNSET or condition.resource_type == one["resourceType"])
        and (condition.type is UNSET or condition.type in one["types"])
    )


def _key(comparator: Comparator, shown: dict[str, dict[str, Any]]) -> Callable[[str], Any]:
    return lambda name: shown[name][comparator.property]
