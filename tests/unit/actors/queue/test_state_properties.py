"""The queue against a model, through crashes, moves and failed commits: nothing lost, nothing lent to two."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, Literal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors.queue import keys
from actors.queue.client import QueueClient
from actors.queue.state import Queue
from actors.queue.types import Envelope, Recipient, Work
from actors.shell.client import Direct
from cluster.blobs.blobs import digest_of
from cluster.blobs.codec import pack
from cluster.errors import NotFound, Unavailable
from tests.unit.actors.shell.site import Site

DOMAIN = "example.net"
SLOT = keys.slot_of(DOMAIN)
LEASE_S = 60
numbers = st.integers(0, 5)


class Model:
    """What is known of one entry from the answers alone."""

    def __init__(self, due_ms: int) -> None:
        self.due_ms = due_ms  # not lent before: due, or the end of the lease
        self.held = False
        self.ended: str = ""
        self.work: list[Work] = []


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
            self.run(self.client.read(keys.entry_id(DOMAIN, b"nobody")))  # takes the slot

    @rule()
    def ask_a_stale_owner(self) -> None:
        """Its lease has not run out by its own clock, so it may say what it knows, but nothing it does comes true."""
        if self.epoch == 1:
            return
        stale = QueueClient(Direct({"queue": self.site.shards[-2]}), self.site.store, self.site.blobs)
        try:
            assert self.run(stale.due(SLOT, 10, LEASE_S)) == ()
        except Unavailable:
            pass
        with pytest.raises(Unavailable):
            self.run(stale.enqueue(Envelope(DOMAIN, "a@b", (Recipient("c@d"),), bytes(32), 1), b"stale", pack(b"x")))

    @rule(number=numbers, delay=st.sampled_from([0, 30, 100]), cut=st.booleans())
    def enqueue(self, number: int, delay: int, cut: bool) -> None:
        due_ms = self.site.clock.now_ms() + 1000 * delay
        mail = Envelope(DOMAIN, "a@b", (Recipient(f"{number}@{DOMAIN}"),), digest_of(b"x"), 1)
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

    @rule(limit=st.integers(1, 10), seconds=st.sampled_from([0, 10, 50, 100]))
    def due(self, limit: int, seconds: int) -> None:
        self.site.clock.advance(seconds)
        now = self.site.clock.now_ms()
        due = {n for n, m in self.model.items() if not m.ended and not m.held and m.due_ms <= now}
        lent = self.run(self.client.due(SLOT, limit, LEASE_S))
        got = [int(work.mail.recipients[0].address.partition("@")[0]) for work in lent]
        assert len(set(got)) == len(got) == min(limit, len(due))
        assert set(got) <= due
        for number, work in zip(got, lent, strict=True):
            model = self.model[number]
            assert work.attempt == len(model.work) + 1
            model.work.append(work)
            model.due_ms = now + 1000 * LEASE_S

    @rule(
        number=numbers,
        back=st.integers(1, 3),
        outcome=st.sampled_from(["delivered", "deferred", "failed"]),
        delay=st.sampled_from([0, 60]),
    )
    def report(
        self, number: int, back: int, outcome: Literal["delivered", "deferred", "failed"], delay: int
    ) -> None:  # fmt: skip
        model = self.model.get(number)
        if model is None or len(model.work) < back:
            return
        before = self.run(self.client.read(model.work[0].id))
        until_ms = self.site.clock.now_ms() + 1000 * delay
        shown = self.run(self.client.report(model.work[-back], outcome, until_ms=until_ms))
        if outcome == "delivered":
            model.ended = "delivered"
        elif not model.ended and back == 1 and before.status == "lent":
            if outcome == "failed":
                model.ended = "failed"
            else:
                model.due_ms = until_ms
        assert shown.status == (model.ended or shown.status)

    @rule(number=numbers, what=st.sampled_from(["hold", "release", "cancel"]))
    def change(self, number: int, what: str) -> None:
        model = self.model.get(number)
        if model is None or model.ended:
            return
        shown = self.run(getattr(self.client, what)(keys.entry_id(DOMAIN, b"%d" % number)))
        if what == "cancel":
            model.ended = "cancelled"
        else:
            model.held = what == "hold"
            assert shown.held is model.held

    @invariant()
    def all_is_there(self) -> None:
        shown = {one.id: one for one in self.run(self.client.list(domain=DOMAIN)).entries}
        assert shown.keys() == {keys.entry_id(DOMAIN, b"%d" % number) for number in self.model}
        for number, model in self.model.items():
            one = shown[keys.entry_id(DOMAIN, b"%d" % number)]
            assert (one.status if model.ended else "") == model.ended
            assert one.attempts == len(model.work)


Life.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestLife = Life.TestCase
