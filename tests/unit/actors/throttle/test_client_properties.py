"""Throttles against what must never be: too many in a period or at once, through faults, retries, crashes and moves."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.shell.client import Direct
from actors.throttle.client import Admitted, Limit, ThrottleClient
from actors.throttle.state import Throttle
from cluster.errors import Trouble, Unavailable
from tests.unit.actors.shell.site import Site

LEASE_S = 20.0
PER_S = 30.0
A = Limit("a", "", concurrency=2, rate=5, per_s=PER_S)
B = Limit("b", "", rate=3, per_s=PER_S / 2)
C = Limit("c", "", concurrency=3)
LIMITS = (A, B, C)

steps = st.lists(
    st.one_of(
        st.tuples(st.just("enter"), st.sampled_from([(A,), (B,), (C,), (A, B), (B, C), (A, C), LIMITS])),
        st.tuples(st.just("again"), st.integers(0, 9)),
        st.tuples(st.just("leave"), st.integers(0, 9)),
        st.tuples(st.just("renew"), st.integers(0, 9)),
        st.tuples(st.just("wait"), st.sampled_from([0.1, 1, 4, 7, 16])),
        st.tuples(st.just("fault"), st.sampled_from(["before", "after", "lost", ""])),
        st.tuples(st.just("move"), st.none()),
        st.tuples(st.just("stale"), st.none()),
        st.tuples(st.just("together"), st.integers(2, 5)),
    ),
    max_size=60,
)


class Faulty(Direct):
    """A way to the shard that may lose answers."""

    loses = False

    async def call(self, kind: str, slot: int, body: bytes, *, timeout_s: float = 5.0) -> bytes:
        answer = await super().call(kind, slot, body, timeout_s=timeout_s)
        if self.loses:
            raise Unavailable("Lost.")
        return answer


class Life:
    """Callers that know only what they heard, and what must never be."""

    def __init__(self) -> None:
        self.site = Site()
        self.epoch = 0
        self.entries: list[tuple[tuple[Limit, ...], bytes]] = []
        self.admitted: dict[bytes, Admitted] = {}
        self.counted: dict[bytes, tuple[tuple[Limit, ...], int]] = {}  # of whom was let in: by which limits, and when
        self.until_ms: dict[bytes, int] = {}  # how long who was let in may believe to have a place

    async def move(self) -> None:
        """Another owner; the one before knows nothing of it."""
        self.epoch += 1
        shard, _claims = await self.site.owner(Throttle(), epoch=self.epoch)
        self.way = Faulty({"throttle": shard})
        self.client = ThrottleClient(self.way, LEASE_S)

    async def enter(self, limits: tuple[Limit, ...], ident: bytes, through: ThrottleClient | None = None) -> None:
        client = through or self.client
        now_ms = self.site.clock.now_ms()
        try:
            answer = await client.enter(limits, ident)
        except Trouble:
            await client.close()
            for known in (self.admitted, self.counted, self.until_ms):  # who hears of trouble is not in
                known.pop(ident, None)
            return
        if isinstance(answer, Admitted):
            self.admitted[ident] = answer
            self.counted.setdefault(ident, (limits, now_ms))
            self.until_ms[ident] = now_ms + round(LEASE_S * 1000)

    async def do(self, what: str, with_: Any) -> None:
        store, number = self.site.store, len(self.entries)
        if what == "enter":
            self.entries.append((with_, number.to_bytes(16, "big")))
            await self.enter(*self.entries[-1])
        elif what == "together":
            new = [(LIMITS, (number + more).to_bytes(16, "big")) for more in range(with_)]
            self.entries += new
            await asyncio.gather(*(self.enter(*one) for one in new))
        elif what == "again" and with_ < number:
            await self.again(*self.entries[-1 - with_])
        elif what == "leave" and with_ < number:
            await self.leave(self.entries[-1 - with_][1])
        elif what == "renew" and with_ < number:
            await self.renew(self.entries[-1 - with_][1])
        elif what == "wait":
            self.site.clock.advance(with_)
        elif what == "fault":
            trouble = Unavailable("Away.")
            store.before, store.after = (trouble if with_ == each else None for each in ("before", "after"))
            self.way.loses = with_ == "lost"
        elif what == "move":
            store.before = store.after = None
            await self.move()
        elif what == "stale" and self.epoch > 1:
            stale = ThrottleClient(Direct({"throttle": self.site.shards[-2]}), LEASE_S)
            self.entries.append((LIMITS, number.to_bytes(16, "big")))
            await self.enter(*self.entries[-1], stale)  # until the new owner has a slot, the old one may still count

    async def again(self, limits: tuple[Limit, ...], ident: bytes) -> None:
        """The same call made again, as after a lost answer: within seconds."""
        if self.until_ms.get(ident, 0) > self.site.clock.now_ms() and ident in self.admitted:
            await self.enter(limits, ident)

    async def leave(self, ident: bytes) -> None:
        if ident in self.admitted:
            await self.client.leave(self.admitted.pop(ident))
            del self.until_ms[ident]

    async def renew(self, ident: bytes) -> None:
        now_ms = self.site.clock.now_ms()
        if self.until_ms.get(ident, 0) > now_ms and ident in self.admitted:
            try:
                assert await self.client.renew(self.admitted[ident]) == 0, "a place that was held was lost"
            except Trouble:
                return
            self.until_ms[ident] = now_ms + round(LEASE_S * 1000)

    def check(self) -> None:
        now_ms = self.site.clock.now_ms()
        for limit in LIMITS:
            moments = sorted(at for limits, at in self.counted.values() if limit in limits and limit.rate)
            for at in moments:
                within = sum(at <= other < at + limit.per_s * 1000 for other in moments)
                assert within <= limit.rate, f"{within} within {limit.per_s} s"
            holding = [
                one for ident, one in self.admitted.items() if self.until_ms[ident] > now_ms and limit in one.held
            ]
            assert not limit.concurrency or len(holding) <= limit.concurrency


@settings(max_examples=150, deadline=None)
@given(steps)
def test_never_too_many(history: list[tuple[str, Any]]) -> None:
    async def scene() -> None:
        life = Life()
        await life.move()
        for what, with_ in history:
            await life.do(what, with_)
            life.check()
        life.site.store.before = life.site.store.after = None
        life.way.loses = False
        # In the end nothing is left behind that keeps others out.
        life.site.clock.advance(PER_S + LEASE_S)
        assert isinstance(await life.client.enter(LIMITS, b"e" * 16), Admitted)
        await life.site.stop()

    asyncio.run(scene())
