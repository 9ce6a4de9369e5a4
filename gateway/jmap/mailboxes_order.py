"""In which order the changes of one Mailbox/set are made (RFC 8620 5.3).

The law: a create comes after what it refers to. What fails is tried again while something else succeeds, so only what
there is in the end has to be valid; a failure is told as it was at first. Tries are bounded.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

from cluster.errors import Trouble
from gateway.jmap.setting import each
from mail.jmap.errors import SetError

TRIES: Final = 4  # of what others hinder that are changed in the same call
GIVEN_UP_MAX: Final = 16  # roles and names for which nothing was had yet
Doing = Callable[[str, Any], Awaitable[Any]]


class Losing(Protocol):
    """What an update takes from its mailbox, for others to have."""

    async def lost(self, name: str, patch: Mapping[str, Any]) -> Collection[str]:
        """Which of its name and its role it is to lose; a name with its parent counts as one."""

    async def exchange(self, circle: Sequence[str]) -> None:
        """Each gets the name of the next, and the last that of the first; at once, for who looks meanwhile."""

    async def without_role(self, name: str) -> Callable[[], Awaitable[None]]:
        """It loses its role; what gives it back."""


class Part(NamedTuple):
    """The creates, the updates or the removals of a call: what is wanted, how it is done, and what became of it.
    `failed`: with what hindered it at first; `hindered`: with what hinders it now, if that has been tried."""

    given: Mapping[str, Any]
    do: Doing
    done: dict[str, Any]
    failed: dict[str, Any]
    hindered: dict[str, Any]

    async def again(self, names: list[str]) -> None:
        """Try some that have failed once more."""
        await each({name: self.given[name] for name in names}, self.do, self.done, self.hindered)
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
    backs: list[Callable[[], Awaitable[None]]] = []  # of what was given up for nothing so far
    with suppress(SetError, Trouble):  # what is done is told all the same
        while len(backs) < GIVEN_UP_MAX and (circle := await _circle(updates, find, losing)):
            first, *others = circle
            if circle[first] == "role":
                backs.append(await losing.without_role(first))
            else:
                await losing.exchange(list(circle))
                backs.append(partial(losing.exchange, list(reversed(circle))))
            before = len(updates.done)
            await updates.again([*reversed(others), first])
            if len(updates.done) > before:
                backs.clear()
                await _while_it_helps(parts)
    for back in reversed(backs):
        with suppress(SetError, Trouble):
            await back()


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


async def _circle(updates: Part, find: Callable[[str], str | None], losing: Losing) -> dict[str, str]:
    """Updates of which each wants what the next is to lose, and the last what the first is, with what is wanted of it
    ("name" or "role"; a role comes first); nothing where none do."""
    hindering = {name: updates.hindered.get(name, error) for name, error in updates.failed.items()}
    wanting = {name: error for name, error in hindering.items() if "existingId" in error}
    lost = {name: await losing.lost(name, updates.given[name]) for name in wanting}
    names = {find(name): name for name in wanting}
    seen: set[str] = set()
    for first in wanting:
        line: dict[str, str] = {}  # with what each wants
        name: str | None = first
        while name is not None and name not in line and name not in seen:
            what = line[name] = wanting[name]["properties"][0]
            other = names.get(wanting[name]["existingId"])
            name = other if other is not None and what in lost[other] else None
        if name in line:
            around = list(line)[list(line).index(name) :]
            wanted = {around[place]: line[around[place - 1]] for place in range(len(around))}
            at = next((place for place, one in enumerate(around) if wanted[one] == "role"), 0)
            return {one: wanted[one] for one in (*around[at:], *around[:at])}
        seen |= line.keys()
    return {}
