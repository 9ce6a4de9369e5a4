"""gateway/vacation: who is answered, and how often."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from actors.directory.types import Local, NotLocal, Resolution, Target
from actors.queue.types import Envelope
from cluster.clock import ManualClock
from cluster.errors import Unavailable
from gateway.outbound.notices import Unsigned
from gateway.smtp.aftermath import Answered
from gateway.vacation.delivered import KEPT_MS, Vacations
from gateway.vacation.record import KIND, SINGLETON, Vacation, encode
from gateway.vacation.responder import KIND as ANSWERS
from gateway.vacation.responder import Responder
from mail.smtp.events import MailFrom, RcptTo
from mail.smtp.replies import OK, Reply
from tests.unit.gateway.imap.world import SilentLog

DAY_S = 86_400
MESSAGE = b"To: alice@example.org, bob@example.org\r\nSubject: Hello\r\n\r\nText\r\n"


class Objects:
    def __init__(self) -> None:
        self.held: dict[tuple[int, str, str], bytes] = {}
        self.asked = 0
        self.trouble: Exception | None = None

    async def objects(self, account: int, kind: str) -> list[tuple[str, bytes]]:
        return [(name, value) for (who, what, name), value in self.held.items() if (who, what) == (account, kind)]

    async def object(self, account: int, kind: str, name: str) -> bytes | None:
        self.asked += 1
        return self.held.get((account, kind, name))

    async def put_objects(
        self, account: int, changes: Sequence[tuple[str, str, bytes | None]], *, since: int | None = None
    ) -> int:
        if self.trouble is not None:
            raise self.trouble
        for kind, name, value in changes:
            self.held.pop((account, kind, name), None)
            if value is not None:
                self.held[account, kind, name] = value
        return 1


class Directory:
    async def resolve(self, address: str, *, loosely: bool = False) -> Resolution:
        known = {"alice@example.org": (1,), "bob@example.org": (2,), "list@example.org": (1, 2)}
        if address == "trouble@example.org":
            raise Unavailable("not now")
        base, _, detail = address.partition("@")[0].partition("+")
        if f"{base}@example.org" not in known:
            return NotLocal("far.test")
        reached = known[f"{base}@example.org"]
        return Local(tuple(Target(account, f"{base}@example.org") for account in reached), detail)

    async def addresses_of(self, account: int) -> tuple[str, ...]:
        return ({1: "alice", 2: "bob"}[account] + "@example.org",)


class Outgoing:
    """Keeps each name once, as the queue does."""

    def __init__(self) -> None:
        self.sent: dict[bytes, str] = {}
        self.trouble: Exception | None = None

    async def send(
        self, recipient: str, message: bytes, *, name: bytes, smtputf8: bool, eight_bit: bool, about: Envelope
    ) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.sent.setdefault(name, recipient)


class World:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.objects, self.outgoing, self.log = Objects(), Outgoing(), SilentLog()
        responder = Responder(self.objects, self.outgoing, Unsigned(), self.clock, self.log, host="mx.example.org")
        self.vacations = Vacations(self.objects, Directory(), responder, self.clock, self.log)

    def set(self, account: int = 1, **fields: Any) -> None:
        self.objects.held[account, KIND, SINGLETON] = encode(Vacation(enabled=True, **fields))
        self.clock.advance(KEPT_MS / 1000)

    async def deliver(
        self,
        *to: str,
        sender: str = "me@far.test",
        reply: Reply = OK,
        junk: bool = False,
        message: bytes = MESSAGE,
    ) -> int:
        """How many answers there were by then."""
        here = tuple(RcptTo(one) for one in to or ("alice@example.org",))
        ident = f"{random.getrandbits(40):x}.1"
        what = Answered(ident, "192.0.2.1", MailFrom(sender), here, here, message, reply, None, "none", "", junk)
        await self.vacations.answered(what)
        return len(self.outgoing.sent)


async def test_each_is_answered_once_in_a_week_and_again_when_the_words_are_others() -> None:
    world = World()
    assert await world.deliver() == 0
    world.set()
    assert await world.deliver() == 1
    assert await world.deliver(sender="ME@far.test") == 1
    assert await world.deliver(sender="you@far.test") == 2
    world.clock.advance(6 * DAY_S)
    assert await world.deliver() == 2
    world.clock.advance(DAY_S)
    assert await world.deliver() == 3
    world.set(text="Other words")
    assert await world.deliver() == 4
    assert set(world.outgoing.sent.values()) == {"me@far.test", "you@far.test"}


async def test_it_begins_and_ends_in_its_time() -> None:
    world = World()
    now_ms = world.clock.now_ms()
    world.set(from_ms=now_ms + 60_000, to_ms=now_ms + 120_000)
    assert await world.deliver() == 0
    world.clock.advance(60)
    assert await world.deliver() == 1
    world.clock.advance(60)
    assert await world.deliver(sender="you@far.test") == 1


async def test_what_was_refused_put_into_junk_or_sent_by_nobody_is_not_answered() -> None:
    world = World()
    world.set()
    assert await world.deliver(reply=Reply(451, "4.3.0", "later")) == 0
    assert await world.deliver(junk=True) == 0
    assert await world.deliver(sender="") == 0
    assert await world.deliver("x@far.test") == 0
    assert await world.deliver() == 1


async def test_who_is_reached_over_a_list_answers_if_the_message_names_her() -> None:
    world = World()
    world.set(1)
    world.set(2)
    assert await world.deliver("list@example.org", "trouble@example.org") == 2


@pytest.mark.parametrize(
    ("recipient", "header", "answered"),
    [
        ("alice+shop@example.org", "To: alice+shop@example.org", True),
        ("alice+shop@example.org", "Cc: <ALICE+Shop@EXAMPLE.ORG>", True),
        ("alice+shop@example.org", "To: alice+other@example.org", False),
        ("list+shop@example.org", "To: list+shop@example.org", False),
        ("alice@example.org", "To: alice+shop@example.org", False),
    ],
)
async def test_a_message_to_a_subaddress_names_her(recipient: str, header: str, answered: bool) -> None:
    world = World()
    world.set()
    message = header.encode() + b"\r\n\r\nText\r\n"
    assert await world.deliver(recipient, message=message) == answered


async def test_what_could_not_be_sent_or_remembered_is_sent_once() -> None:
    world = World()
    world.set()
    world.outgoing.trouble = Unavailable("not now")
    assert await world.deliver() == 0
    world.outgoing.trouble, world.objects.trouble = None, Unavailable("not now")
    assert await world.deliver() == 1
    assert await world.deliver() == 1  # the same name, which is kept once
    world.objects.trouble = None
    assert await world.deliver() == 1
    assert {line["event"] for line in world.log.lines} >= {"vacation.unanswered", "vacation.not_remembered"}


async def test_who_is_not_away_costs_a_question_in_a_while() -> None:
    world = World()
    for _ in range(10):
        await world.deliver()
    assert world.objects.asked == 1


async def test_those_answered_are_forgotten() -> None:
    world = World()
    world.set()
    for number in range(1010):
        await world.deliver(sender=f"p{number}@far.test")
    assert len(await world.objects.objects(1, ANSWERS)) == 1000
    world.clock.advance(8 * DAY_S)
    for number in range(6):
        await world.deliver(sender=f"q{number}@far.test")
    assert len(await world.objects.objects(1, ANSWERS)) == 6
