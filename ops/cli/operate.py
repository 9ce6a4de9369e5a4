"""The commands that steer a running cluster: status, slots, scale, drain, rebalance, loglevel.

The law: they speak to the admin service, wherever it is; it only writes down what is wanted, and these watch how it
comes about. `status --config` needs nothing but the registry, so it tells also when all else is down.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Final, NamedTuple

import click

from cluster.errors import Unavailable
from ops.cli.connect import Admin, ask, data_option
from ops.cli.output import json_option, plain, print_json, print_table
from ops.cli.remote import chosen
from wire import admin_pb2 as pb

WAIT_S: Final = 300.0  # until something asked for is so; the wish stays
KINDS: Final = ("mailbox", "queue", "reputation", "greylist", "gateway")
LEVELS: Final = ("debug", "info", "warning", "error", "critical")


class Progress(NamedTuple):
    """`done` of `total`, and what is waited for; over when they are equal."""

    done: int
    total: int
    what: str


Measure = Callable[[pb.ClusterState], Progress]

wait_option = click.option(
    "--wait", "wait_s", type=float, default=WAIT_S, show_default=True, help="Seconds to wait; 0: do not wait."
)


@click.command()
@click.option("--watch", is_flag=True, help="Show it anew after each change, until Ctrl-C.")
@json_option
@data_option
def status(watch: bool, as_json: bool, data: Path) -> None:
    """Show a cluster's nodes, processes, slots, drains and moves.

    \b
    On a node:              rookery status --config /etc/rookery.toml
    From your own machine:  rookery status --server mail1.example.org:2090 --authority authority.pem \\
                              --certificate alice.pem --key alice-key.pem
                            (or ROOKERY_SERVER, ROOKERY_AUTHORITY, ROOKERY_CERTIFICATE and ROOKERY_KEY; with a
                            token instead of a certificate ROOKERY_TOKEN, or --token-file FILE)
    All of this works for every command that speaks to a server.
    """
    remote = chosen()
    if remote.config and not remote.server and not watch:
        state = asyncio.run(_looked(Path(remote.config)))
        return print_json([plain(state)]) if as_json else _print(state)

    async def showing(server: Admin) -> None:
        async with aclosing(_states(server)) as states:
            async for state in states:
                if watch and not as_json:
                    click.clear()
                print_json([plain(state)]) if as_json else _print(state)
                if not watch:
                    return

    return ask(data, showing)


@click.command()
@click.option("--kind", type=click.Choice(KINDS[:-1]), default="mailbox", show_default=True, help="Slots of this kind.")
@click.option("--shard", default="", help="Only those of this shard.")
@click.option("--account", "login", default="", metavar="LOGIN", help="Only the slot of this account's mailboxes.")
@json_option
@data_option
def slots(kind: str, shard: str, login: str, as_json: bool, data: Path) -> None:
    """Show which shard owns which slot, and since which epoch."""
    request = pb.ListSlotsRequest(kind=kind, shard=shard, login=login)

    async def listing(server: Admin) -> list[pb.Slot]:
        return [slot async for slot in server.cluster.ListSlots(request)]

    found = ask(data, listing)
    if as_json:
        return print_json(map(plain, found))
    rows = [(str(each.slot), each.shard, str(each.epoch), "yes" if each.alive else "no") for each in found]
    return print_table(("Slot", "Shard", "Epoch", "Alive"), rows, empty="No slot has an owner yet.")


@click.command()
@click.argument("wanted", nargs=-1, required=True, metavar="KIND=N...")
@wait_option
@data_option
def scale(wanted: tuple[str, ...], wait_s: float, data: Path) -> None:
    """Run N processes of a kind on each node.

    \b
      rookery scale mailbox=2 gateway=1 --config /etc/rookery.toml
    """
    changes = dict(_count(each) for each in wanted)

    async def scaling(server: Admin) -> None:
        await server.cluster.Scale(pb.ScaleRequest(wanted=changes))
        await _wait(server, lambda state: scaled(state, changes), wait_s)

    ask(data, scaling)


@click.command()
@click.argument("node")
@click.option("--undo", is_flag=True, help="Let the node have processes again.")
@wait_option
@data_option
def drain(node: str, undo: bool, wait_s: float, data: Path) -> None:
    """Move everything away from a node, before it is stopped; returns when it is empty."""

    async def draining(server: Admin) -> None:
        if undo:
            await server.cluster.UndrainNode(pb.UndrainNodeRequest(node=node))
            return
        before = await server.cluster.DrainNode(pb.DrainNodeRequest(node=node))
        most = weight_of(before, node)
        await _wait(server, lambda state: drained(state, node, most), wait_s)

    ask(data, draining)


@click.command()
@wait_option
@data_option
def rebalance(wait_s: float, data: Path) -> None:
    """Wait until every slot is where it should be. The controller moves them by itself, always."""

    async def balancing(server: Admin) -> None:
        most = moves_left(await server.cluster.GetCluster(pb.GetClusterRequest()))
        await _wait(server, lambda state: balanced(state, most), wait_s)

    ask(data, balancing)


@click.command()
@click.argument("level", type=click.Choice([*LEVELS, "settings"]))
@click.option("--node", default="", help="Only its processes, instead of all.")
@data_option
def loglevel(level: str, node: str, data: Path) -> None:
    """Change what all processes log, at once; `settings` goes back to what their settings say."""
    request = pb.SetLogLevelRequest(level="" if level == "settings" else level, node=node)

    async def changing(server: Admin) -> None:
        await server.cluster.SetLogLevel(request)

    ask(data, changing)


def scaled(state: pb.ClusterState, changes: dict[str, int]) -> Progress:
    """Until every node that has such processes, and is not to be emptied, has as many as are wanted."""
    drains = {node.name for node in state.nodes if node.draining}
    members = [each for each in state.processes if each.node not in drains]
    shards = {each.node for each in members if each.kind != "gateway"}
    gates = {each.node for each in members if each.kind == "gateway"}
    done = total = 0
    for kind, want in changes.items():
        for node in (gates or shards) if kind == "gateway" else shards:
            have = sum(each.node == node and each.kind == kind for each in members)
            total += max(want, have)
            done += min(want, have)
    return Progress(done, total, "processes")


def drained(state: pb.ClusterState, node: str, most: int) -> Progress:
    """Until nothing is on the node. `most`: slots and processes that it had at first (`weight_of`)."""
    left = weight_of(state, node)
    return Progress(max(most - left, 0), max(most, left), "slots and processes")


def weight_of(state: pb.ClusterState, node: str) -> int:
    """Slots and processes on a node."""
    return sum(each.slots + each.processes for each in state.nodes if each.name == node)


def balanced(state: pb.ClusterState, most: int) -> Progress:
    """Until the controller has no moves left. `most`: the moves that there were at first."""
    if not state.leader:
        return Progress(0, max(most, 1), "a controller")
    left = moves_left(state)
    return Progress(max(most - left, 0), max(most, left), "moves")


def moves_left(state: pb.ClusterState) -> int:
    """Of all kinds."""
    return sum(kind.moves_left for kind in state.kinds)


async def _states(server: Admin) -> AsyncGenerator[pb.ClusterState, None]:
    async for state in server.cluster.WatchCluster(pb.GetClusterRequest()):
        yield state


async def _wait(server: Admin, measure: Measure, wait_s: float) -> None:
    """A progress bar until it is over. Raises Unavailable when the time is."""
    if wait_s <= 0:
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    told = "the cluster"
    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("waiting", total=None)
        try:
            async with asyncio.timeout(wait_s), aclosing(_states(server)) as states:
                async for state in states:
                    now = measure(state)
                    told = now.what
                    bar.update(task, completed=now.done, total=now.total, description=f"waiting for {now.what}")
                    if now.done >= now.total:
                        return
        except TimeoutError:
            raise Unavailable(
                f"Still waiting for {told} after {wait_s:g} s; it goes on by itself, and `rookery status` tells."
            ) from None


async def _looked(config: Path) -> pb.ClusterState:
    """By the registry alone."""
    from cluster.clock import SystemClock
    from cluster.config import load
    from cluster.membership.etcd import EtcdRegistry
    from cluster.membership.members import Layout
    from ops.admin.cluster import state_of
    from ops.cluster.operations import look
    from ops.settings import Settings

    settings, clock = load(Settings, config, os.environ), SystemClock()
    registry = EtcdRegistry(settings.cluster.etcd, clock)
    try:
        known = await look(registry, Layout(settings.cluster.name))
    finally:
        await registry.close()
    return state_of(known, settings.cluster.name, clock.now_ms())


def _count(text: str) -> tuple[str, int]:
    kind, _, number = text.partition("=")
    if kind not in KINDS or not number.isdecimal():
        raise click.UsageError(f"{text!r}: write KIND=N; kinds are {', '.join(KINDS)}.")
    return kind, int(number)


def _print(state: pb.ClusterState) -> None:
    drains = {node.name for node in state.nodes if node.draining}
    empty = [node.name for node in state.nodes if not node.processes]
    rows = [
        (
            f"{each.node} (draining)" if each.node in drains else each.node,
            each.name,
            str(each.slots) if each.kind != "gateway" else "",
            each.address,
            str(each.process or ""),
        )
        for each in state.processes
    ]
    rows += [(f"{name} (empty)", "", "", "", "") for name in empty]
    print_table(("Node", "Process", "Slots", "Address", "Pid"), rows, empty="No process has announced itself.")
    moves = ", ".join(f"{kind.moves_left} of {kind.kind}" for kind in state.kinds if kind.moves_left)
    unowned = ", ".join(f"{kind.unowned} of {kind.kind}" for kind in state.kinds if kind.unowned)
    click.echo(f"controller: {state.leader or 'none leads'}; moves left: {moves or 'none'}")
    click.echo(f"slots without an owner: {unowned or 'none'}")
    if state.trouble:
        click.echo(f"trouble: {state.trouble}", err=True)
        sys.stderr.flush()
