"""The command line's front door: the table of commands, their help, and how errors reach a person.

Nothing heavy is imported here: `rookery --help` loads no command, and a command loads only itself.
"""

import errno
import os
import sys
from importlib import import_module
from typing import Final, NamedTuple

import click

from cluster.errors import Fault, Trouble

FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class Command(NamedTuple):
    """Where a command lives and what the list of commands says about it."""

    target: str  # "module:attribute", the attribute a click command
    summary: str


# In the order a newcomer needs them. Add a line to add a command.
COMMANDS: Final[dict[str, Command]] = {
    "alone": Command("ops.cli.alone:alone", "Run a whole mail server in one process; --demo to try things."),
    "node": Command("ops.cli.node:node", "Make this machine a node of a cluster."),
    "up": Command("ops.cli.cluster:up", "Start a cluster's processes on Ray; --address local for this machine."),
    "down": Command("ops.cli.cluster:down", "Stop them all, in order."),
    "status": Command("ops.cli.operate:status", "Nodes, processes and slots of a cluster."),
    "scale": Command("ops.cli.operate:scale", "Run more or fewer processes of a kind on each node."),
    "drain": Command("ops.cli.operate:drain", "Move everything away from a node, before it is stopped."),
    "rebalance": Command("ops.cli.operate:rebalance", "Wait until every slot is where it should be."),
    "slots": Command("ops.cli.operate:slots", "Which shard owns which slot; where an account is."),
    "loglevel": Command("ops.cli.operate:loglevel", "What all processes of a cluster log, changed at once."),
    "config": Command("ops.cli.config:config", "Print all settings with their reasons, to begin a file with."),
    "domain": Command("ops.cli.domain:domain", "Domains whose mail this server takes."),
    "account": Command("ops.cli.account:account", "People with a mailbox: addresses, passwords, quotas."),
    "mailbox": Command("ops.cli.mailbox:mailbox", "An account's mailboxes, and whom they are shared with."),
    "alias": Command("ops.cli.entries:alias", "Other names for accounts."),
    "list": Command("ops.cli.entries:list_", "Addresses whose mail goes to all members."),
    "group": Command("ops.cli.entries:group", "The same, and each member may send as the address."),
    "import": Command(
        "ops.cli.transfer:import_", "Read mbox files and Maildirs into an account; goes on where it was."
    ),
    "export": Command("ops.cli.transfer:export", "Write an account's mail as Maildir or mbox files."),
    "queue": Command(
        "ops.cli.queue:queue", "Mail on its way to other servers: what waits, why, and ways to change it."
    ),
    "why": Command("ops.cli.why:why", "What happened to a message, and why: by Message-ID, queue id or address."),
    "report": Command("ops.cli.report:report", "What others report about our domains, and what we report to them."),
    "search": Command("ops.cli.search:search", "Indexes for searching and sorting: how one stands, a new one."),
    "certificate": Command("ops.cli.certificate:certificate", "Certificates for a cluster's nodes and operators."),
    "audit": Command("ops.cli.audit:audit", "Changes made by operators: when, who, what."),
    "bench": Command("ops.cli.bench:bench", "Measure this server beside Postfix and Dovecot, on this machine."),
    "test": Command("ops.cli.test:test", "Run the tests and every other check; takes pytest's arguments."),
    "sim": Command(
        "ops.cli.sim:sim", "Run a cluster in virtual time with faults from a seed; every run can be replayed."
    ),
    "version": Command("ops.cli.version:version", "Show the version, and of the parts it stands on."),
}


class Lazy(click.Group):
    """A group that reads its commands from the table and imports the one that is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """The table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command; None where the table has none of this name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].target.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of commands, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.summary) for name, command in COMMANDS.items()])


@click.group(
    cls=Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`rookery COMMAND --help` tells more about each.",
)
def rookery() -> None:
    """A mail server: one small program on a laptop, a cluster for millions of accounts."""


def command_name() -> str:
    """How the person called this program, for texts that show a command to type."""
    return os.environ.get("ROOKERY_COMMAND") or "rookery"


def full(error: OSError) -> str:
    """What a person hears of a disk that takes no more."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{os.strerror(error.errno or 0)}: make room there, or give another data directory."


def main() -> None:
    """Run the command line and exit: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its lines are for its makers; what failed is told by us
    try:
        rookery(prog_name=command_name())
    except Trouble as trouble:
        click.echo(f"rookery: {trouble.log if trouble.fault is not Fault.PEER else trouble.says}", err=True)
        sys.exit(1)
    except OSError as error:
        if error.errno not in FULL:
            raise
        click.echo(f"rookery: {full(error)}", err=True)
        sys.exit(1)
