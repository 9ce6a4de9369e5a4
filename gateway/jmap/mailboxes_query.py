"""Mailbox/query and /queryChanges (RFC 8621 2.3, 2.4).

The law: the results are the mailboxes that may be looked up and match, siblings in the order asked for, or else in that
of Mailbox/get; as a tree each follows its parent.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from msgspec import UNSET

from actors.mailbox.sight import Sight
from gateway.jmap import querying
from gateway.jmap.mailboxes import Shower
from gateway.jmap.positions import Position, state
from gateway.jmap.session import COLLATIONS
from gateway.jmap.standard import Answer, changes_since
from gateway.jmap.turn import Reached, Turn
from mail.jmap.conditions import Condition, MailboxCondition
from mail.jmap.filters import read_filter
from mail.jmap.methods import special, standard
from mail.jmap.sorting import Comparator, read_sort

Shown = dict[str, Any]


async def query(turn: Turn, asked: special.MailboxQuery) -> Answer:
    """RFC 8621 2.3."""
    reached = await turn.reach(asked.account_id)
    sight = await turn.sight(reached)
    results = _results(turn, reached, sight, asked, as_tree=asked.sort_as_tree, filter_as_tree=asked.filter_as_tree)
    position = state(Position(sight.account.stamp("Mailbox")))
    things = querying.Things(results)
    return querying.part(
        asked,
        position,
        things,
        reached.mailbox_id,
        lambda name: reached.mailbox_of(turn.created.find(name) or ""),
        can_change=not (asked.sort_as_tree or asked.filter_as_tree),  # /queryChanges knows no trees
    )


async def query_changes(turn: Turn, asked: standard.QueryChanges) -> Answer:
    """RFC 8621 2.4."""
    reached = await turn.reach(asked.account_id)
    changes = await changes_since(turn, reached, asked.since_query_state, "Mailbox")
    sight = await turn.sight(reached)
    results = _results(turn, reached, sight, asked, as_tree=False, filter_as_tree=False)
    told, only_counts = changes.mailboxes()
    changed = [] if only_counts and not told.created and not told.destroyed else [
        *told.created, *told.updated, *told.destroyed
    ]  # fmt: skip
    places = querying.places_of(results, changed)
    position = state(Position(sight.account.stamp("Mailbox")))
    return querying.changes(asked, position, len(results), places, changed, reached.mailbox_id)


def _results(
    turn: Turn, reached: Reached, sight: Sight, asked: standard.Filtered, *, as_tree: bool, filter_as_tree: bool
) -> list[int]:
    tree = read_filter("Mailbox", asked.filter, turn.limits)
    sort = read_sort("Mailbox", asked.sort, COLLATIONS, turn.limits)
    shower = Shower(reached, sight)
    shown = {number: shower.show(number, ()) for number in sight.listed}
    ordered = list(shown)
    if sort:
        ordered.sort(key=lambda number: (sight.listed[number].name.casefold(), number))
    for comparator in reversed(sort):
        ordered.sort(key=_one(comparator, shown), reverse=not comparator.is_ascending)
    matches = partial(_matches, turn)
    matching = {number for number in ordered if querying.matching(tree, shown[number], matches)}
    numbers = {one["id"]: number for number, one in shown.items()}
    if filter_as_tree:
        matching = {number for number in matching if _line_matches(shown, numbers, number, matching)}
    if as_tree:
        ordered = list(_as_tree(ordered, shown, None))
    return [number for number in ordered if number in matching]


def _one(comparator: Comparator, shown: dict[int, Shown]) -> Callable[[int], Any]:
    if comparator.property == "sortOrder":
        return lambda number: shown[number]["sortOrder"]
    if comparator.collation == "i;octet":
        return lambda number: shown[number]["name"].encode()
    return lambda number: shown[number]["name"].casefold()


def _matches(turn: Turn, tree: Condition, shown: Shown) -> bool:
    assert isinstance(tree, MailboxCondition)
    if tree.parent_id is not UNSET:
        parent = turn.created.find(tree.parent_id) if tree.parent_id is not None else None
        if shown["parentId"] != parent or (tree.parent_id is not None and parent is None):
            return False
    return (
        (tree.name is UNSET or tree.name.casefold() in shown["name"].casefold())
        and (tree.role is UNSET or shown["role"] == tree.role)
        and (tree.has_any_role is UNSET or (shown["role"] is not None) is tree.has_any_role)
        and (tree.is_subscribed is UNSET or shown["isSubscribed"] is tree.is_subscribed)
    )


def _line_matches(shown: dict[int, Shown], numbers: dict[str, int], number: int, matching: set[int]) -> bool:
    """Whether all mailboxes above match too."""
    parent = shown[number]["parentId"]
    while parent is not None:
        if numbers[parent] not in matching:
            return False
        parent = shown[numbers[parent]]["parentId"]
    return True


def _as_tree(ordered: list[int], shown: dict[int, Shown], parent: str | None) -> Iterator[int]:
    """Each mailbox with all below it behind it. No deeper than DEPTH_MAX."""
    children: dict[str | None, list[int]] = {}
    for number in ordered:
        children.setdefault(shown[number]["parentId"], []).append(number)

    def walk(above: str | None) -> Iterator[int]:
        for number in children.get(above, ()):
            yield number
            yield from walk(shown[number]["id"])

    yield from walk(parent)
