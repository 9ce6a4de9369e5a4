"""What people ask of a cluster: look, scale, drain. One implementation for the command line and the admin service.

The law: a wish is one key of the registry, written by compare-and-set; who carries it out is the controller, so a wish
outlives whoever made it, and asking twice is harmless.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Final, TypeVar

import msgspec
from msgspec import structs

from cluster.clock import Clock
from cluster.errors import NotFound, Unavailable
from cluster.membership.members import Drain, Layout, Levels, Wanted
from cluster.membership.registry import Compare, Registry, Update
from cluster.placement.known import Known
from ops.cluster.picture import nodes, picture
from ops.cluster.progress import Measure, Progress

TRIES_MAX: Final = 5  # of a compare-and-set that others' changes come before

T = TypeVar("T")


async def look(registry: Registry, layout: Layout) -> Known:
    """All that the registry says, as of now. Raises Unavailable."""
    snapshot = await registry.snapshot(layout.root)
    known = Known(layout)
    known.apply(Update(snapshot.revision, snapshot.entries, reset=True))
    return known


async def follow(registry: Registry, layout: Layout, measure: Measure) -> AsyncGenerator[Progress, None]:
    """How far it is, at once and after every change, until it is over."""
    known = Known(layout)
    async with aclosing(registry.watch(layout.root)) as watch:
        async for update in watch:
            known.apply(update)
            now = measure(picture(known))
            yield now
            if now.over:
                return


async def scale(registry: Registry, layout: Layout, changes: Mapping[str, int]) -> Wanted:
    """Want so many processes of these kinds on each node; all that is wanted then. Raises Unavailable."""
    return await _changed(registry, layout.wanted, Wanted(), lambda before: structs.replace(before, **changes))


async def set_level(registry: Registry, layout: Layout, level: str, node: str) -> Levels:
    """The log level of a node (empty: as of all), or of all, which ends those of single nodes; all levels then. Raises
    Unavailable, NotFound."""
    if node and level and node not in nodes(known := await look(registry, layout)):
        raise NotFound(no_node(node, known))

    def changed(before: Levels) -> Levels:
        if not node:
            return Levels(level)
        others = {name: each for name, each in before.nodes.items() if name != node}
        return Levels(before.level, others | ({node: level} if level else {}))

    return await _changed(registry, layout.loglevel, Levels(), changed)


async def _changed(registry: Registry, key: str, first: T, change: Callable[[T], T]) -> T:
    """What a key holds, `first` where there is nothing yet, after a change that no other was lost to."""
    for _ in range(TRIES_MAX):
        entry = await registry.get(key)
        before = msgspec.json.decode(entry.value, type=type(first)) if entry is not None else first
        after = change(before)
        if entry is not None and after == before:
            return after
        when = [Compare(key, entry.revision if entry is not None else 0)]
        if await registry.change({key: msgspec.json.encode(after)}, when=when) is not None:
            return after
    raise Unavailable("Others change this at the same time; try again.")


async def drain(registry: Registry, layout: Layout, node: str, by: str, clock: Clock) -> Known:
    """Want a node empty; how the cluster was before. Raises NotFound when nothing is known of it, Unavailable."""
    known = await look(registry, layout)
    if node not in nodes(known):
        raise NotFound(no_node(node, known))
    key = f"{layout.drains}{node}"
    await registry.change({key: msgspec.json.encode(Drain(by, clock.now_ms()))}, when=[Compare(key, 0)])
    return known


def no_node(node: str, known: Known) -> str:
    """What somebody hears who asked for a node that nothing is known of."""
    return f"There is no node {node}; there are {', '.join(nodes(known)) or 'none'}."


async def undrain(registry: Registry, layout: Layout, node: str) -> None:
    """Let a node have processes and slots again. Raises NotFound, Unavailable."""
    key = f"{layout.drains}{node}"
    if await registry.get(key) is None:
        raise NotFound(f"Node {node} is not being drained.")
    await registry.change({}, deletes=[key])
