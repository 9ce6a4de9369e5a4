"""A queue shard with its deliverer, in virtual time: what is sent where is as a test says."""

from collections.abc import Awaitable, Callable
from typing import Any

from prometheus_client import CollectorRegistry

from actors.queue.bodies import Bodies
from actors.queue.client import QueueClient
from actors.queue.state import Queue
from actors.queue.types import Envelope, Owed, Recipient, Result, Shown
from actors.shell.client import Direct
from actors.shell.metrics import ShellMetrics
from actors.shell.shard import Shard
from actors.trace.types import Note
from cluster.blobs.blobs import digest_of
from cluster.blobs.codec import pack
from cluster.blobs.memory import MemoryBlobs
from cluster.placement.claims import next_incarnation
from cluster.placement.slots import SLOTS
from gateway.outbound.deliverer import Deliverer
from gateway.outbound.deliverysettings import DeliverySettings
from gateway.outbound.parts import Gate
from gateway.outbound.schedule import Pace, Schedule
from tests.unit.actors.shell.site import Scripted, Troubled
from tests.virtual import LoopClock

BODY = b"Subject: hello\r\n\r\nhello\r\n"
START_S = 1_700_000_000.0
OK = Result("delivered", 250, "2.0.0", "ok", "mx.example.net", "192.0.2.1")
LATER = Result("deferred", 451, "4.3.0", "not now", "mx.example.net", "192.0.2.1", cause="system")
NEVER = Result("failed", 550, "5.1.1", "nobody", "mx.example.net", "192.0.2.1", cause="bad-mailbox")
DOWN = Result("deferred", said="connection refused", cause="unreachable")

Answer = Callable[[Envelope, tuple[int, ...]], Awaitable[tuple[Result, ...]]]


def always(result: Result) -> Answer:
    async def answer(mail: Envelope, recipients: tuple[int, ...]) -> tuple[Result, ...]:
        return (result,) * len(recipients)

    return answer


class FakeCourier:
    """Answers as told, and remembers."""

    def __init__(self, clock: LoopClock) -> None:
        self.answer: Answer = always(OK)
        self.sent: list[tuple[float, Envelope, tuple[int, ...], str]] = []
        self.forced: list[bool] = []
        self.bodies: set[bytes] = set()
        self.at_once = 0
        self.at_once_max = 0
        self._clock = clock

    async def send(
        self,
        mail: Envelope,
        recipients: tuple[int, ...],
        body: bytes,
        *,
        route: str = "",
        retry: int = 0,
        cause: str = "",
        forced: bool = False,
    ) -> tuple[Result, ...]:
        self.sent.append((self._clock.monotonic() - START_S, mail, recipients, route))
        self.forced.append(forced)
        self.bodies.add(body)
        self.at_once += 1
        self.at_once_max = max(self.at_once_max, self.at_once)
        try:
            return await self.answer(mail, recipients)
        finally:
            self.at_once -= 1

    def times(self) -> list[int]:
        """When something was sent, in seconds from the start."""
        return [int(at) for at, *_rest in self.sent]


class FakeNotices:
    """Remembers what senders were told."""

    def __init__(self) -> None:
        self.told: list[tuple[bytes, Owed]] = []
        self.trouble: Exception | None = None

    async def tell(self, shown: Shown, owed: Owed, body: bytes | None) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.told.append((shown.id, owed))


class FakeTracing:
    def __init__(self) -> None:
        self.notes: list[Note] = []

    async def note(self, note: Note) -> None:
        self.notes.append(note)

    def tell(self, note: Note) -> None:
        self.notes.append(note)


class World:
    """One process after another over one store."""

    def __init__(self, **settings: Any) -> None:
        self.clock = LoopClock(START_S)
        self.store = Troubled()
        self.blobs = MemoryBlobs(clock=self.clock)
        self.courier = FakeCourier(self.clock)
        self.notices = FakeNotices()
        self.tracing = FakeTracing()
        self.schedule = Pace(retry=(300, 600, 1200), notify_after=4000, expire_after=10_000)
        self.settings = DeliverySettings(**{"look_every_s": 600} | settings)
        self.gate: Gate | None = None
        self.shards: list[Shard[Any, Any]] = []
        self.epoch = 0

    async def start(self, slots: range = range(SLOTS)) -> Deliverer:
        """A new owner of the slots, and its deliverer."""
        self.epoch += 1
        claims = Scripted(await next_incarnation(self.store), self.epoch)
        claims.gone = set(range(SLOTS)) - set(slots)
        metrics = ShellMetrics(CollectorRegistry())
        shard = Shard(Queue(), self.store, self.clock, claims, claims.incarnation, metrics)
        shard.start()
        self.shards.append(shard)
        self.queue = QueueClient(Direct({"queue": shard}), self.store, self.blobs, Bodies())
        deliverer = Deliverer(
            self.queue,
            self.queue,
            self.courier,
            Schedule(self.schedule),
            self.notices,
            self.clock,
            self.settings,
            find=lambda: shard.find_work(slots),
            gate=self.gate,
            tracing=self.tracing,
        )
        shard.watched_by(deliverer)
        deliverer.start()
        return deliverer

    async def stop(self, deliverer: Deliverer, drain_s: float = 5) -> None:
        await deliverer.stop(drain_s)
        await self.shards[-1].stop()

    async def enqueue(
        self, number: int, domain: str = "example.net", *, people: int = 1, due_s: float = 0, **other: Any
    ) -> bytes:
        """A message, to be sent `due_s` seconds after the start."""
        recipients = other.pop("recipients", None) or tuple(Recipient(f"{n}@{domain}") for n in range(people))
        fields: dict[str, Any] = {"sender": "me@example.org", "ident": f"m{number}.1", "size": len(BODY)} | other
        mail = Envelope(domain=domain, recipients=recipients, digest=digest_of(BODY), **fields)
        due_ms = round((START_S + due_s) * 1000) if due_s else 0
        return await self.queue.enqueue(mail, b"%d" % number, pack(BODY), due_ms)

    async def status(self, entry: bytes) -> str:
        return (await self.queue.read(entry)).word
