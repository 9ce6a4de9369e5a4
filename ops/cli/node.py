"""`rookery node`: makes this machine a node of a cluster, until it is told to stop."""

import os
from pathlib import Path

import click

from cluster.config import load
from ops.cli.options import config_option
from ops.settings import Settings


@click.command()
@click.option("--head", is_flag=True, help="Be the one node that also runs Ray's control service.")
@click.option("--join", metavar="HOST:PORT", default="", help="Join the cluster whose head is there.")
@config_option
@click.option("--name", default="", help="This node's name, instead of the settings' or the host name.")
@click.option(
    "--autoscaling",
    metavar="FILE",
    type=click.Path(dir_okay=False, exists=True),
    help="On the head, what `ray up` wrote there: Ray's monitor then starts the other machines' nodes.",
)
@click.option("--background", is_flag=True, help="Return when the node is up; --stop stops it.")
@click.option("--stop", is_flag=True, help="Stop the node that runs on this machine, in order; no error without one.")
def node(head: bool, join: str, config: Path, name: str, autoscaling: str | None, background: bool, stop: bool) -> None:
    """Make this machine a node of a cluster, until SIGTERM or Ctrl-C.

    A stop lets this node's processes finish what they promised, gateways first, then ends Ray's. Do `rookery drain`
    before it, and nobody notices.

    \b
    First machine:   rookery node --head --config /etc/rookery.toml
    Every other:     rookery node --join FIRST:6379 --config /etc/rookery.toml
    Then, once:      rookery up --config /etc/rookery.toml
    """
    if [head, bool(join), stop].count(True) != 1:
        raise click.UsageError("Give either --head, on one machine, or --join HOST:PORT, on the others; or --stop.")
    if autoscaling and not head:
        raise click.UsageError("--autoscaling is for the head.")
    from msgspec import structs

    from cluster.hosting.ray import node as keeper

    settings = load(Settings, config, os.environ)
    if stop:
        raise SystemExit(0 if keeper.stop_background(settings.cluster, settings.drain_s) else 1)
    cluster = structs.replace(settings.cluster, node=name) if name else settings.cluster
    if background:
        more = ["--head"] if head else ["--join", join]
        more += ["--name", name] if name else []
        more += ["--autoscaling", autoscaling] if autoscaling else []
        command = keeper.own_command("node", "--config", str(config.absolute()), *more)
        keeper.start_background(command, cluster, head=head)
        click.echo(keeper.up_text(cluster, head=head))
        return
    raise SystemExit(
        keeper.run(cluster, head=join, drain_s=settings.drain_s, tell=click.echo, autoscaling=autoscaling or "")
    )
