"""The scheduler of outgoing mail: takes what is due from the slots of its shard, and has it delivered.

The law: it holds nothing that is not lent to it. What is taken is bounded in all and for each destination; destinations
take turns; one that does not answer is left alone, and what waits for it waits in the queue. What was not begun when it
stops is given back; what was not reported is lent again when its lease ends.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Final

import structlog
from prometheus_client import CollectorRegistry

from actors.queue.types import DUE_MAX, Work
from actors.trace.client import NOWHERE, Tracing
from cluster.clock import Clock
from cluster.errors import Moved, Trouble
from gateway.outbound.agenda import Agenda, Place
from gateway.outbound.attempt import Attempts, Ended, Settling
from gateway.outbound.courier import Courier
from gateway.outbound.deliverysettings import DeliverySettings
from gateway.outbound.destinations import Destination, Destinations
from gateway.outbound.metrics import OutboundMetrics
from gateway.outbound.parts import Gate, Lending, Notifying, Open, Queue
from gateway.outbound.schedule import Schedule

ASKS_MAX: Final = 32  # slots asked at once: their answers are one commit
PAGES_MAX: Final = 20  # of a slot in one turn where all that is due is for busy destinations
RETRY_MS: Final = 5000  # a slot that did not answer
PAUSE_MAX_S: Final = 60.0


class Deliverer:
    """One beside each queue shard. Lives on the shard's event loop; a Watch of the shard by `due`."""

    def __init__(
        self,
        lending: Lending,
        queue: Queue,
        courier: Courier,
        schedule: Schedule,
        notices: Notifying,
        clock: Clock,
        settings: DeliverySettings,
        *,
        find: Callable[[], Awaitable[None]],
        gate: Gate | None = None,
        tracing: Tracing | None = None,
        metrics: OutboundMetrics | None = None,
        settled: Settling | None = None,
    ) -> None:
        """`lending`: the shard here, `queue`: all of them. `find`: tells of all work in the slots that are the shard's
        now (`due`); raises Unavailable. `settled`: who is told of what becomes of mail."""
        self._lending = lending
        self._clock = clock
        self._settings = settings
        self._find = find
        self._log = structlog.get_logger()
        self._metrics = metrics or OutboundMetrics(CollectorRegistry())
        self._attempts = Attempts(
            queue, courier, schedule, notices, clock, settings,
            gate=gate or Open(), tracing=tracing or NOWHERE, metrics=self._metrics, log=self._log,
            settled=settled,
        )  # fmt: skip
        self._agenda = Agenda()
        self._destinations = Destinations(settings)
        self._under_way: set[asyncio.Task[None]] = set()
        self._bytes = 0  # of messages under way
        self._unreported: set[bytes] = set()  # entries whose attempts are under way here
        self._wake = asyncio.Event()
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin."""
        self._tasks = [
            asyncio.create_task(self._run(), name="deliverer"),
            asyncio.create_task(self._look_always(), name="deliverer look"),
        ]

    @property
    def alive(self) -> bool:
        """Whether it works."""
        return not self._stopping and bool(self._tasks) and not any(task.done() for task in self._tasks)

    async def stop(self, drain_s: float) -> None:
        """Begin nothing more, give back what was not begun, let attempts under way end within some seconds."""
        self._stopping = True
        self._wake.set()
        for looking in self._tasks[1:]:
            looking.cancel()
        try:
            async with asyncio.timeout(drain_s):
                await asyncio.gather(*self._tasks, return_exceptions=True)
                self._give_back()
                while self._under_way:
                    await asyncio.wait(self._under_way)
        except TimeoutError:
            self._log.warning("outbound.cut", attempts=len(self._under_way))
        for task in (*self._tasks, *self._under_way):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._under_way, return_exceptions=True)

    def due(self, slot: int, lane: int, time_ms: int) -> None:
        """Of Watch: something may be due there then."""
        self._agenda.due(slot, lane, time_ms)
        if time_ms <= self._clock.now_ms() or time_ms == self._agenda.next_ms():
            self._wake.set()

    def look(self) -> None:
        """Look at once for work that nobody tells of: slots may have come here."""
        if len(self._tasks) > 1 and not self._stopping:
            self._tasks[1].cancel()
            self._tasks[1] = asyncio.create_task(self._look_always(), name="deliverer look")

    async def _look_always(self) -> None:
        while True:
            try:
                await self._find()
                pause_s = float(self._settings.look_every_s)
            except Trouble as error:
                self._log.warning("outbound.look_failed", why=error.log)
                pause_s = RETRY_MS / 1000
            await asyncio.sleep(pause_s)

    # -- taking --------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                await self._turn()
            except Exception as error:  # noqa: BLE001 - a defect must cost a turn, not all mail
                self._log.error("outbound.defect", error=repr(error), exc_info=error)
                await asyncio.sleep(RETRY_MS / 1000)
            pause_s = self._pause_s()
            if pause_s > 0:
                try:
                    async with asyncio.timeout(pause_s):
                        await self._wake.wait()
                except TimeoutError:
                    pass

    def _pause_s(self) -> float:
        """How long nothing is to be taken unless something happens."""
        next_ms = self._agenda.next_ms()
        if self._room <= 0 or next_ms is None:
            return PAUSE_MAX_S
        return min(max(next_ms - self._clock.now_ms(), 0) / 1000, PAUSE_MAX_S)

    @property
    def _room(self) -> int:
        """How many more may be taken: as many as are sent at once may be ready besides."""
        return 2 * self._settings.in_flight_max - self._destinations.ready - len(self._under_way)

    async def _turn(self) -> None:
        """Take what is due, as far as there is room."""
        self._begin()
        room = self._room
        places = self._agenda.take(self._clock.now_ms(), min(ASKS_MAX, room))
        if places:
            limit = max(1, min(DUE_MAX, room // len(places)))
            await asyncio.gather(*(self._ask(place, limit, None) for place in places))
            self._begin()

    async def _ask(self, place: Place, limit: int, parked: Destination | None) -> None:
        """Borrow from a lane of a slot. `parked`: for which destination it was left before; then what is for others was
        looked at, and what is left waits there on."""
        for _page in range(PAGES_MAX):
            slot, lane, after = place
            try:
                busy = self._destinations.busy()
                lent = await self._lending.due(slot, limit, self._settings.lease_s, lane=lane, after=after, busy=busy)
            except Moved:  # who has it now has a deliverer too
                return
            except Trouble as error:
                self._log.warning("outbound.lending_failed", slot=slot, why=error.log)
                self._agenda.add(place, self._clock.now_ms() + RETRY_MS)
                return
            for passed in lent.passed:
                self._passed(passed.domain, Place(slot, lane, passed.place[:8]))
            self._received(lent.work)
            if not lent.after:
                return
            place = Place(slot, lane, lent.after)
            if lent.work and parked is not None:
                parked.park(*place)
                return
            if lent.work:
                break
        self._agenda.add(place, self._clock.now_ms())

    def _passed(self, name: str, place: Place) -> None:
        """More waits there for a destination that was busy: until it has room, which it may have by now."""
        destination = self._destinations.get(name)
        if len(destination) > self._settings.per_destination_max:
            destination.park(*place)
        else:
            self._agenda.add(place, self._clock.now_ms())

    def _received(self, works: tuple[Work, ...]) -> None:
        """Each to its destination, or back to wait where that is left alone."""
        now_ms = self._clock.now_ms()
        for work in works:
            destination = self._destinations.get(work.destination)
            if work.id in self._unreported:  # its lease ended before its report got through: that counts, if delivered
                continue
            if work.only_owed:
                self._start(self._attempts.tell(work))
            elif self._stopping:
                self._start(self._attempts.postpone(work, now_ms, "stop"))
            elif now_ms < destination.until_ms and not work.forced:
                self._start(self._attempts.postpone(work, destination.until_ms, "backoff", destination.why))
            else:
                self._destinations.add(work)

    # -- delivering ----------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Begin what may begin."""
        settings = self._settings
        while not self._stopping and len(self._under_way) < settings.in_flight_max:
            found = self._destinations.next() if self._bytes < settings.in_flight_bytes_max else None
            if found is None:
                break
            self._bytes += found[1].mail.size
            self._start(self._deliver(*found))
        self._metrics.ready.set(self._destinations.ready)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        self._metrics.under_way.set(len(self._under_way))
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._metrics.under_way.set(len(self._under_way))
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("outbound.defect", error=repr(error), exc_info=error)
        self._begin()
        self._wake.set()

    async def _deliver(self, destination: Destination, work: Work) -> None:
        self._unreported.add(work.id)
        try:
            await self._delivered(destination, work)
        finally:
            self._unreported.discard(work.id)
            self._bytes -= work.mail.size

    async def _delivered(self, destination: Destination, work: Work) -> None:
        ended: Ended | None = None
        try:
            ended = await self._attempts.make(work)
        finally:
            if ended is None or not ended.results or ended.results[0].cause == "expired":
                self._destinations.let_go(destination)
            elif self._destinations.ended(destination, ended.results, self._clock.now_ms()):
                self._leave_alone(destination)
            self._take_more(destination)
        if ended is not None:
            await self._attempts.conclude(work, ended)

    def _take_more(self, destination: Destination) -> None:
        """There is room at a destination again."""
        self._begin()
        place = self._destinations.unpark(destination) if self._room > 0 and not self._stopping else None
        if place is not None:
            limit = max(1, min(DUE_MAX, self._destinations.share - len(destination), self._room))
            self._start(self._ask(place, limit, destination))

    def _leave_alone(self, destination: Destination) -> None:
        """What waits for it goes back, and what is parked is taken and goes back too: it has to be told of and given
        up in its time."""
        now_ms = self._clock.now_ms()
        for work in self._destinations.all_ready(destination):
            self._start(self._attempts.postpone(work, destination.until_ms, "backoff", destination.why))
        while destination.parked:
            (slot, lane), after = destination.parked.popitem()
            self._agenda.add(Place(slot, lane, after), now_ms)

    def _give_back(self) -> None:
        """What was not begun."""
        now_ms = self._clock.now_ms()
        for work in self._destinations.all_ready():
            self._start(self._attempts.postpone(work, now_ms, "stop"))
