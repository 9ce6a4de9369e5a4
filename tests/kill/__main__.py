"""`python -m tests.kill`: kill a server again and again under load, and see that it keeps its promises."""

import statistics
import tempfile
import time
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tests.kill.rounds import Rounds
from tests.load.ledger import Broken


@click.command(context_settings={"show_default": True})
@click.option("--rounds", default=200, help="How often to kill it.")
@click.option("--seed", default=None, type=int, help="The choices of an earlier run.  [default: the time]")
@click.option("--store", default="lmdb", type=click.Choice(["lmdb", "sqlite"]), help="Which store.")
@click.option("--data", default=None, type=click.Path(path_type=Path), help="Where (kept); else a temporary place.")
def main(rounds: int, seed: int | None, store: str, data: Path | None) -> None:
    """Load by SMTP, LMTP and APPEND, kill -9 at a random moment, restart, verify over IMAP; and again.

    Ends with 0 when every promise was kept. When one was not, the data stay, and the seed repeats the choices (though
    not the timing) of the run.
    """
    console = Console()
    seed = int(time.time()) if seed is None else seed
    place = data or Path(tempfile.mkdtemp(prefix="rookery-kill-"))
    play = Rounds(place / "data", seed, store)
    began_s = time.monotonic()
    try:
        _play(play, rounds, console)
    except Broken as broken:
        console.print(f"[red]Not kept[/red] in round {play.totals.rounds + 1}, seed {seed}: {broken}", markup=True)
        console.print(f"The data are in {place}")
        raise SystemExit(1) from None
    finally:
        if play.server.process is not None:
            play.server.kill()
    console.print(_table(play, time.monotonic() - began_s))


def _play(play: Rounds, rounds: int, console: Console) -> None:
    columns = (*Progress.get_default_columns()[:-1], TimeRemainingColumn(), TextColumn("{task.fields[kept]} kept"))
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("rounds", total=rounds, kept=0)
        for _totals in play.run(rounds):
            progress.update(task, advance=1, kept=play.ledger.acknowledged.total())


def _table(play: Rounds, took_s: float) -> Table:
    ledger, totals = play.ledger, play.totals
    table = Table("what", "how many", title=f"All promises kept ({play.store}, seed {play.seed}, {took_s:.0f} s)")
    rows = (
        ("rounds", totals.rounds),
        ("of them killed again while starting", totals.killed_at_start),
        *((f"acknowledged {command}", times) for command, times in sorted(ledger.acknowledged.items())),
        ("messages found once, byte for byte", len(ledger.settled)),
        ("sent again after a crash: none was there before", totals.sent_again),
        ("neither acknowledged nor found", len(ledger.waiting)),
        ("in the mailboxes at the end", sum(len(box.known) for box in ledger.boxes.values())),
        ("slowest start, seconds", f"{max(totals.start_s):.2f}"),
        ("median start, seconds", f"{statistics.median(totals.start_s):.2f}"),
    )
    for row in rows:
        table.add_row(row[0], str(row[1]))
    return table


if __name__ == "__main__":
    main()
