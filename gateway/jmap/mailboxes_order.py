"""In which order the changes of one Mailbox/set are made (RFC 8620 5.3).

The law: a create comes after what it refers to. What fails is tried again while something else succeeds, so only what
there is in the end has to be valid; a failure is told as it was at first. Tries are bounded.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from cluster.errors import Trouble
from gateway.jmap.setting import each
from mail.jmap.errors import SetError

TRIES: Final = 4  # of what others hinder that are changed in the same call
Doing = Callable[[str, Any], Awaitable[Any]]


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


async def hindered(
    parts: tuple[Part, Part, Part],
    find: Callable[[str], str | None],
    exchange: Callable[[Sequence[str]], Awaitable[None]],
) -> None:
    """Do what was hindered by what came after it. `find`: the id of a name; `exchange`: gives each of some mailboxes
    the name of the next, and the last that of the first."""
    _creates, updates, _removals = parts
    await _while_it_helps(parts)
    while circle := _circle(updates.failed, find):
        try:
            await exchange(circle)
        except (SetError, Trouble):  # they stay as they are
            return
        await updates.again(circle)  # what else is wanted of them
        if not updates.failed.keys().isdisjoint(circle):
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


def _circle(failed: Mapping[str, Any], find: Callable[[str], str | None]) -> list[str]:
    """Updates of which each wants the name of the next, and the last that of the first; nothing where none do."""
    names = {find(name): name for name in failed}
    seen: set[str] = set()
    for first in failed:
        line: dict[str, int] = {}
        name: str | None = first
        while name is not None and name not in line and name not in seen:
            line[name] = len(line)
            name = names.get(failed[name].get("existingId"))
        if name in line:
            return list(line)[line[name] :]
        seen |= line.keys()
    return []
