"""Days, each reported once: spread over hours, given up in the end, and whatever dies in between."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.report.client import Ledger
from actors.report.types import DMARC, TLS
from cluster.errors import Unavailable
from cluster.meta.memory import MemoryStore
from cluster.meta.store import Transaction
from gateway.reports.schedule import EVERY_S, FIRST_S, Daily, Round, sweeping
from gateway.reports.sending import Reporter
from gateway.reports.settings import ReportSettings
from mail.reports.find import reports_in
from tests.unit.gateway.reports.world import DAY, Box, Session, World, verdict
from tests.virtual import run

HOUR_S = 3600


async def test_a_day_is_reported_when_it_is_over_and_once() -> None:
    world = World()
    await world.count(verdict(), verdict(), sessions=[Session()])
    daily = world.daily()
    assert await daily.round() == Round()
    assert await daily.round(now=True) == Round()  # today is never complete
    world.clock.advance(12 * HOUR_S + 60)
    assert await daily.round() == Round()
    world.clock.advance(FIRST_S + world.settings.spread_s)
    assert await daily.round() == Round(sent=2)
    assert await daily.round() == Round()
    assert world.box.recipients == ["dmarc@x.test", "tls@x.test"]
    assert await world.left() == []


async def test_domains_have_times_of_their_own_that_stay() -> None:
    world = World()
    one, two = world.daily(), world.daily()
    ended_ms = (DAY + 1) * 86_400_000
    due = [one.due_ms(DMARC, DAY, f"{number}.test") - ended_ms for number in range(100)]
    assert due == [two.due_ms(DMARC, DAY, f"{number}.test") - ended_ms for number in range(100)]
    assert min(due) >= FIRST_S * 1000
    assert max(due) <= (FIRST_S + world.settings.spread_s) * 1000
    assert max(due) - min(due) > world.settings.spread_s * 500


async def test_whose_turn_it_is_not_sends_nothing() -> None:
    world = World()
    await world.count(verdict())
    world.clock.advance(24 * HOUR_S)
    assert await world.daily().round(lambda: False) == Round()
    assert world.box.asked == 0


async def test_what_cannot_be_sent_is_tried_again_and_given_up() -> None:
    world = World()
    await world.count(verdict())
    world.resolver.broken = {"_dmarc.x.test"}
    daily = world.daily()
    world.clock.advance(24 * HOUR_S)
    assert await daily.round() == Round(later=1)
    assert await daily.round() == Round()
    world.clock.advance(world.settings.retry_s)
    assert await daily.round() == Round(later=1)
    world.clock.advance(world.settings.give_up_days * 24 * HOUR_S)
    assert await daily.round() == Round(given_up=1)
    assert await world.left() == []


async def test_a_domain_that_nobody_answers_for_is_forgotten() -> None:
    world = World({"_dmarc.x.test": {"TXT": []}})
    await world.count(verdict())
    world.clock.advance(24 * HOUR_S)
    assert await world.daily().round() == Round(nobody=1)
    assert await world.left() == []


async def test_counts_that_come_late_are_in_no_report() -> None:
    world = World()
    await world.count(verdict())
    world.clock.advance(24 * HOUR_S)
    assert await world.daily().round() == Round(sent=1)
    world.clock.advance(-24 * HOUR_S)
    await world.count(verdict(ip="192.0.2.77"))
    world.clock.advance(24 * HOUR_S)
    assert await world.daily().round() == Round()
    assert await world.left() == []
    assert world.box.asked == 1


async def test_days_that_were_missed_are_all_reported() -> None:
    world = World()
    for _ in range(3):
        await world.count(verdict())
        world.clock.advance(24 * HOUR_S)
    assert await world.daily().round() == Round(sent=3)
    assert len(world.box.kept) == 3


async def test_what_is_switched_off_is_not_sent() -> None:
    world = World()
    await world.count(verdict(), sessions=[Session()])
    world.clock.advance(24 * HOUR_S)
    off = Daily(world.ledger, world.reporter(), world.clock, ReportSettings(dmarc=False, tls=False), "mx.test")
    assert await off.round() == Round()


async def test_more_domains_than_are_sent_together() -> None:
    records = {f"_smtp._tls.{number}.test": {"TXT": [b"v=TLSRPTv1; rua=mailto:a@r.test"]} for number in range(30)}
    world = World(records)
    await world.count(sessions=[Session(domain=f"{number}.test") for number in range(30)])
    world.clock.advance(24 * HOUR_S)
    assert await world.daily().round() == Round(sent=30)


def test_it_looks_again_and_again_also_after_trouble() -> None:
    async def main() -> None:
        world = World()
        rounds = []

        class Failing(Ledger):
            async def first_day(self, kind: bytes, until: int) -> int | None:
                rounds.append(kind)
                raise Unavailable("away")

        ledger = Failing(world.store, world.clock)
        daily = Daily(ledger, world.reporter(), world.clock, world.settings, "mx.test")
        turns = iter([False, True, True, True])
        task = asyncio.create_task(daily.run(lambda: next(turns)))
        await asyncio.sleep(EVERY_S * 3 + 1)
        task.cancel()
        assert rounds == [DMARC, DMARC]

    run(main())


def test_old_reports_are_swept() -> None:
    async def main() -> None:
        world = World()
        swept: list[int] = []

        class Sweeping(Ledger):
            async def sweep(self, older_ms: int) -> int:
                swept.append(older_ms)
                if len(swept) == 1:
                    raise Unavailable("away")
                return 0

        ledger = Sweeping(world.store, world.clock)
        turns = iter([False, True, True])
        task = asyncio.create_task(sweeping(ledger, world.clock, ReportSettings(keep_s=60), lambda: next(turns), 10))
        await asyncio.sleep(31)
        task.cancel()
        assert swept == [world.clock.ms - 60_000] * 2

    run(main())


# -- dying anywhere ----------------------------------------------------------------------------------------------------


class Died(Exception):
    """The process is no more."""


class Fragile(MemoryStore):
    """A store whose process dies at a write, before or after it is durable."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock=clock)
        self.lives: list[int] = []
        """How many more writes each life has; the last goes on for ever. Odd: the last of it is durable."""

    async def transact(self, body: Callable[[Transaction], Awaitable[Any]]) -> Any:
        if self.lives and self.lives[0] <= 1:
            durable = self.lives[0] == 1
            if durable:
                await super().transact(body)
            raise Died
        if self.lives:
            self.lives[0] -= 2
        return await super().transact(body)


class FragileBox(Box):
    """A queue whose caller dies once it has taken a message, or before."""

    def __init__(self, store: Fragile) -> None:
        super().__init__()
        self.store = store

    async def post(self, *args: Any, **kwargs: Any) -> None:
        lives = self.store.lives
        if lives and lives[0] <= 1:
            if lives[0] == 1:
                await super().post(*args, **kwargs)
            raise Died
        if lives:
            lives[0] -= 2
        await super().post(*args, **kwargs)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 20), max_size=6), st.integers(1, 3))
def test_a_day_is_reported_exactly_once_wherever_the_process_dies(lives: list[int], domains: int) -> None:
    async def main() -> None:
        record = b"v=DMARC1; p=none; rua=mailto:a@x.test,mailto:b@x.test"
        world = World({"_dmarc.x.test": {"TXT": [record]}})
        names = ["x.test", *(f"{number}.test" for number in range(1, domains))]
        for name in names[1:]:
            world.resolver.records[f"_smtp._tls.{name}"] = {"TXT": [b"v=TLSRPTv1; rua=mailto:t@" + name.encode()]}
        store = Fragile(world.clock)
        box = FragileBox(store)
        world.ledger = Ledger(store, world.clock)
        world.noted._ledger = world.ledger
        await world.count(verdict(), verdict(), sessions=[Session(domain=name) for name in names[1:]])
        world.clock.advance(24 * HOUR_S)
        store.lives = list(lives)
        while True:  # each life of the process
            reporter = Reporter(Ledger(store, world.clock), world.resolver, box, world.settings, "mx.test")
            daily = Daily(Ledger(store, world.clock), reporter, world.clock, world.settings, "mx.test")
            try:
                await daily.round()
                break
            except Died:
                store.lives.pop(0)
        store.lives = []
        assert [one async for one in world.ledger.domains(DMARC, DAY)] == []
        assert [one async for one in world.ledger.domains(TLS, DAY)] == []
        assert box.recipients == sorted(["a@x.test", "b@x.test", *(f"t@{name}" for name in names[1:])])
        for posted in box.kept.values():
            (report,) = reports_in(posted.message).reports
            if posted.recipient.endswith("@x.test"):
                assert report.records[0].count == 2  # type: ignore[union-attr]

    asyncio.run(main())
