"""`python -m tests.cluster`: hit a cluster again and again under load, and see that it keeps its promises.

Real processes over a real etcd, PostgreSQL and MinIO. Reading order: services.py (what keeps the state), hosting.py
(what runs the processes), running.py (the cluster), traffic.py (the load: tests/load over all gateways), watching.py
(IDLE clients; those of JMAP are in tests/load), faults.py (what is done to it), rounds.py (one fault after the other,
and what it cost). The folder is no package of its own: its name would hide `cluster` from pytest.
"""

import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.progress import Progress, TextColumn

from ops import parts
from tests.cluster.faults import BY_NAME, FAULTS, Fault
from tests.cluster.idle import measure
from tests.cluster.report import summary, table
from tests.cluster.rounds import Round, Rounds
from tests.cluster.running import HOSTINGS, Cluster
from tests.cluster.services import PARTS, no_network, store_kind
from tests.load.ledger import Broken

EXIT_STOPPED: Final = 143
WIDTH: Final = 150  # of the table in a file
ROUNDS_A_CLUSTER: Final = 25  # then a new one, so that mailboxes and logs stay small


@click.command(context_settings={"show_default": True})
@click.option("--rounds", default=100, help="How many faults.")
@click.option("--faults", default="", help="Only these, separated by commas.  [default: all that can be made here]")
@click.option("--seed", default=None, type=int, help="The choices of an earlier run.  [default: the time]")
@click.option("--hosting", default="processes", type=click.Choice(sorted(HOSTINGS)), help="What runs the processes.")
@click.option("--nodes", default=3, help="How many nodes.")
@click.option("--idle", default=0, help="Measure so many deliveries to IDLE clients of another gateway instead.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def main(rounds: int, faults: str, seed: int | None, hosting: str, nodes: int, idle: int, as_json: bool) -> None:
    """Load over all gateways, a fault, service again, and every acknowledgement held against what is there.

    Ends with 0 when every promise was kept. When one was not, the folder stays, and the seed repeats the choices
    (though not the timing) of the run.
    """
    console = Console(stderr=as_json, width=None if sys.stdout.isatty() else WIDTH)
    if missing := parts.missing(PARTS):
        raise click.ClickException(f"this needs {', '.join(map(parts.skip_reason, missing))}")
    if hosting == "ray" and (reason := no_network()):
        raise click.ClickException(f"Ray's nodes need a network namespace each: {reason}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_STOPPED))  # leaves in order, and with everything stopped
    seed = int(time.time()) if seed is None else seed
    if idle:
        print(json.dumps(_idle(idle, hosting, nodes)))
        return
    run = _Run(_chosen(faults, hosting), seed, hosting, nodes, console)
    code = run.play(rounds)
    goals = {fault.name: fault.goal_s for fault in FAULTS}
    rows = summary(run.results, goals, run.lost, run.doubled)
    if as_json:
        print(json.dumps({"seed": seed, "hosting": hosting, "kept": code == 0, "rows": rows}, indent=1))
    else:
        word = "All promises kept" if code == 0 else "Not kept"
        console.print(table(rows, f"{word} ({hosting}, {nodes} nodes, seed {seed}, {run.took_s:.0f} s)"))
    raise SystemExit(code)


def _chosen(names: str, hosting: str) -> list[Fault]:
    possible = [
        fault
        for fault in FAULTS
        if fault.store in ("", store_kind())
        and fault.hosting in ("", hosting)
        and (not fault.network or not no_network())
    ]
    if not names:
        return possible
    if unknown := set(names.split(",")) - {fault.name for fault in possible}:
        raise click.ClickException(f"cannot be done here: {', '.join(sorted(unknown))}")
    return [BY_NAME[name] for name in names.split(",")]


def _idle(deliveries: int, hosting: str, nodes: int) -> dict[str, float]:
    folder = Path(tempfile.mkdtemp(prefix="rookery-idle-"))
    try:
        with Cluster(folder, nodes=nodes, hosting=HOSTINGS[hosting]) as cluster:
            return measure(cluster, deliveries)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Run:
    """Rounds over clusters, one after the other, with one and three members of etcd in turn."""

    def __init__(self, faults: list[Fault], seed: int, hosting: str, nodes: int, console: Console) -> None:
        self._faults = faults
        self._seed = seed
        self._hosting = hosting
        self._nodes = nodes
        self._console = console
        self._dice = random.Random(seed)
        self.results: list[Round] = []
        self.lost = self.doubled = 0
        self.took_s = 0.0

    def play(self, rounds: int) -> int:
        """The exit code."""
        began = time.monotonic()
        with Progress(*Progress.get_default_columns(), TextColumn("{task.fields[now]}"), console=self._console) as bar:
            task = bar.add_task("rounds", total=rounds, now="")
            while len(self.results) < rounds:
                folder = Path(tempfile.mkdtemp(prefix="rookery-faults-"))
                try:
                    for now in self._on_one(folder, min(ROUNDS_A_CLUSTER, rounds - len(self.results))):
                        bar.update(task, completed=len(self.results), now=now)
                        if not self._console.is_terminal:
                            self._console.print(
                                f"{len(self.results)} of {rounds} rounds done; now {now}", highlight=False
                            )
                except (Broken, TimeoutError) as broken:
                    where = f"round {len(self.results) + 1}, seed {self._seed}"
                    self._console.print(f"Not kept in {where}: {broken}", markup=False, highlight=False)
                    self._console.print(f"The logs and the data are in {folder}", markup=False)
                    return 1
                finally:
                    self.took_s = time.monotonic() - began
                shutil.rmtree(folder, ignore_errors=True)
        return 0

    def _on_one(self, folder: Path, rounds: int) -> Iterator[str]:
        """Rounds on a new cluster; what is done next, before each."""
        members = max(fault.etcd_members for fault in self._faults) if len(self.results) // ROUNDS_A_CLUSTER % 2 else 1
        faults = [fault for fault in self._faults if fault.etcd_members <= members] or self._faults
        members = max(members, min(fault.etcd_members for fault in faults))
        network = any(fault.network for fault in faults) or self._hosting == "ray"
        hosting = HOSTINGS[self._hosting]
        yield f"a cluster with {members} of etcd"
        with Cluster(folder, nodes=self._nodes, etcd_members=members, hosting=hosting, network=network) as cluster:
            play = Rounds(cluster, self._seed + len(self.results))
            for _ in range(rounds):
                fault = self._dice.choice(faults)
                yield fault.name
                try:
                    self.results.append(play.play(fault))
                finally:
                    self.lost, self.doubled = self.lost + play.lost, self.doubled + play.doubled
            yield "all stops"
            play.finish()


if __name__ == "__main__":
    main()
