"""`python -m tests.kill`: kill a server again and again under load, and see that it keeps its promises."""

import statistics
import tempfile
import time
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tests.kill.queue_rounds import QueueRounds
from tests.kill.rounds import Rounds
from tests.load.ledger import Broken

Row = tuple[tuple[str, object], ...]


@click.command(context_settings={"show_default": True})
@click.option("--rounds", default=200, help="How often to kill it.")
@click.option("--seed", default=None, type=int, help="The choices of an earlier run.  [default: the time]")
@click.option("--store", default="lmdb", type=click.Choice(["lmdb", "sqlite"]), help="Which store.")
@click.option("--queue", is_flag=True, help="Mail to other servers, with a bad one as the sink.")
@click.option("--data", default=None, type=click.Path(path_type=Path), help="Where (kept); else a temporary place.")
def main(rounds: int, seed: int | None, store: str, data: Path | None, *, queue: bool) -> None:
    """Load by SMTP, LMTP, IMAP and JMAP, kill -9 at a random moment, restart, verify over IMAP and JMAP; and again.

    With --queue the load is mail to other servers, and in the end each message must be at the sink, or back, once.

    Ends with 0 when every promise was kept. When one was not, the data stay, and the seed repeats the choices (though
    not the timing) of the run.
    """
    console = Console()
    seed = int(time.time()) if seed is None else seed
    place = data or Path(tempfile.mkdtemp(prefix="rookery-kill-"))
    play = QueueRounds(place / "data", seed, store) if queue else Rounds(place / "data", seed, store)
    began_s = time.monotonic()
    try:
        _play(play, rounds, console)
    except Broken as broken:
        console.print(f"[red]Not kept[/red] in round {play.played + 1}, seed {seed}: {broken}", markup=True)
        console.print(f"The data are in {place}")
        raise SystemExit(1) from None
    finally:
        play.close()
    table = Table(
        "what", "how many", title=f"All promises kept ({store}, seed {seed}, {time.monotonic() - began_s:.0f} s)"
    )
    for what, value in _of_queue(play) if isinstance(play, QueueRounds) else _of_mailboxes(play):
        table.add_row(what, str(value))
    console.print(table)


def _play(play: Rounds | QueueRounds, rounds: int, console: Console) -> None:
    columns = (*Progress.get_default_columns()[:-1], TimeRemainingColumn(), TextColumn("{task.fields[kept]} kept"))
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("rounds", total=rounds, kept=0)
        for _round in play.run(rounds):
            progress.update(task, advance=1, kept=play.acknowledged)


def _of_queue(play: QueueRounds) -> Row:
    found = play.reckoned
    return (
        ("rounds", play.played),
        ("kills", play.killed),
        ("messages acknowledged", play.acknowledged),
        ("recipients that have it, by the sink's log", found.taken),
        ("recipients that came back, once", found.bounced),
        ("waiting still", found.queued),
        ("taken again after a 250, because of a kill", found.again),
        ("of them after a 250 with something after it", found.again_heard),
        ("longest time from such a 250 to the kill, seconds", f"{found.settle_s:.3f}"),
        ("slowest start, seconds", f"{max(play.start_s):.2f}"),
        ("median start, seconds", f"{statistics.median(play.start_s):.2f}"),
    )


def _of_mailboxes(play: Rounds) -> Row:
    ledger, totals = play.ledger, play.totals
    return (
        ("rounds", totals.rounds),
        ("of them killed again while starting", totals.killed_at_start),
        *((f"acknowledged {command}", times) for command, times in sorted(ledger.acknowledged.items())),
        ("messages found once, byte for byte", len(ledger.settled)),
        ("sent again after a crash: none was there before", totals.sent_again),
        ("neither acknowledged nor found", len(ledger.waiting)),
        ("in the mailboxes at the end", sum(len(box.known) for box in ledger.boxes.values())),
        (
            "clients that came back with QRESYNC and knew just what was there",
            sum(one.came_back for one in play.followers),
        ),
        ("times that JMAP clients heard of changes by /changes", sum(one.caught_up for one in play.believers)),
        ("states that event sources told of", sum(one.heard.total() for one in play.believers)),
        ("slowest start, seconds", f"{max(totals.start_s):.2f}"),
        ("median start, seconds", f"{statistics.median(totals.start_s):.2f}"),
    )


if __name__ == "__main__":
    main()
