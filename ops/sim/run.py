"""One seed: build the world, let clients and faults loose, mend everything, and see that all is well.

The law: `play` of the same seed and options is the same run, step for step.
"""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from msgspec import Struct

from cluster.errors import Trouble
from ops.sim import cast
from ops.sim.faults import KINDS, Kind, schedule
from ops.sim.havoc import Havoc
from ops.sim.invariants import check_all, check_views
from ops.sim.load import Attempts, Stage
from ops.sim.logs import watched
from ops.sim.loop import SimLoop, Stuck
from ops.sim.small import small_world
from ops.sim.store import ReadNow
from ops.sim.trace import Trace
from ops.sim.world import DRIFT_MAX, Process, World, stream

GATEWAYS: Final = ("gateway-1", "gateway-2")
SHARDS: Final = ("shard-1", "shard-2", "shard-3")
CONTROLLERS: Final = ("controller-1", "controller-2")
ACCOUNTS: Final = 3
STEPS: Final = 24  # of each client
HORIZON_S: Final = 25.0  # faults befall within
BUSY_S: Final = 120.0  # after the last fault was mended, clients finish: a call takes 20 s at most, a delivery four
WELL_S: Final = 60.0  # and everything answers again
QUIET_S: Final = 30  # and views have caught up


class Outcome(Struct, frozen=True):
    """What came of a run."""

    seed: int
    broken: tuple[str, ...]  # invariants; empty: all held
    digest: str  # of the trace
    steps: int  # of the event loop
    seconds: float  # of virtual time
    commits: int
    answered: int
    unanswered: int
    faults: dict[str, int]
    trace: tuple[str, ...] = ()


def play(
    seed: int,
    kinds: Sequence[Kind] = KINDS,
    *,
    steps: int = STEPS,
    tell: Callable[[str], None] | None = None,
) -> Outcome:
    """Run a seed. `tell` hears each event of the trace as a line."""
    # The collector's moments are the process's, not the seed's; nothing here waits for it.
    collects = gc.isenabled()
    gc.disable()
    try:
        with small_world():
            return _play(seed, kinds, steps, tell)
    finally:
        if collects:
            gc.enable()


def _play(seed: int, kinds: Sequence[Kind], steps: int, tell: Callable[[str], None] | None) -> Outcome:
    loop = SimLoop(stream(seed, "loop"))
    trace = Trace(lambda: loop.now, tell)
    run = _Run(seed, kinds, steps, loop, trace)
    try:
        with watched(loop.failures.append):
            loop.run_until_complete(run.main())
    except Stuck as stuck:
        run.broken.append(f"stuck: {stuck}")
    finally:
        loop.check_tasks()
        loop.close()
    broken = tuple(dict.fromkeys([*run.broken, *loop.failures]))
    return Outcome(
        seed,
        broken,
        trace.digest(loop.steps),
        loop.steps,
        loop.now,
        run.world.store.commits,
        run.attempts.answered,
        run.attempts.unanswered,
        run.havoc.counts,
        tuple(trace.lines()) if broken else (),
    )


class _Run:
    world: World
    havoc: Havoc

    def __init__(self, seed: int, kinds: Sequence[Kind], steps: int, loop: SimLoop, trace: Trace) -> None:
        self.broken: list[str] = []
        self.attempts = Attempts()
        self._seed = seed
        self._kinds = kinds
        self._steps = steps
        self._loop = loop
        self._trace = trace

    async def main(self) -> None:
        """The whole run."""
        drifts = DRIFT_MAX if "clock" in self._kinds else 0.0
        self.world = world = World(self._seed, self._loop, self._trace, self.broken, drifts=drifts)
        self.havoc = Havoc(world)
        acting = asyncio.create_task(self._acts())
        acting.add_done_callback(lambda _task: world.stopped.set())
        await world.stopped.wait()  # by the end, or by the first invariant that does not hold
        if acting.done():
            acting.result()

    async def _acts(self) -> None:
        world = self.world
        dice = world.dice("plot")
        accounts = [dice.getrandbits(62) | 1 for _ in range(ACCOUNTS)]
        stage = Stage(accounts, world.ledger, self.attempts, world.trace, world.fail)
        for name in CONTROLLERS:
            world.host(name, "controller", cast.controller)
        for name in SHARDS:
            world.host(name, "mailbox", cast.shard)
        for name in GATEWAYS:
            world.host(name, "gateway", cast.gateway(stage, self._steps))
        faults = schedule(
            self._kinds, world.dice("faults"), HORIZON_S, gateways=GATEWAYS, shards=SHARDS, controllers=CONTROLLERS
        )
        operator = asyncio.create_task(self._operate())
        await self.havoc.run(faults)
        await asyncio.sleep(max(0.0, HORIZON_S - self._loop.now))
        await operator
        self.havoc.finish()
        self._trace("mended")
        await self._recover(accounts)
        await check_all(world, ReadNow(world.store.engine), self.attempts)
        self._trace("done")

    async def _operate(self) -> None:
        """Somebody empties a node now and then, so that slots move."""
        world, dice = self.world, self.world.dice("operator")
        for _ in range(dice.randint(0, 2)):
            await asyncio.sleep(dice.uniform(1.0, HORIZON_S / 3))
            key = world.layout.drains + dice.choice(SHARDS)
            world.registry.change({key: b'{"by":"operator","at_ms":0}'}, (), (), 0)
            self._trace("drain", key)
            await asyncio.sleep(dice.uniform(1.0, HORIZON_S / 6))
            world.registry.change({}, (key,), (), 0)
            self._trace("drain.over", key)

    async def _recover(self, accounts: Sequence[int]) -> None:
        """Everything must answer within its time, and views must catch up."""
        world = self.world
        await asyncio.sleep(0.1)  # gateways that were just started come to life
        probes = [
            self._loop.spawn(process.lane, self._probe(process, account))
            for process in world.alive("gateway")
            for account in accounts
        ]
        await self._within(WELL_S, "does not answer again", asyncio.gather(*probes))
        busy = [task for process in world.alive("gateway") for task in process.parts["busy"]]
        await self._within(BUSY_S, "does not finish", asyncio.wait(busy))
        for _second in range(QUIET_S):
            if not check_views(world):
                break
            await asyncio.sleep(1.0)
        for each in check_views(world):
            world.fail(each)

    async def _probe(self, process: Process, account: int) -> None:
        """A client that tries until it is answered."""
        while True:
            try:
                floor = self.world.ledger.acknowledged.get(account, 0)
                tree = await process.parts["mailboxes"].tree(account)
            except Trouble as trouble:
                self._trace("trouble", process.host, "probe", type(trouble).__name__)
                await asyncio.sleep(0.5)
            else:
                self.world.ledger.read(account, tree.modseq, floor)
                return

    async def _within(self, seconds: float, what: str, doing: Awaitable[object]) -> None:
        try:
            async with asyncio.timeout(seconds):
                await doing
        except TimeoutError:
            self.world.fail(f"the cluster {what} within {seconds} s of its mending")
