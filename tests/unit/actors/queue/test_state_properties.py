"""The queue against a model, through crashes, moves and failed commits: nothing lost, nothing lent to two."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors.queue import keys
from actors.queue.client import QueueClient
from actors.queue.entry import lane_of
from actors.queue.state import Queue
from actors.queue.types import (
    BULK,
    NORMAL,
    URGENT,
    Change,
    Envelope,
    Filter,
    Kind,
    Outcome,
    Owed,
    Recipient,
    Result,
    Told,
    Work,
)
from actors.shell.client import Direct
from cluster.blobs.blobs import digest_of
from cluster.blobs.codec import pack
from cluster.errors import NotFound, Unavailable
from tests.unit.actors.shell.site import Site

DOMAIN = "example.net"
SLOT = keys.slot_of(DOMAIN, b"stale")
LEASE_S = 60
PEOPLE = 3  # of each entry
PLACES = [(slot, lane) for slot in keys.slots_of(DOMAIN) for lane in (URGENT, NORMAL, BULK)]
numbers = st.integers(0, 5)


class Model:
    """What is known of one entry from the answers alone."""

    def __init__(self, due_ms: int) -> None:
        self.due_ms = due_ms
        self.lease_ms = 0
        self.held = False
        self.lent = False
        self.cancelled = False
        self.fates: list[str] = [""] * PEOPLE
        self.owed: list[Owed] = []
        self.work: list[Work] = []

    @property
    def ended(self) -> str:
        if all(fate in ("delivered", "failed") for fate in self.fates):
            return "failed" if "failed" in self.fates else "delivered"
        return "cancelled" if self.cancelled else ""

    @property
    def wake_ms(self) -> float:
        """Not lent before."""
        if self.owed:
            return self.lease_ms
        if self.ended or self.held:
            return float("inf")
        return self.lease_ms if self.lent else self.due_ms

    def lend(self, work: Work, lease_ms: int) -> None:
        assert work.attempt == len(self.work) + 1
        assert work.only_owed == bool(self.owed)
        assert [fate.result.outcome if fate.result else "" for fate in work.fates] == self.fates
        self.lent = self.lent or not self.owed
        self.work.append(work)
        self.lease_ms = lease_ms

    def report(self, work: Work, told: dict[int, Outcome], until_ms: int, owed: tuple[Owed, ...]) -> None:
        newest = self.lent and not self.ended and work is self.work[-1]
        counts = {
            index: outcome
            for index, outcome in told.items()
            if self.fates[index] != "delivered" and (newest or outcome == "delivered")
        }
        for index, outcome in counts.items():
            self.fates[index] = outcome
        for one in owed:
            kept = tuple(index for index in one.recipients if index in counts)
            self.owed += [Owed(one.kind, kept)] if kept else []
        if self.ended:
            self.held = self.lent = False
        elif newest and counts:
            self.lent, self.due_ms = False, until_ms


class Life(RuleBasedStateMachine):
    """Callers that see only answers, and owners that come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.site = Site()
        self.model: dict[int, Model] = {}
        self.epoch = 0
        self.new_owner()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(work, 30))

    def teardown(self) -> None:
        self.run(self.site.stop())
        self.loop.close()

    @rule()
    def new_owner(self) -> None:
        """A crash or a move: nothing of the old owner is used but its stale self, which must be harmless."""
        self.epoch += 1
        shard, _claims = self.run(self.site.owner(Queue(), epoch=self.epoch))
        self.client = QueueClient(Direct({"queue": shard}), self.site.store, self.site.blobs)
        with contextlib.suppress(NotFound):
            for slot in {keys.slot_of(DOMAIN, b"stale"), *keys.slots_of(DOMAIN)}:  # takes the slots
                with contextlib.suppress(NotFound):
                    self.run(self.client.read(slot.to_bytes(2, "big") + bytes(keys.ID_BYTES - 2)))

    @rule()
    def ask_a_stale_owner(self) -> None:
        """Its lease has not run out by its own clock, so it may say what it knows, but nothing it does comes true."""
        if self.epoch == 1:
            return
        stale = QueueClient(Direct({"queue": self.site.shards[-2]}), self.site.store, self.site.blobs)
        try:
            assert self.run(stale.due(SLOT, 10, LEASE_S)).work == ()
        except Unavailable:
            pass
        with pytest.raises(Unavailable):
            self.run(stale.enqueue(Envelope(DOMAIN, "a@b", (Recipient("c@d"),), bytes(32), 1), b"stale", pack(b"x")))

    @rule(number=numbers, delay=st.sampled_from([0, 30, 100]), cut=st.booleans())
    def enqueue(self, number: int, delay: int, cut: bool) -> None:
        due_ms = self.site.clock.now_ms() + 1000 * delay
        people = tuple(Recipient(f"{number}.{index}@{DOMAIN}") for index in range(PEOPLE))
        mail = Envelope(DOMAIN, "a@b", people, digest_of(b"x"), 1, priority=number - 2)
        if cut:  # the answer is lost, and the call made again
            self.site.store.after = Unavailable("Who knows?")
            with pytest.raises(Unavailable):
                self.run(self.enqueued(number, mail, due_ms))
            self.site.store.after = None
        self.run(self.enqueued(number, mail, due_ms))
        self.model.setdefault(number, Model(due_ms))

    async def enqueued(self, number: int, mail: Envelope, due_ms: int) -> None:
        # A repeated one changes nothing durable, so that the lost answer needs a write: else it cannot fail.
        if self.site.store.after is not None and number in self.model:
            raise self.site.store.after
        await self.client.enqueue(mail, b"%d" % number, pack(b"x"), due_ms)

    @rule(limit=st.integers(1, 10), seconds=st.sampled_from([0, 10, 50, 100]), busy=st.booleans())
    def due(self, limit: int, seconds: int, busy: bool) -> None:
        self.site.clock.advance(seconds)
        now = self.site.clock.now_ms()
        for slot, lane in PLACES:
            due = {
                number
                for number, model in self.model.items()
                if keys.slot_of(DOMAIN, b"%d" % number) == slot
                and lane_of(number - 2) == lane
                and model.wake_ms <= now
                and (not busy or model.owed)
            }
            lent = self.run(self.client.due(slot, limit, LEASE_S, lane=lane, busy=(DOMAIN,) if busy else ())).work
            got = [int(work.mail.recipients[0].address.partition(".")[0]) for work in lent]
            assert set(got) <= due
            assert len(set(got)) == len(got)
            assert busy or len(got) == min(limit, len(due))
            for number, work in zip(got, lent, strict=True):
                self.model[number].lend(work, now + 1000 * LEASE_S)

    @rule(
        number=numbers,
        back=st.integers(1, 3),
        outcomes=st.lists(st.sampled_from(["delivered", "deferred", "failed", ""]), min_size=PEOPLE, max_size=PEOPLE),
        delay=st.sampled_from([0, 60]),
        notices=st.booleans(),
    )
    def report(self, number: int, back: int, outcomes: list[Any], delay: int, notices: bool) -> None:
        model = self.model.get(number)
        told: dict[int, Outcome] = {index: outcome for index, outcome in enumerate(outcomes) if outcome}
        if model is None or len(model.work) < back or not told:
            return
        kinds: dict[Kind, str] = {"failure": "failed", "success": "delivered"}
        owed = tuple(
            Owed(kind, indices)
            for kind, outcome in kinds.items()
            if notices and (indices := tuple(index for index, how in told.items() if how == outcome))
        )
        until_ms = self.site.clock.now_ms() + 1000 * delay
        work, results = model.work[-back], tuple(Told(Result(how), (index,)) for index, how in told.items())
        shown = self.run(self.client.report(work, results, until_ms=until_ms, owed=owed))
        model.report(work, told, until_ms, owed)
        assert shown.status == (model.ended or shown.status)

    @rule(number=numbers)
    def notify(self, number: int) -> None:
        model = self.model.get(number)
        if model is not None and model.owed:
            for _twice in range(2):
                self.run(self.client.notified(keys.entry_id(DOMAIN, b"%d" % number), model.owed[0]))
            told = model.owed[0]
            model.owed = [one for one in model.owed if one != told]

    @rule(number=numbers, what=st.sampled_from(["hold", "release", "cancel", "retry"]), at_once=st.booleans())
    def change(self, number: int, what: Any, at_once: bool) -> None:
        model = self.model.get(number)
        if model is None or model.ended:
            return
        entry = keys.entry_id(DOMAIN, b"%d" % number)
        if at_once:  # as one of many
            which = Filter(recipient=f"{number}.0@{DOMAIN}")
            assert self.run(self.altered(Change(b"", what), which)) == 1
        else:
            self.run(self.client.change(Change(entry, what)))
        shown = self.run(self.client.read(entry))
        model.cancelled = what == "cancel"
        if what == "retry" and not self.forced(model):
            model.due_ms = self.site.clock.now_ms()
        if what in ("hold", "release"):
            model.held = what == "hold"
        if model.cancelled:
            model.held = model.lent = False
        assert shown.held is model.held

    def forced(self, model: Model) -> bool:
        """Asked for once more before it was lent: it is due already."""
        return not model.lent and model.due_ms <= self.site.clock.now_ms()

    async def altered(self, wish: Change, which: Filter) -> int:
        *_, last = [progress async for progress in self.client.alter(wish, which)]
        return last.meant

    @invariant()
    def all_is_there(self) -> None:
        shown = {one.id: one for one in self.run(self.client.list(which=Filter(domain=DOMAIN))).entries}
        assert shown.keys() == {keys.entry_id(DOMAIN, b"%d" % number) for number in self.model}
        for number, model in self.model.items():
            one = shown[keys.entry_id(DOMAIN, b"%d" % number)]
            assert (one.status if model.ended else "") == model.ended
            assert one.attempts == len(model.work)
            assert [fate.result.outcome if fate.result else "" for fate in one.fates] == model.fates
            assert list(one.owed) == model.owed
            assert one.held is model.held
        if self.model:
            left = sum(not model.ended for model in self.model.values())
            assert sum(count.entries for count in self.run(self.client.tally())) == left


Life.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestLife = Life.TestCase
