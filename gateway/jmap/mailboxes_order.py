"""In which order the changes of one Mailbox/set are made (RFC 8620 5.3).

The law: a create comes after what it refers to. What fails is tried again while something else succeeds, so only what
there is in the end has to be valid; a failure is told as it was at first. Tries are bounded.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple, Protocol

from cluster.errors import Trouble
from gateway.jmap.setting import each
from mail.jmap.errors import SetError

TRIES: Final = 4  # of what others hinder that are changed in the same call
Doing = Callable[[str, Any], Awaitable[Any]]


class Losing(Protocol):
    """What an update takes from its mailbox, for others to have."""

    async def lost(self, name: str, patch: Mapping[str, Any]) -> Collection[str]:
        """Which of its name and its role it is to lose; a name with its parent counts as one."""

    async def aside(self, name: str, lost: Collection[str]) -> Callable[[], Awaitable[None]]:
        """It loses that at once; what gives it back what nobody took."""


class Part(NamedTuple):
    """The creates, the updates or the removals of a call: what is wanted, how it is done, and what became of it."""

    given: Mapping[str, Any]
    do: Doing
    done: dict[str, Any]
    failed: dict[str, Any]

    async def again(self, names: list[str]) -> None:
        """Try some that have failed once more."""
        await each({name: self.given[name] for name in names}, self.do, self.done, {})
        for name in names:
            if name in self.done:
                del self.failed[name]


def parents_first(given: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Creates in an order in which each comes after what it refers to."""
    ordered: dict[str, Mapping[str, Any]] = {}
    for first in given:
        line: dict[str, Mapping[str, Any]] = {}
        name = first
        while name in given and name not in ordered and name not in line:
            line[name] = given[name]
            parent = given[name].get("parentId")
            name = parent[1:] if isinstance(parent, str) and parent.startswith("#") else ""
        ordered |= reversed(line.items())
    return ordered


async def hindered(parts: tuple[Part, Part, Part], find: Callable[[str], str | None], losing: Losing) -> None:
    """Do what was hindered by what came after it. `find`: the id of a name."""
    _creates, updates, _removals = parts
    await _while_it_helps(parts)
    with suppress(SetError, Trouble):  # what is done is told all the same
        while circle := await _circle(updates, find, losing):
            first, *others = circle
            back = await losing.aside(first, circle[first])
            await updates.again([*reversed(others), first])
            if first in updates.failed:
                await back()
                return
            await _while_it_helps(parts)


async def _while_it_helps(parts: tuple[Part, ...]) -> None:
    """Backwards, as names are handed on from the last to the first."""
    before = 0
    for _ in range(TRIES):
        count = sum(len(part.done) for part in parts)
        if count == before:
            return
        before = count
        for part in parts:
            await part.again(list(reversed(part.failed)))


async def _circle(updates: Part, find: Callable[[str], str | None], losing: Losing) -> dict[str, Collection[str]]:
    """Updates of which each wants what the next is to lose, and the last what the first is, with that; nothing where
    none do."""
    wanting = {name: error for name, error in updates.failed.items() if "existingId" in error}
    lost = {name: await losing.lost(name, updates.given[name]) for name in wanting}
    names = {find(name): name for name in wanting}
    seen: set[str] = set()
    for first in wanting:
        line: dict[str, int] = {}
        name: str | None = first
        while name is not None and name not in line and name not in seen:
            line[name] = len(line)
            error = wanting[name]
            other = names.get(error["existingId"])
            name = other if other is not None and error["properties"][0] in lost[other] else None
        if name in line:
            return {name: lost[name] for name in list(line)[line[name] :]}
        seen |= line.keys()
    return {}
