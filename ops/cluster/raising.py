"""`rookery up` and `rookery down`: the part of running a cluster that needs Ray.

The law: only controllers are made here; they make the rest (cluster/hosting/ray/supervisor.py), now and later.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

from cluster.errors import Misconfigured, Unavailable
from cluster.hosting.ray import node as keeper
from cluster.hosting.ray.environment import session
from cluster.hosting.ray.fleet import Fleet, RayFleet, connected
from cluster.hosting.ray.place import CONTROLLER, parse
from cluster.hosting.ray.plan import counts_of, plan
from cluster.membership.members import Layout
from cluster.membership.registry import Registry
from cluster.placement.known import Known
from ops.cluster.boots import boots
from ops.cluster.operations import look, scale
from ops.cluster.picture import picture
from ops.cluster.progress import Measure, names_of, starting
from ops.settings import Settings
from wire import admin_pb2 as pb

POLL_S: Final = 0.2
GRACE_S: Final = 10.0  # beyond the drain, for each group of processes

Show = Callable[[Registry, Layout, Measure], Awaitable[None]]


def start_local(settings: Settings, config: Path) -> str:
    """Make this machine a head, unless it is one; its address. Raises Misconfigured."""
    if not keeper.is_running(settings.cluster):
        command = keeper.own_command("node", "--head", "--config", str(config))
        keeper.start_background(command, settings.cluster, head=True)
    return f"127.0.0.1:{settings.cluster.ray.port}"


async def make(
    settings: Settings, config: Path, address: str, registry: Registry, layout: Layout, show: Show
) -> pb.ClusterState:
    """Have a cluster; how it is when all that is wanted serves. Raises Unavailable, Misconfigured."""
    await scale(registry, layout, {})  # writes what is wanted by default, where nothing is
    known = await look(registry, layout)
    with connected(settings.cluster, address) as fleet:
        names = await asyncio.to_thread(_make_controllers, fleet, known, str(config))
    try:
        await show(registry, layout, partial(starting, names=names))
    except Unavailable as error:
        logs = session(settings.cluster.ray) / "session_latest/logs"
        raise Unavailable(f"{error.log} What processes say that cannot start is in {logs}/worker-*.err.") from None
    return picture(await look(registry, layout), settings.cluster.name)


def _make_controllers(fleet: RayFleet, known: Known, config: str) -> list[str]:
    """The names of all that will be there."""
    nodes, boot = fleet.nodes(), boots(config)
    if not nodes:
        raise Misconfigured("Ray has no node that lives: start one with `rookery node`.")
    for name, home in plan(known.wanted, nodes, fleet.actors(), known.drains.keys(), lambda _: 0).create:
        if name.role == CONTROLLER:
            fleet.create(boot(name), home)
    return names_of(counts_of(known.wanted, nodes, known.drains.keys()))


def stop(settings: Settings, address: str, tell: Callable[[str], None]) -> bool:
    """End all processes in order, controllers first since they would make the others anew; whether all left in time.

    On `local` the node of this machine too.
    """
    local = address == "local"
    if local and not keeper.is_running(settings.cluster):
        return True
    with connected(settings.cluster, f"127.0.0.1:{settings.cluster.ray.port}" if local else address) as fleet:
        drained = stop_all(fleet, settings.drain_s, tell)
    return keeper.stop_background(settings.cluster, settings.drain_s) and drained if local else drained


def stop_all(fleet: Fleet, drain_s: float, tell: Callable[[str], None], *, poll_s: float = POLL_S) -> bool:
    """Controllers, then gateways, then shards: each group leaves before the next. Whether none had to be ended."""
    order = (CONTROLLER, *(role for role in keeper.ORDER if role != CONTROLLER))
    drained = True
    for role in order:
        group = {str(name) for name in map(parse, fleet.actors()) if name is not None and name.role == role}
        if group:
            tell(f"Stopping {', '.join(sorted(group))}.")
        until = time.monotonic() + drain_s + GRACE_S
        while group and time.monotonic() < until:
            for name in [name for name in sorted(group) if _left(fleet, name)]:
                fleet.remove(name)
                group.discard(name)
            time.sleep(poll_s if group else 0)
        for name in group:
            fleet.remove(name)
            drained = False
    return drained


def _left(fleet: Fleet, name: str) -> bool:
    try:
        return fleet.retire(name)
    except Unavailable:
        return False
