"""What people ask of a cluster: look, scale, drain. One implementation for the command line and the admin service.

The law: a wish is one key of the registry, written by compare-and-set; who carries it out is the controller, so a wish
outlives whoever made it, and asking twice is harmless.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Final

import msgspec
from msgspec import structs

from cluster.clock import Clock
from cluster.errors import NotFound, Unavailable
from cluster.membership.members import Drain, Layout, Wanted
from cluster.membership.registry import Compare, Registry, Update
from cluster.placement.known import Known
from ops.cluster.picture import nodes, picture
from ops.cluster.progress import Measure, Progress

TRIES_MAX: Final = 5  # of a compare-and-set that others' changes come before


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
    for _ in range(TRIES_MAX):
        entry = await registry.get(layout.wanted)
        before = msgspec.json.decode(entry.value, type=Wanted) if entry is not None else Wanted()
        wanted = structs.replace(before, **changes)
        when = [Compare(layout.wanted, entry.revision if entry is not None else 0)]
        if entry is not None and wanted == before:
            return wanted
        if await registry.change({layout.wanted: msgspec.json.encode(wanted)}, when=when) is not None:
            return wanted
    raise Unavailable("Others change what is wanted at the same time; try again.")


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
