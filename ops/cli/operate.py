"""The commands that steer a running cluster: status, slots, scale, drain, rebalance, loglevel.

The law: they speak to the admin service, wherever it is; it only writes down what is wanted, and these watch how it
comes about. `status --config` needs nothing but the registry, so it tells also when all else is down.
"""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Final

import click

from ops.cli.connect import Admin, ask, data_option
from ops.cli.output import json_option, plain, print_json, print_table
from ops.cli.remote import chosen
from ops.cli.waiting import wait, wait_option
from ops.cluster.progress import Measure, Progress, balancing, draining, moves_left, scaling, weight_of
from wire import admin_pb2 as pb

SHARDS: Final = ("mailbox", "queue", "reputation", "greylist", "throttle")
KINDS: Final = (*SHARDS, "gateway")
LEVELS: Final = ("debug", "info", "warning", "error", "critical")


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
        return print_json([plain(state)]) if as_json else print_state(state)

    async def showing(server: Admin) -> None:
        async with aclosing(_states(server)) as states:
            async for state in states:
                if watch and not as_json:
                    click.clear()
                print_json([plain(state)]) if as_json else print_state(state)
                if not watch:
                    return

    return ask(data, showing)


@click.command()
@click.option("--kind", type=click.Choice(SHARDS), default="mailbox", show_default=True, help="Slots of this kind.")
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

    async def asking(server: Admin) -> None:
        await server.cluster.Scale(pb.ScaleRequest(wanted=changes))
        await wait(_measured(server, lambda state: scaling(state, changes)), wait_s)

    ask(data, asking)


@click.command()
@click.argument("node")
@click.option("--undo", is_flag=True, help="Let the node have processes again.")
@wait_option
@data_option
def drain(node: str, undo: bool, wait_s: float, data: Path) -> None:
    """Move everything away from a node, before it is stopped; returns when it is empty."""

    async def asking(server: Admin) -> None:
        if undo:
            await server.cluster.UndrainNode(pb.UndrainNodeRequest(node=node))
            return
        before = await server.cluster.DrainNode(pb.DrainNodeRequest(node=node))
        most = weight_of(before, node)
        await wait(_measured(server, lambda state: draining(state, node, most)), wait_s)

    ask(data, asking)


@click.command()
@wait_option
@data_option
def rebalance(wait_s: float, data: Path) -> None:
    """Wait until every slot is where it should be. The controller moves them by itself, always."""

    async def asking(server: Admin) -> None:
        most = moves_left(await server.cluster.GetCluster(pb.GetClusterRequest()))
        await wait(_measured(server, lambda state: balancing(state, most)), wait_s)

    ask(data, asking)


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


async def _states(server: Admin) -> AsyncGenerator[pb.ClusterState, None]:
    async for state in server.cluster.WatchCluster(pb.GetClusterRequest()):
        yield state


async def _measured(server: Admin, measure: Measure) -> AsyncGenerator[Progress, None]:
    async with aclosing(_states(server)) as states:
        async for state in states:
            yield measure(state)


async def _looked(config: Path) -> pb.ClusterState:
    """By the registry alone."""
    from cluster.clock import SystemClock
    from cluster.config import load
    from cluster.membership.etcd import EtcdRegistry
    from cluster.membership.members import Layout
    from ops.cluster.operations import look
    from ops.cluster.picture import picture
    from ops.settings import Settings

    settings, clock = load(Settings, config, os.environ), SystemClock()
    registry = EtcdRegistry(settings.cluster.etcd, clock)
    try:
        known = await look(registry, Layout(settings.cluster.name))
    finally:
        await registry.close()
    return picture(known, settings.cluster.name, clock.now_ms())


def _count(text: str) -> tuple[str, int]:
    kind, _, number = text.partition("=")
    if kind not in KINDS or not number.isdecimal():
        raise click.UsageError(f"{text!r}: write KIND=N; kinds are {', '.join(KINDS)}.")
    return kind, int(number)


def print_state(state: pb.ClusterState) -> None:
    """Nodes and their processes as a table, and how it stands."""
    drains = {node.name for node in state.nodes if node.draining}
    empty = [node.name for node in state.nodes if not node.processes]
    rows = [
        (
            f"{each.node} (draining)" if each.node in drains else each.node,
            each.name,
            str(each.slots) if each.kind in SHARDS else "",
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
