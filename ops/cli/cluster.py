"""The commands that need Ray: up, down.

The law: what they do is in ops/cluster; here it is asked for and shown.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cluster.clock import SystemClock
from cluster.config import load
from cluster.errors import Unavailable
from cluster.membership.members import Layout
from ops.cli.operate import print_state
from ops.cli.options import config_option
from ops.cli.waiting import wait, wait_option
from ops.settings import Settings

if TYPE_CHECKING:
    from cluster.membership.registry import Registry
    from ops.cluster.progress import Measure
    from wire import admin_pb2 as pb

Function = TypeVar("Function", bound=Callable[..., Any])


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
    from ops.roles.operator import check

    settings, path = load(Settings, config, os.environ), config.absolute()
    with asyncio.Runner() as runner:  # one loop for both: gRPC's thread would go on waking one that has been closed
        runner.run(check(settings))
        address = address or settings.cluster.ray.address
        if address == "local":
            address = start_local(settings, path)

        async def main() -> "pb.ClusterState":
            async with registry_of(settings) as (registry, layout):
                return await make(settings, path, address, registry, layout, partial(show, wait_s=wait_s))

        print_state(runner.run(main()))


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


@asynccontextmanager
async def registry_of(settings: Settings) -> "AsyncIterator[tuple[Registry, Layout]]":
    """The cluster's registry and its keys."""
    from cluster.membership.etcd import EtcdRegistry

    registry = EtcdRegistry(settings.cluster.etcd, SystemClock())
    try:
        yield registry, Layout(settings.cluster.name)
    finally:
        await registry.close()


async def show(registry: "Registry", layout: Layout, measure: "Measure", wait_s: float) -> None:
    """A progress bar until it is over. Raises Unavailable when the time is."""
    from ops.cluster.operations import follow

    await wait(follow(registry, layout, measure), wait_s)
