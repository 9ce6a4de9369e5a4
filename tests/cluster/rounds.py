"""Rounds on one cluster: load, a fault, service again, quiet, and every promise looked at.

The law: the faults and the choices of the load come from the seed (their timing does not). A round ends only when every
account is served again without anybody's help and every process is back.
"""

import random
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.cluster.faults import Fault, Hit
from tests.cluster.observer import fenced, wait_for
from tests.cluster.running import Cluster
from tests.cluster.traffic import Traffic
from tests.load.ledger import Broken, Doubled, Lost

WARM_S: Final = (0.8, 1.6)  # of load before the fault
AFTER_S: Final = 0.7  # of load when all is well again
SERVED_S_MAX: Final = 60.0
ALL_BYTES_EVERY: Final = 10  # rounds
DEFECTS: Final = re.compile(rb"Traceback|\.defect|Fatal Python error|never (retrieved|awaited)|\"level\":\"critical\"")


@dataclass
class Round:
    """What one round was."""

    fault: str
    gap_s: float
    acknowledged: int
    failed: int
    cut: int
    kept: int  # messages that are there although their sender was told to come later
    fenced: int  # late writes that the store refused
    whole_s: float  # until every process was back, from the fault on


@dataclass
class Rounds:
    """A cluster and its history."""

    cluster: Cluster
    seed: int
    results: list[Round] = field(default_factory=list)
    broken: bool = False
    lost: int = 0
    doubled: int = 0
    _read: dict[Path, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.traffic = Traffic(self.cluster, self.dice)

    def play(self, fault: Fault) -> Round:
        """One round. Raises Broken, with the fault's name."""
        try:
            return self._play(fault)
        except TimeoutError as error:
            self.broken = True
            raise Broken(f"{fault.name}: {error}") from error
        except Broken as broken:
            self.broken = True
            self.lost += isinstance(broken, Lost)
            self.doubled += isinstance(broken, Doubled)
            raise type(broken)(f"{fault.name}: {broken}") from broken

    def _play(self, fault: Fault) -> Round:
        traffic, ledger = self.traffic, self.traffic.ledger
        acknowledged, failed, cut = ledger.acknowledged.total(), ledger.failed.total(), traffic.cut.total()
        shards = self.cluster.shards()
        fenced_before = fenced(shards)
        traffic.begin(f"{self.seed}.{len(self.results)}")
        began = time.monotonic()
        wait_for(lambda: traffic.served_since(began, self.cluster.logins), SERVED_S_MAX)
        time.sleep(self.dice.uniform(*WARM_S))
        hit = fault.do(self.cluster, self.dice)
        done = time.monotonic()
        wait_for(lambda: traffic.served_since(done, self.cluster.logins), SERVED_S_MAX)
        self.cluster.wait_whole(SERVED_S_MAX)
        whole_s = time.monotonic() - hit.at
        time.sleep(AFTER_S)
        result = Round(
            fault.name,
            self._gap(hit),
            ledger.acknowledged.total() - acknowledged,
            ledger.failed.total() - failed,
            traffic.cut.total() - cut,
            -ledger.kept,
            max(0, fenced(shards) - fenced_before),  # those that were killed took their counts with them
            whole_s,
        )
        traffic.end()
        traffic.verify(all_bytes=len(self.results) % ALL_BYTES_EVERY == ALL_BYTES_EVERY - 1)
        result.kept += ledger.kept
        self.look_at_logs()
        if fault.quiet and result.failed + result.cut:
            raise Broken(f"{result.failed} commands failed and {result.cut} connections were cut")
        if fault.stays and (cut := result.cut + traffic.began_again()):
            raise Broken(f"{cut} connections were cut, though all gateways were there")
        self.results.append(result)
        return result

    def finish(self) -> None:
        """Stop as operators do, and look inside. Raises Broken."""
        try:
            self.cluster.stop()
        except AssertionError as wrong:
            self.broken = True
            raise Broken(f"after {len(self.results)} rounds: {wrong}") from wrong
        self.look_at_logs()

    def _gap(self, hit: Hit) -> float:
        return max(self.traffic.gap(hit.at, login) for login in hit.logins)

    def look_at_logs(self) -> None:
        """What the processes have logged since the last time tells of no defect. Raises Broken."""
        for path in self.cluster.hosting.logs():
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                new = file.read()
            self._read[path] = self._read.get(path, 0) + len(new)
            if found := DEFECTS.search(new):
                raise Broken(f"{path} tells of a defect: {new[max(0, found.start() - 300) : found.end() + 1500]!r}")
