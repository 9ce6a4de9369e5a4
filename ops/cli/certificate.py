"""`rookery certificate`: the cluster's own authority, and what it signs for nodes and operators."""

import datetime as dt
from pathlib import Path
from typing import cast

import click

from cluster.authority import Role, issue, make_authority
from ops.cli.output import Group


@click.group(cls=Group)
def certificate() -> None:
    """Make the certificates by which a cluster's nodes and operators know each other.

    \b
      rookery certificate authority ./keys            once; keep authority-key.pem off the nodes
      rookery certificate issue ./keys node1          for [cluster.rpc] and [admin] on node1
      rookery certificate issue ./keys alice --role admin
                                                      for alice's --certificate and --key
      rookery certificate issue ./keys node1-ray --role ray --address node1 --address 10.0.0.1
                                                      for [cluster.ray] tls_certificate and tls_key on node1
    """


@certificate.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def authority(directory: Path) -> None:
    """Make an authority in DIRECTORY."""
    made = make_authority(directory, dt.datetime.now(dt.UTC))
    click.echo(f"{made.certificate} goes to every node and operator; keep {made.key} where only you can read it.")


@certificate.command(name="issue")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["node", "admin", "ray"]),
    default="node",
    show_default=True,
    help="node: for a machine of the cluster. admin: for an operator; it opens nothing but the admin service. ray: for "
    "TLS between Ray's own processes; it opens nothing of ours.",
)
@click.option(
    "--address", multiple=True, help="With --role ray: a name or IP address of the machine; as often as it has some."
)
def issue_(directory: Path, name: str, role: str, address: tuple[str, ...]) -> None:
    """Make a certificate and its key for NAME, signed by the authority in DIRECTORY."""
    made = issue(directory, name, cast("Role", role), dt.datetime.now(dt.UTC), address)
    click.echo(f"{made.certificate} and {made.key} are for {name} alone.")
