"""The commands that act on a whole cluster: up, down, status, scale, drain, rebalance.

The law: what they do is in ops/cluster; here it is asked for and shown. All but `up` and `down` speak with the registry
alone.
"""

import asyncio
import getpass
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
import msgspec

from cluster.clock import SystemClock
from cluster.config import load
from cluster.errors import Unavailable
from cluster.membership.members import KINDS, Layout
from ops.cli.output import json_option, print_json, print_table
from ops.settings import Settings

if TYPE_CHECKING:
    from cluster.membership.registry import Registry
    from cluster.placement.known import Known
    from ops.cluster.picture import Picture, Progress

WAIT_S: Final = 300.0  # until something asked for is so; the wish stays
COUNT_MAX: Final = 64  # processes of one kind on a node
SCALED: Final = (*KINDS, "gateway")

T = TypeVar("T")
Function = TypeVar("Function", bound=Callable[..., Any])


def config_option(function: Function) -> Function:
    """The option that says which cluster is meant."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        required=True,
        envvar="ROOKERY_CONFIG",
        help="The settings, the same file on every node (or set ROOKERY_CONFIG).",
    )(function)


def wait_option(function: Function) -> Function:
    """The option that says how long to wait."""
    return click.option(
        "--wait", "wait_s", type=float, default=WAIT_S, show_default=True, help="Seconds to wait; 0: do not wait."
    )(function)


def address_option(function: Function) -> Function:
    """The option that says where Ray is."""
    return click.option(
        "--address", default="", metavar="auto|local|HOST:PORT", help="Where Ray is, instead of the settings'."
    )(function)


@click.command()
@config_option
@address_option
@wait_option
def up(config: Path, address: str, wait_s: float) -> None:
    """Start the cluster's processes on Ray, and wait until it serves.

    --address local makes this machine a node first, as `rookery node --head --background`. Running it again is
    harmless.
    """
    from ops.cluster.raising import make, start_local

    settings, path = load(Settings, config, os.environ), config.absolute()
    address = address or settings.cluster.ray.address
    if address == "local":
        address = start_local(settings, path)

    async def main() -> "Picture":
        async with registry_of(settings) as (registry, layout):
            return await make(settings, path, address, registry, layout, partial(show, wait_s=wait_s))

    _print(asyncio.run(main()))


@click.command()
@config_option
@address_option
def down(config: Path, address: str) -> None:
    """Stop the cluster's processes, gateways first; with --address local this machine's node too."""
    from ops.cluster.raising import stop

    settings = load(Settings, config, os.environ)
    if not stop(settings, address or settings.cluster.ray.address, click.echo):
        raise Unavailable("Some processes did not leave in time and were ended.")
    click.echo("Everything has stopped.")


@click.command()
@config_option
@json_option
def status(config: Path, as_json: bool) -> None:
    """Show nodes, processes, slots and moves."""
    from ops.cluster.operations import look
    from ops.cluster.picture import picture

    found = picture(run(config, look))
    if as_json:
        print_json([msgspec.to_builtins(found)])
    else:
        _print(found)


@click.command()
@click.argument("wanted", nargs=-1, required=True, metavar="KIND=N...")
@config_option
@wait_option
def scale(wanted: tuple[str, ...], config: Path, wait_s: float) -> None:
    """Run N processes of a kind on each node: mailbox=2 gateway=1."""
    from ops.cluster import operations
    from ops.cluster.picture import scaling

    changes = dict(_count(each) for each in wanted)

    async def ask(registry: "Registry", layout: Layout) -> None:
        await operations.scale(registry, layout, changes)
        await show(registry, layout, lambda known: scaling(known, changes), wait_s)

    run(config, ask)


@click.command()
@click.argument("node")
@config_option
@wait_option
@click.option("--undo", is_flag=True, help="Let the node have processes again.")
def drain(node: str, config: Path, wait_s: float, undo: bool) -> None:
    """Move everything away from a node, before it is stopped; returns when it is empty."""
    from ops.cluster import operations
    from ops.cluster.picture import draining, weight_of

    async def ask(registry: "Registry", layout: Layout) -> None:
        if undo:
            await operations.undrain(registry, layout, node)
            return
        by = f"{getpass.getuser()}@{socket.gethostname()}"
        most = weight_of(await operations.drain(registry, layout, node, by, SystemClock()), node)
        await show(registry, layout, lambda known: draining(known, node, most), wait_s)

    run(config, ask)


@click.command()
@config_option
@wait_option
def rebalance(config: Path, wait_s: float) -> None:
    """Wait until every slot is where it should be. The controller moves them by itself, always."""
    from ops.cluster import operations
    from ops.cluster.picture import balancing

    async def ask(registry: "Registry", layout: Layout) -> None:
        most = sum((await operations.look(registry, layout)).controller.left.values())
        await show(registry, layout, lambda known: balancing(known, most), wait_s)

    run(config, ask)


def run(config: Path, ask: "Callable[[Registry, Layout], Awaitable[T]]") -> T:
    """Ask something of the registry that the settings name. Raises Trouble."""
    settings = load(Settings, config, os.environ)

    async def main() -> T:
        async with registry_of(settings) as (registry, layout):
            return await ask(registry, layout)

    return asyncio.run(main())


@asynccontextmanager
async def registry_of(settings: Settings) -> "AsyncIterator[tuple[Registry, Layout]]":
    """The cluster's registry and its keys."""
    from cluster.membership.etcd import EtcdRegistry

    registry = EtcdRegistry(settings.cluster.etcd, SystemClock())
    try:
        yield registry, Layout(settings.cluster.name)
    finally:
        await registry.close()


async def show(registry: "Registry", layout: Layout, progress: "Callable[[Known], Progress]", wait_s: float) -> None:
    """A progress bar until it is over. Raises Unavailable when the time is."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    from ops.cluster.operations import follow

    if wait_s <= 0:
        return
    told = "the registry"
    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("waiting", total=None)
        try:
            async with asyncio.timeout(wait_s):
                async for now in follow(registry, layout, progress):
                    told = now.what
                    bar.update(task, completed=now.done, total=now.total, description=f"waiting for {now.what}")
        except TimeoutError:
            raise Unavailable(
                f"Still waiting for {told} after {wait_s:g} s; it goes on by itself, and `rookery status` tells."
            ) from None


def _count(text: str) -> tuple[str, int]:
    kind, _, number = text.partition("=")
    if kind not in SCALED or not number.isdecimal() or int(number) > COUNT_MAX:
        raise click.UsageError(f"{text!r}: write KIND=N; kinds are {', '.join(SCALED)}, N is at most {COUNT_MAX}.")
    return kind, int(number)


def _print(found: "Picture") -> None:
    rows = [
        [node.name + (" (draining)" if node.draining and not at else "") if not at else "", *_row(process)]
        for node in found.nodes
        for at, process in enumerate(node.processes)
    ]
    rows += [[f"{node.name} (empty)", "", "", "", ""] for node in found.nodes if not node.processes]
    print_table(["node", "process", "slots", "address", "pid"], rows, empty="No process has announced itself.")
    moves = ", ".join(f"{count} of {kind}" for kind, count in found.left.items() if count)
    unowned = ", ".join(f"{count} of {kind}" for kind, count in found.unowned.items() if count)
    click.echo(f"controller: {found.leader or 'none leads'}; moves left: {moves or 'none'}")
    click.echo(f"slots without an owner: {unowned or 'none'}" + (f"; {found.trouble}" if found.trouble else ""))


def _row(process: Any) -> list[str]:
    slots = str(process.slots) if process.kind in KINDS else ""
    return [process.name, slots, process.address, str(process.pid or "")]
