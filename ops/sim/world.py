"""The world of one run: loop, network, store, registry, and processes on their hosts, with what can be done to them.

The law: every choice is drawn from the seed, from a stream of its own for each part, so that the same seed gives the
same run in every process, whatever is asked about it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, Final

from cluster.membership.members import Layout
from ops.sim.ledger import Ledger
from ops.sim.loop import Lane, SimLoop
from ops.sim.network import Network
from ops.sim.registry import SimRegistryServer
from ops.sim.store import SimStore
from ops.sim.trace import Trace

START_MS: Final = 1_767_225_600_000  # 2026-01-01: when every run begins
DRIFT_MAX: Final = 200e-6  # of a quartz, at worst
CLUSTER: Final = "sim"

Main = Callable[["Process"], Coroutine[Any, Any, None]]


class SimClock:
    """A host's clock: wall time that people and NTP set, and monotonic time that drifts a little."""

    def __init__(self, loop: SimLoop, lane: Lane) -> None:
        self._loop = loop
        self._lane = lane
        self.ahead_ms = 0  # of true time

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return START_MS + self.ahead_ms + int(self._loop.now * self._lane.rate * 1000)

    def monotonic(self) -> float:
        """Seconds; the loop's time on this lane."""
        return self._loop.now * self._lane.rate + self._lane.shift


class Process:
    """One life of a process on a host. `parts`: what it made, by name, for faults and invariants to find."""

    def __init__(self, world: "World", host: str, kind: str, life: int) -> None:
        dice = world.dice("host", host, life)
        drifts = world.drifts
        self.world = world
        self.host = host
        self.kind = kind
        self.lane = Lane(host, rate=1 + dice.uniform(-drifts, drifts), shift=dice.uniform(0, 1e6))
        self.clock = SimClock(world.loop, self.lane)
        self.dice = dice
        self.address = f"{host}:{life}"  # a restarted process has another port
        self.life = life
        self.incarnation = 0
        self.stops = 0  # SIGSTOPs without their SIGCONT
        self.parts: dict[str, Any] = {}


def stream(seed: int, *of: object) -> Random:
    """The seed's stream of random numbers for one purpose."""
    return Random(repr((seed, *of)))  # noqa: S311 - a run must be repeatable


class World:
    """One run's. Made in the running loop."""

    def __init__(self, seed: int, loop: SimLoop, trace: Trace, broken: list[str], *, drifts: float = 0.0) -> None:
        """`broken` gathers the invariants that do not hold."""
        self.seed = seed
        self.loop = loop
        self.trace = trace
        self.drifts = drifts
        self.broken = broken
        self.stopped = asyncio.Event()
        self.network = Network(loop, self.dice("network"), trace)
        self.store = SimStore(self.network, self._landed)
        self.registry = SimRegistryServer(self.network)
        self.layout = Layout(CLUSTER)
        self.ledger = Ledger(self.store.engine, self._incarnation_of, self.fail)
        self.processes: dict[str, Process] = {}  # the last life of each host's process
        self._mains: dict[str, tuple[str, Main]] = {}
        self._lives: dict[Lane, Process] = {}

    def dice(self, *of: object) -> Random:
        """A stream of random numbers of its own."""
        return stream(self.seed, *of)

    def fail(self, what: str) -> None:
        """An invariant does not hold."""
        self.trace("BROKEN", what)
        self.broken.append(what)
        self.stopped.set()

    # Processes

    def host(self, name: str, kind: str, main: Main) -> None:
        """A host with one process, which is started."""
        self._mains[name] = (kind, main)
        self.start(name)

    def start(self, name: str) -> None:
        """Start the host's process, once more; no error while it runs."""
        before = self.processes.get(name)
        if before is not None and before.lane.alive:
            return
        kind, main = self._mains[name]
        process = Process(self, name, kind, before.life + 1 if before is not None else 1)
        if before is not None:
            process.clock.ahead_ms = before.clock.ahead_ms
        self.processes[name] = process
        self._lives[process.lane] = process
        self.trace("start", name, process.life)
        self.loop.spawn(process.lane, main(process))

    def kill(self, name: str, *, silent: bool) -> None:
        """SIGKILL, or `silent`: the host loses its power, and nobody is told."""
        process = self.processes[name]
        if process.lane.alive:
            self.trace("kill", name)
            self.network.cut(process.lane, silent=silent)
            self.loop.kill(process.lane)

    def pause(self, process: Process) -> None:
        """SIGSTOP."""
        process.stops += 1
        self.loop.pause(process.lane)

    def resume(self, process: Process) -> None:
        """SIGCONT, after as many as there were SIGSTOPs; one that was killed meanwhile stays dead."""
        process.stops -= 1
        if not process.stops:
            self.loop.resume(process.lane)

    def alive(self, kind: str) -> list[Process]:
        """The processes of a kind that live."""
        return [each for each in self.processes.values() if each.kind == kind and each.lane.alive]

    def _incarnation_of(self, lane: Lane) -> int:
        process = self._lives.get(lane)
        return process.incarnation if process is not None else 0

    def _landed(self, lane: Lane, changes: Any) -> None:
        self.ledger.landed(lane, changes)
