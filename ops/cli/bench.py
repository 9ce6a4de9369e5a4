"""`rookery bench`: measure this server beside Postfix, Dovecot and Cyrus, on this machine, in one run."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from ops.bench.delivery import Make
    from ops.bench.figures import Value

ROUNDS: Final = 5
TABLE_COLUMNS_MIN: Final = 140  # a narrow table of figures cannot be read
PARTS: Final = {
    "delivery": "messages from SMTP to where IMAP shows them, and CPU a message; also on SQLite",
    "relay": "messages from SMTP through the queue into smtp-sink, and CPU a message; beside Postfix",
    "inbound": "what each check on mail from outside costs, and a DKIM signature on mail that leaves; without peers",
    "imap": "fifty IMAP clients at work, operation by operation",
    "searching": "SORT, THREAD and SEARCH in a mailbox of 100,000 messages, the first time and again",
    "told": "how soon a thousand idle sessions have all heard of a change, and CPU a session",
    "pushed": "how soon a thousand event sources of JMAP have heard of a delivery, and memory of each; without peers",
    "jmap": "a page of a mailbox of 100,000 over JMAP, what changes, large blobs; beside Cyrus",
    "resync": "coming back after 10,000 changes in a mailbox of 100,000 messages: QRESYNC and CHANGEDSINCE",
    "memory": "idle, with many accounts, with many connections",
    "large": "SELECT of a mailbox of a million messages",
    "growth": "the cost of a message and of an IMAP command from a thousand accounts to a million",
    "shards": "the same from one mailbox shard to eight, of a cluster, as the next three; without peers",
    "moves": "slots on the move, and what clients feel of it; how long a dead shard is missed",
    "activation": "a cold account's first client; memory of an account and of each process of a cluster",
    "idle": "how soon IDLE hears of a change made through another gateway",
    "rpc": "a call between two processes of a cluster; without peers",
}


@click.command(epilog="\b\n" + "\n".join(f"{name:12}{text}" for name, text in PARTS.items()))
@click.option("--quick", is_flag=True, help="Small loads and one round, to see that it works: no result.")
@click.option("--only", multiple=True, type=click.Choice(list(PARTS)), help="This part; may be given again.")
@click.option("--rounds", type=click.IntRange(min=1), help=f"Rounds of each figure; {ROUNDS} unless quick.")
@click.option("--ours", is_flag=True, help="Only Rookery, without peers.")
@click.option(
    "--peers",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="ROOKERY_PEERS",
    help="The script that starts Postfix and Dovecot; ../shared/peers/postfix-dovecot unless given.",
)
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default="/var/tmp",  # noqa: S108 - on disk where /tmp may be in memory; what is made there is private
    show_default=True,
    help="Where both servers keep their data: the disk that is measured.",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where RESULTS.md and the plots go: ops/bench, or ops/bench/out of a quick run.",
)
def bench(
    quick: bool,
    only: tuple[str, ...],
    rounds: int | None,
    ours: bool,
    peers: Path | None,
    directory: Path,
    results: Path | None,
) -> None:
    """Measure Rookery beside Postfix and Dovecot: the same machine, the same run, both durable, both empty at first.

    Needs root and Debian's postfix, dovecot-imapd and dovecot-lmtpd; without them only Rookery is measured. Cyrus, the
    peer of JMAP, is fetched from Debian and unpacked in a folder of ours.
    A whole run takes about an hour and a half. Keep the machine quiet meanwhile.
    """
    from rich.console import Console

    from ops.bench import report
    from ops.bench.figures import rows_of
    from ops.bench.machine import describe
    from ops.bench.peers import ROOT, SCRIPT, scratch

    signal.signal(signal.SIGTERM, _interrupt)
    script = (peers or SCRIPT).absolute()
    results = results or ROOT / "ops" / "bench" / ("out" if quick else "")
    command = "rookery bench" + "".join(f" {argument}" for argument in sys.argv[2:])
    console = Console()
    console.width = max(console.width, TABLE_COLUMNS_MIN)
    for name in only or PARTS:
        machine = describe(directory)
        module = import_module(f"ops.bench.{name}")
        skipped = missing(name, script, ours=ours)
        make = makers(name, None if skipped else script)
        rounds_of = rounds or (1 if quick else ROUNDS)
        values = _told(module.measure, make, partial(scratch, directory), rounds_of, quick=quick)
        part = report.Part(name, command, quick, machine, rows_of(values), skipped)
        report.write(part, results)
        console.print(report.terminal(part))
        if skipped:
            console.print(f"Not measured: {skipped}.")
    console.print(f"Written: {results / report.PAGE}")


def missing(part: str, script: Path, *, ours: bool) -> str:
    """Why the peers of a part cannot be measured; empty if they can. Cyrus is fetched."""
    from ops.bench import cyrus, peers

    if part == "pushed":
        return ""
    if part == "jmap":
        return "Cyrus, as --ours asks" if ours else cyrus.missing(install=True)
    return "Postfix and Dovecot, as --ours asks" if ours else peers.missing(script)


def makers(part: str, script: Path | None) -> "dict[str, Make]":
    """How to make each server of a part in a directory; the peers by `script`, or not at all."""
    from ops.bench import cyrus, peers, people
    from ops.bench.services import free_port

    made: dict[str, Make] = {peers.OURS: lambda path: peers.Rookery(path, peers.free_ports())}
    if part == "pushed":
        return {peers.OURS: people.ours(takes="smtp")}
    if part == "jmap":
        made = {peers.OURS: people.ours(takes="lmtp")}
        if script is not None:
            made[cyrus.CYRUS] = lambda path: cyrus.Cyrus(path, peers.free_ports(), free_port())
        return made
    if script is not None:
        made[peers.PEERS] = lambda path: peers.PostfixDovecot(path, peers.free_ports(), script)
    if part == "delivery":
        made[peers.SQLITE] = lambda path: peers.Rookery(path, peers.free_ports(), "sqlite", peers.SQLITE)
    if part == "searching":
        made[peers.OURS] = lambda path: peers.Rookery(path, peers.free_ports(), index="all")
        made[peers.UNINDEXED] = lambda path: peers.Rookery(path, peers.free_ports(), name=peers.UNINDEXED, index="off")
    return made


def _told(measure: "Callable[..., Iterator[Value]]", *arguments: Any, quick: bool) -> "list[Value]":
    def told(text: str) -> None:
        click.echo(text, err=True)

    with closing(measure(*arguments, quick=quick, told=told)) as values:  # type: ignore[type-var]
        return list(values)


def _interrupt(_signal: int, _frame: object) -> None:
    """SIGTERM ends a run as Ctrl-C does: servers are stopped and their directories removed."""
    raise KeyboardInterrupt
