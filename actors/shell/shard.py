"""A shard of any of these kinds: the one writer of its slots' units, with group commit.

The law: an answer leaves only when what it says is durable. Calls gather while a commit runs; then what they need is
loaded at once, each is decided over units that are values, all goes into one store transaction that compares the
claims of all slots it touches, and only its success releases the answers and lets the new units be remembered. If it
fails, what it touched is forgotten and read anew. Past its claim a shard answers nothing, also not from memory.
"""

import asyncio
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Collection, Iterable
from typing import Final, Generic

import structlog

from actors.shell.cache import Cache, Place
from actors.shell.kind import EXPIRY, LANE_MAX, WORK, Command, Kind, Needs, Unit, Watch
from actors.shell.metrics import ShellMetrics
from actors.shell.turn import NOTHING, SWEEP, SWEEP_UNITS, Asked, Sweep, Turn
from cluster.clock import Clock
from cluster.errors import Fenced, Moved, Refused, StoreFull, TooLarge, Trouble, Unavailable
from cluster.meta.store import Row, Store, Transaction
from cluster.placement.claims import Claims
from cluster.placement.slots import SLOTS
from cluster.placement.titles import Titles
from cluster.rpc.service import Outlet

BATCH_CALLS_MAX: Final = 512  # one commit's: bounds how long the first waits for the last
BATCH_UNITS_MAX: Final = 4_000  # loaded for one commit
BATCH_BYTES_MAX: Final = 4_000_000  # written by one commit; the rest up to TRANSACTION_BYTES_MAX is the last call's
QUEUE_CALLS_MAX: Final = 20_000  # waiting; each gateway connection has at most a few
QUEUE_BYTES_MAX: Final = 64 * 1024 * 1024  # of bodies waiting
UNITS_MAX: Final = 50_000  # in memory
UNITS_BYTES_MAX: Final = 64 * 1024 * 1024  # of them
SWEEP_STEPS_MAX: Final = 100  # of one slot in one turn: the rest waits for the next


class Shard(Generic[Command, Unit]):
    """Owns slots of one kind; a cluster.rpc.service.Service. Lives on one event loop."""

    def __init__(
        self,
        kind: Kind[Command, Unit],
        store: Store,
        clock: Clock,
        claims: Claims,
        incarnation: int,
        metrics: ShellMetrics,
        *,
        units_max: int = UNITS_MAX,
    ) -> None:
        """`incarnation`: of claims.next_incarnation. `metrics`: one for all shards of a process."""
        self._watch: Watch | None = None
        self._kind = kind
        self._store = store
        self._clock = clock
        self._claims = claims
        self._titles = Titles(store, claims, incarnation, kind.layout.claim)
        self._metrics = metrics
        self._calls = metrics.calls.labels(kind.name)
        self._cache: Cache[Unit] = Cache(units_max, UNITS_BYTES_MAX)
        self._queue: deque[Asked[Command]] = deque()
        self._queued_bytes = 0
        self._pending: Counter[int] = Counter()  # calls of a slot, waiting or under way
        self._leaving: dict[int, asyncio.Event] = {}
        self._wake = asyncio.Event()
        self._stopping = False
        self._log = structlog.get_logger()
        self._tasks: list[asyncio.Task[None]] = []

    def watched_by(self, watch: Watch) -> None:
        """Tell it of work from now on; what there was before, `find_work` finds."""
        self._watch = watch

    async def find_work(self, slots: Collection[int]) -> None:
        """Tell of the next unit of every lane of those slots, from what is stored: two range reads or three for each
        slot that has anything, none for the others. Raises Unavailable."""
        layout, wanted = self._kind.layout, sorted(slots)
        place, lane = 0, WORK
        while place < len(wanted):
            rows = await self._store.range(*layout.work_from(wanted[place], lane), limit=1)
            if not rows:
                return
            found, found_lane = layout.slot_of(rows[0][0]), layout.timer_lane(rows[0][0])
            if found == wanted[place] and found_lane is not None and self._watch is not None:
                self._watch.due(found, found_lane, layout.timer_ms(rows[0][0]))
            if found == wanted[place] and found_lane is not None and found_lane < LANE_MAX:
                lane = found_lane + 1
            else:
                # Of a later slot any row may have come first: its timers are looked for by themselves.
                place, lane = bisect_left(wanted, max(found, wanted[place] + 1)), WORK

    def start(self, sweep_every_s: float = 0) -> None:
        """Begin to serve; `sweep_every_s`: how often the slots are swept, 0 for never."""
        name = f"{self._kind.name} shard"
        self._tasks.append(asyncio.create_task(self._run(), name=name))
        if sweep_every_s:
            self._tasks.append(asyncio.create_task(self._sweep_always(sweep_every_s), name=f"{name} sweep"))

    async def stop(self) -> None:
        """Answer what was asked, take nothing more."""
        self._stopping = True
        self._wake.set()
        for sweeping in self._tasks[1:]:
            sweeping.cancel()
        await asyncio.gather(*self._tasks[:1])
        await asyncio.gather(*self._tasks[1:], return_exceptions=True)

    @property
    def alive(self) -> bool:
        """Whether it takes calls."""
        return not self._stopping and bool(self._tasks) and not self._tasks[0].done()

    async def call(self, slot: int, body: bytes) -> bytes:
        """Carry out a call; durable on return. Raises Trouble: Moved when the slot is not here."""
        self._calls.inc()
        try:
            command = self._kind.decode(slot, body)
            return await self._enqueue(slot, command, self._kind.needs(command), len(body))
        except Exception as error:
            self._metrics.refused.labels(self._kind.name, type(error).__name__).inc()
            raise

    async def subscribe(self, slot: int, body: bytes, outlet: Outlet) -> bytes:  # noqa: ARG002 (Service's signature)
        """Nothing here is pushed. Raises Refused."""
        raise Refused("There is nothing to subscribe to here.", log=f"subscription to a {self._kind.name} shard")

    def unsubscribed(self, outlet: Outlet) -> None:
        """There are no subscribers."""

    async def release(self, slot: int) -> None:
        """Let go of a slot: new calls hear Moved, those taken are finished, then all of it is forgotten.

        From the return on, the claims say whether calls are taken: where they still give the slot, it is taken up anew.
        """
        left = self._leaving.setdefault(slot, asyncio.Event())
        try:
            if self._pending[slot] and self._tasks and not self._tasks[0].done():
                await left.wait()
        finally:
            self._leaving.pop(slot, None)
            left.set()
            self._forget_slot(slot)

    async def sweep(self) -> int:
        """Look once at all units of our slots whose EXPIRY timer has come; how many steps that took. What fails waits
        for the next turn."""
        steps = 0
        failed: list[Exception] = []
        for slot in range(SLOTS):
            try:
                steps += await self.sweep_slot(slot)
            except Exception as error:  # noqa: BLE001 - what is wrong with one slot must not keep others from it
                failed.append(error)
        if failed:
            why = getattr(failed[-1], "log", repr(failed[-1]))
            self._log.warning("shard.sweep_failed", kind=self._kind.name, slots=len(failed), why=why)
        return steps

    async def sweep_slot(self, slot: int) -> int:
        """The same for one slot; nothing where it is not ours."""
        for step in range(SWEEP_STEPS_MAX):
            if not self._is_ours(slot) or not await self._timers(slot, EXPIRY, 1, self._clock.now_ms()):
                return step
            await self._enqueue(slot, SWEEP, NOTHING, 0)
        return SWEEP_STEPS_MAX

    async def _sweep_always(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            await self.sweep()

    def _is_ours(self, slot: int) -> bool:
        try:
            self._claims.claim(slot)
        except Moved:
            return False
        return slot not in self._leaving

    def _enqueue(
        self, slot: int, command: Command | Sweep, needs: Needs, size: int
    ) -> "asyncio.Future[bytes]":  # fmt: skip
        if not 0 <= slot < SLOTS:
            raise Refused("There is no such slot.", log=f"slot {slot}")
        if not self.alive:
            raise Unavailable("The service is stopping; try again soon.", log=f"{self._kind.name} shard stops")
        if slot in self._leaving:
            raise Moved("This is moving; try again.", log=f"slot {slot} is being released")
        if len(self._queue) >= QUEUE_CALLS_MAX or self._queued_bytes + size > QUEUE_BYTES_MAX:
            raise Unavailable("The service is busy; try again soon.", log=f"{self._kind.name} shard queue is full")
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._queue.append(Asked(slot, command, needs, answer, size))
        self._queued_bytes += size
        self._pending[slot] += 1
        self._wake.set()
        return answer

    async def _run(self) -> None:
        while not (self._stopping and not self._queue):
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                await self._batch()

    async def _batch(self) -> None:
        """One turn of group commit. Never raises: a defect must cost one batch, not the shard."""
        batch = self._take()
        turn: Turn[Command, Unit] = Turn(self._kind)
        decided: list[tuple[Asked[Command], bytes]] = []
        try:
            batch = await self._owned(batch)
            now_ms = self._clock.now_ms()
            await self._load(batch, turn, now_ms)
            decided = self._decide_all(batch, turn, now_ms)
            await self._commit(turn)
        except Exception as error:  # noqa: BLE001 - whatever it was, nothing is known to be stored
            self._abandon(batch, turn, error)
            return
        if decided:
            self._metrics.commit_calls.labels(self._kind.name).observe(len(decided))
        self._metrics.expired.labels(self._kind.name).inc(turn.expired)
        for place, unit in turn.units.items():
            self._cache.put(place, unit, turn.sizes[place])
        for asked, reply in decided:
            self._answer(asked, reply, committed=asked.slot in turn.slots)
            if asked.next_ms is not None:
                turn.worked(asked.slot, asked.needs.work_lane, asked.next_ms)
        if self._watch is not None:
            for (slot, lane), time_ms in turn.work.items():
                self._watch.due(slot, lane, time_ms)

    def _take(self) -> list[Asked[Command]]:
        """The next calls, as many as fit one commit; at least one."""
        batch: list[Asked[Command]] = []
        weight = 0
        while self._queue and len(batch) < BATCH_CALLS_MAX:
            weight += self._queue[0].weight
            if batch and weight > BATCH_UNITS_MAX:
                break
            batch.append(self._queue.popleft())
            self._queued_bytes -= batch[-1].size
        return batch

    def _put_back(self, batch: list[Asked[Command]]) -> None:
        self._queue.extendleft(reversed(batch))
        self._queued_bytes += sum(asked.size for asked in batch)

    async def _owned(self, batch: list[Asked[Command]]) -> list[Asked[Command]]:
        """Those of the batch whose slots are held now; the others hear why not."""
        refused: dict[int, Trouble] = {}
        slots = {asked.slot for asked in batch}
        for slot in slots:
            try:
                self._claims.claim(slot)
            except Moved as error:
                refused[slot] = error
        try:
            newly = await self._titles.hold(slots - refused.keys())
        except (Fenced, Moved):  # of one slot at least: it must not keep the others waiting
            newly = []
            for slot in slots - refused.keys():
                try:
                    newly += await self._titles.hold((slot,))
                except (Fenced, Moved) as error:
                    refused[slot] = error
        for slot in (*newly, *refused):
            self._cache.forget_slot(slot)
        for asked in batch:
            if asked.slot in refused:
                self._fail(asked, refused[asked.slot])
        return [asked for asked in batch if asked.slot not in refused]

    async def _load(self, batch: Iterable[Asked[Command]], turn: Turn[Command, Unit], now_ms: int) -> None:
        """Bring all units that the batch needs into the turn: from memory, else with one read."""
        guards = list({a.needs.guard.key: None for a in batch if a.needs.guard is not None})
        if guards:
            turn.guards = dict(zip(guards, await self._store.get_many(guards), strict=True))
        rows: dict[Place, bytes | None] = {}
        searching = [a for a in batch if isinstance(a.command, Sweep) or a.needs.work_max or a.needs.page_max]
        for found in await asyncio.gather(*(self._search(asked, now_ms) for asked in searching)):
            rows |= found
        missing: list[Place] = []
        for place in dict.fromkeys((a.slot, name) for a in batch for name in (*a.needs.names, *a.found)):
            if place in self._cache:
                turn.units[place] = self._cache.get(place)
                turn.sizes[place] = self._cache.size(place)
            elif place not in rows:
                missing.append(place)
        if missing:
            layout = self._kind.layout
            rows |= zip(missing, await self._store.get_many([layout.unit(*place) for place in missing]), strict=True)
        self._metrics.loads.labels(self._kind.name).inc(len(rows))
        for place, stored in rows.items():
            if place not in turn.units:
                turn.loaded(place, stored)
        for (slot, name), error in turn.broken.items():
            self._metrics.corrupt.labels(self._kind.name).inc()
            self._log.error("shard.corrupt", kind=self._kind.name, slot=slot, unit=name.hex(), why=error.log)

    async def _search(self, asked: Asked[Command], now_ms: int) -> dict[Place, bytes | None]:
        """Note which units range reads find for a call; the rows that came with them."""
        slot, needs, layout = asked.slot, asked.needs, self._kind.layout
        if isinstance(asked.command, Sweep):
            asked.timers = await self._timers(slot, EXPIRY, SWEEP_UNITS, now_ms)
        elif needs.work_max:
            await self._due(asked, now_ms)
        asked.found = [layout.timer_name(key) for key in asked.timers]
        if not needs.page_max:
            return {}
        page: list[Row] = await self._store.range(*layout.units_after(slot, needs.after), limit=needs.page_max)
        names = [layout.unit_name(key) for key, _stored in page]
        asked.found += names
        return {(slot, name): stored for name, (_key, stored) in zip(names, page, strict=True)}

    async def _timers(self, slot: int, lane: int, limit: int, now_ms: int) -> list[bytes]:
        """Keys of the timers that have come, the longest ago first."""
        span = self._kind.layout.timers_until(slot, lane, now_ms)
        return [key for key, _empty in await self._store.range(*span, limit=limit)]

    async def _due(self, asked: Asked[Command], now_ms: int) -> None:
        """Note the timers of a lane that have come, and when the first one after them does."""
        layout, needs = self._kind.layout, asked.needs
        span = layout.timers_after(asked.slot, needs.work_lane, needs.work_after)
        for key, _empty in await self._store.range(*span, limit=needs.work_max + 1):
            if layout.timer_ms(key) > now_ms:
                asked.next_ms = layout.timer_ms(key)
                break
            asked.timers.append(key)
        del asked.timers[needs.work_max :]

    def _decide_all(
        self, batch: list[Asked[Command]], turn: Turn[Command, Unit], now_ms: int
    ) -> list[tuple[Asked[Command], bytes]]:
        """Decide one after the other; what does not fit the transaction any more goes back to the queue's head."""
        decided = []
        for number, asked in enumerate(batch):
            if turn.size > BATCH_BYTES_MAX:
                self._put_back(batch[number:])
                del batch[number:]
                break
            try:
                decided.append((asked, turn.decide(asked, now_ms)))
            except Exception as error:  # noqa: BLE001 - units are values: who failed has changed nothing
                self._fail(asked, error)
        return decided

    async def _commit(self, turn: Turn[Command, Unit]) -> None:
        if not turn.writes:
            return

        async def body(transaction: Transaction) -> None:
            await self._titles.check(transaction, sorted(turn.slots))
            if turn.stood and await transaction.get_many(list(turn.stood)) != list(turn.stood.values()):
                raise Unavailable("Try again.", log="what a call rests on was changed during its commit")
            turn.into(transaction)

        with self._metrics.commit_seconds.labels(self._kind.name).time():
            await self._store.transact(body)

    def _answer(self, asked: Asked[Command], reply: bytes, *, committed: bool) -> None:
        """What was committed is true whoever owns the slot now; what was only read needs the claim to it still."""
        if not committed and not self._still_held(asked.slot):
            self._fail(asked, Moved("This has moved; try again.", log=f"slot {asked.slot} was assigned anew"))
            return
        if not asked.answer.done():  # somebody waits still
            asked.answer.set_result(reply)
        self._finished(asked)

    def _still_held(self, slot: int) -> bool:
        try:
            return self._titles.known(slot)
        except Moved:
            return False

    def _fail(self, asked: Asked[Command], error: Exception) -> None:
        if not asked.answer.done():
            asked.answer.set_exception(error)
        self._finished(asked)

    def _finished(self, asked: Asked[Command]) -> None:
        if asked.finished:
            return
        asked.finished = True
        self._pending[asked.slot] -= 1
        if not self._pending[asked.slot]:
            del self._pending[asked.slot]
            if asked.slot in self._leaving:
                self._leaving[asked.slot].set()

    def _abandon(self, batch: Iterable[Asked[Command]], turn: Turn[Command, Unit], error: Exception) -> None:
        """Nothing of a batch counts: what it touched is read anew, and who asked hears why."""
        self._metrics.failures.labels(self._kind.name, type(error).__name__).inc()
        for place in turn.units:
            self._cache.forget(place)
        if not isinstance(error, StoreFull | TooLarge):
            # Nobody knows whether it is stored, or will be yet: the slots are taken anew before anything of them is
            # read, so that it is there then or never.
            for slot in turn.slots:
                self._forget_slot(slot)
        for asked in batch:
            if isinstance(error, Fenced):
                self._forget_slot(asked.slot)
            self._fail(asked, error)

    def _forget_slot(self, slot: int) -> None:
        self._cache.forget_slot(slot)
        self._titles.drop(slot)
