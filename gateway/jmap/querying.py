"""What /query of all types has in common: which part of the results is told (RFC 8620 5.5), and what of them changed
(5.6).

The law: a position counts from the end when it is negative, and an anchor that is not there is said. A part is never
longer than the limit; where the server cut it shorter than was asked for it says so.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final, Protocol, TypeVar

from gateway.jmap.standard import Answer
from mail.jmap.conditions import Condition
from mail.jmap.errors import MethodError
from mail.jmap.filters import Filter, Operator
from mail.jmap.methods import standard

LIMIT_MAX: Final = 5000  # ids told at once

Thing = TypeVar("Thing")


class Results(Protocol[Thing]):
    """All of them in their order."""

    def __len__(self) -> int: ...

    def part(self, begin: int, end: int) -> Iterable[Thing]:
        """Those at these positions, as far as there are any."""
        ...

    def place(self, thing: Thing) -> int | None:
        """Where it is; None: it is none of them."""
        ...


class Things(list[Thing]):
    """A list of results."""

    def part(self, begin: int, end: int) -> Iterable[Thing]:
        """As of Results."""
        return self[begin:end]

    def place(self, thing: Thing) -> int | None:
        """As of Results."""
        try:
            return self.index(thing)
        except ValueError:
            return None


def part(
    asked: standard.Query,
    state: str,
    results: Results[Thing],
    name: Callable[[Thing], str],
    find: Callable[[str], Thing | None],
    *,
    can_change: bool = True,
) -> Answer:
    """The answer to a /query. `find`: the thing of an id; `can_change`: /queryChanges can tell what has changed since.
    Raises MethodError."""
    total = len(results)
    if asked.anchor is not None:
        anchor = find(asked.anchor)
        place = results.place(anchor) if anchor is not None else None
        if place is None:
            raise MethodError("anchorNotFound")
        position = min(max(0, place + asked.anchor_offset), total)  # an Int, whatever the offset
    else:
        position = asked.position if asked.position >= 0 else max(0, total + asked.position)
    limit = min(LIMIT_MAX if asked.limit is None else asked.limit, LIMIT_MAX)
    answer: Answer = {
        "accountId": asked.account_id,
        "queryState": state,
        "canCalculateChanges": can_change,
        "position": position,
        "ids": [name(thing) for thing in results.part(position, position + limit)],
    }
    if asked.calculate_total:
        answer["total"] = total
    if asked.limit is None or asked.limit > limit:
        answer["limit"] = limit
    return answer


def changes(
    asked: standard.QueryChanges,
    state: str,
    total: int,
    places: Sequence[tuple[int, Thing]],
    removed: Collection[Thing],
    name: Callable[[Thing], str],
) -> Answer:
    """The answer to a /queryChanges: all that changed goes from the list (`removed`), and what of it is in the results
    now comes in again at its place (`places`, ascending). Raises MethodError."""
    if asked.max_changes is not None and len(places) + len(removed) > asked.max_changes:
        raise MethodError("tooManyChanges")
    answer: dict[str, Any] = {
        "accountId": asked.account_id,
        "oldQueryState": asked.since_query_state,
        "newQueryState": state,
        "removed": [name(thing) for thing in removed],
        "added": [{"id": name(thing), "index": place} for place, thing in places],
    }
    if asked.calculate_total:
        answer["total"] = total
    return answer


def places_of(results: Iterable[Thing], changed: Collection[Thing]) -> list[tuple[int, Thing]]:
    """Where those of the things are that are in the results."""
    return [(place, thing) for place, thing in enumerate(results) if thing in changed]


def matching(tree: Filter | None, thing: Thing, matches: Callable[[Condition, Thing], bool]) -> bool:
    """Whether a thing matches a filter; `matches`: whether it does one of its conditions."""
    if tree is None:
        return True
    if isinstance(tree, Operator):
        found = (matching(one, thing, matches) for one in tree.conditions)
        return all(found) if tree.operator == "AND" else any(found) is (tree.operator == "OR")
    return matches(tree, thing)
