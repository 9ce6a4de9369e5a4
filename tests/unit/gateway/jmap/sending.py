"""The way out in tests: the real queue and the real submission, with a next hop that answers as told.

alice has alice@example.org and al@example.org, bob bob@example.org, carol carol@example.org; all of far.test and
other.test is elsewhere.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from actors.directory.types import Local, NotLocal, Principal, Resolution, Target, Unknown, Why
from actors.queue.bodies import Bodies
from actors.queue.client import QueueClient
from actors.queue.outbox import Outbox
from actors.queue.state import Queue
from actors.queue.types import Envelope, Recipient, Result, Work
from actors.shell.client import Direct
from actors.shell.metrics import ShellMetrics
from actors.shell.shard import Shard
from actors.trace.client import NOWHERE
from cluster.blobs.memory import MemoryBlobs
from cluster.errors import NotFound, Refused
from cluster.placement.claims import next_incarnation
from gateway.jmap.parts import Sending
from gateway.jmap.submission_news import SubmissionNews
from gateway.outbound.attempt import Attempts
from gateway.outbound.deliverysettings import DeliverySettings
from gateway.outbound.local import Locally
from gateway.outbound.metrics import OutboundMetrics
from gateway.outbound.notices import Notices, Unsigned
from gateway.outbound.outgoing import HereOrAway
from gateway.outbound.parts import Open
from gateway.outbound.schedule import Pace, Schedule
from gateway.smtp.partly import Partly
from gateway.smtp.settings import SmtpSettings
from gateway.smtp.submitting import Submissions
from gateway.smtp.world import World as SmtpWorld
from gateway.vacation.delivered import Vacations
from gateway.vacation.responder import Responder
from tests.unit.actors.shell.site import Scripted, Troubled
from tests.unit.gateway.imap.world import ALICE, BOB, CAROL, People

HOPS = {
    "ok": Result("delivered", 250, "2.0.0", "taken", "mx.far.test", "192.0.2.9", relayed=True),
    "later": Result("deferred", 451, "4.3.0", "not\r\nnow", "mx.far.test", "192.0.2.9", cause="system"),
    "never": Result("failed", 550, "5.1.1", "550 5.1.1 nobody", "mx.far.test", "192.0.2.9", cause="bad-mailbox"),
}


class Post(People):
    """The directory, with addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses = {
            ALICE: ["alice@example.org", "al@example.org"],
            BOB: ["bob@example.org"],
            CAROL: ["carol@example.org"],
        }
        self.more = {ALICE: ["staff@example.org"]}  # as which one may send besides

    async def addresses_of(self, account: int) -> list[str]:
        return self.addresses.get(account, [])

    async def may_send_as(self, principal: Principal, address: str) -> bool:
        account = principal.account
        return address.lower() in [*self.addresses.get(account, []), *self.more.get(account, [])]

    async def resolve(self, address: str, *, loosely: bool = False) -> Resolution:
        domain = address.rpartition("@")[2].lower()
        if domain != "example.org":
            return NotLocal(domain)
        accounts = [account for account, names in self.addresses.items() if address.lower() in names]
        if not accounts:
            return Unknown(Why.NO_SUCH_ADDRESS)
        return Local(tuple(Target(account, address.lower()) for account in accounts))


class Hop:
    """The next server of each domain."""

    def __init__(self) -> None:
        self.answers: dict[str, Result] = {}
        self.got: list[tuple[Envelope, bytes]] = []

    async def send(self, mail: Envelope, recipients: tuple[int, ...], body: bytes, **_how: Any) -> tuple[Result, ...]:
        self.got.append((mail, body))
        return (self.answers.get(mail.domain, HOPS["ok"]),) * len(recipients)


class Onward:
    async def forward(self, mail: Envelope, recipient: Recipient, addresses: tuple[str, ...], body: bytes) -> None:
        raise AssertionError("nothing is forwarded here")


class Way:
    """Out of a world."""

    def __init__(self, world: Any, **settings: Any) -> None:
        self.world = world
        self.hop = Hop()
        self.blobs = MemoryBlobs(clock=world.clock)
        self.store = Troubled()
        self.lent: Sequence[Work] = ()
        self.settings = SmtpSettings(**{"deliver_tries": 1, "deliver_pause_s": 0} | settings)

    async def start(self) -> Sending:
        """The queue runs."""
        world = self.world
        claims = Scripted(await next_incarnation(self.store))
        registry = CollectorRegistry()
        self.shard: Shard[Any, Any] = Shard(
            Queue(), self.store, world.clock, claims, claims.incarnation, ShellMetrics(registry)
        )
        self.shard.start()
        self.queue = QueueClient(Direct({"queue": self.shard}), self.store, self.blobs, Bodies())
        people: Any = world.people  # what is not there is not asked for
        outgoing = HereOrAway(world.people, world.mail, self.queue, self.blobs, world.clock)
        responder = Responder(world.mail, outgoing, Unsigned(), world.clock, world.log, host="mx.example.org")
        vacations = Vacations(world.mail, people, responder, world.clock, world.log)
        self.smtp = SmtpWorld(
            people,
            world.mail,
            self.settings,
            world.log,
            world.clock,
            world.dice,
            "mx.example.org",
            Partly(),
            b"a secret of tests",
            Outbox(self.queue, self.blobs, world.clock),
            after=vacations,
        )
        self.news = SubmissionNews(world.mail, world.log, pause_s=0)
        schedule = Schedule(Pace(retry=(300, 600), notify_after=4000, expire_after=100_000))
        self.attempts = Attempts(
            self.queue,
            Locally(world.people, world.mail, Onward(), self.hop, vacations),
            schedule,
            Notices("mx.example.org", outgoing, schedule, world.clock),
            world.clock,
            DeliverySettings(),
            gate=Open(),
            tracing=NOWHERE,
            metrics=OutboundMetrics(registry),
            log=structlog.get_logger(),
            settled=self.news,
        )
        return Sending(Submissions(self.smtp, "JMAP"), self.queue)

    async def stop(self) -> None:
        await self.news.close()
        await self.shard.stop()

    async def lend(self) -> list[Work]:
        """Borrow all that is due."""
        listed = await self.queue.list(limit=1000)
        slots = {int.from_bytes(entry.id[:2], "big") for entry in listed.entries}
        return [
            work
            for slot in sorted(slots)
            for lane in (1, 2, 3)
            for work in (await self.queue.due(slot, 50, 900, lane=lane)).work
        ]

    async def carry(self) -> None:
        """Try all that is due once."""
        for work in [*self.lent, *await self.lend()]:
            ended = await self.attempts.make(work)
            if ended is not None:
                await self.attempts.conclude(work, ended)
        self.lent = ()

    async def told(self) -> None:
        """Return when all news has been told."""
        while self.news._waiting:
            await asyncio.gather(*self.news._waiting.values())

    async def entries(self) -> list[str]:
        """All that is in the queue: `domain word`."""
        return sorted(f"{one.mail.domain} {one.word}" for one in (await self.queue.list(limit=1000)).entries)

    async def cancel_all(self) -> None:
        """An operator does."""
        for one in (await self.queue.list(limit=1000)).entries:
            try:
                await self.queue.cancel(one.id, "operator")
            except (NotFound, Refused):
                pass
