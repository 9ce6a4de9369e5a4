"""Watching: where slots are, and who waits for that."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from cluster.errors import Refused, Unavailable
from cluster.membership.memory import MemoryRegistry
from cluster.membership.registry import Update, Watch
from cluster.placement import watching as module
from cluster.placement.slotmap import PAGE_SLOTS, Assignment, encode_page
from cluster.placement.watching import Watching
from tests.unit.cluster.placement.fakes import LAYOUT, announce, leave, member, run, server

A, B = member("mailbox-a-0"), member("mailbox-b-0")


async def begun() -> tuple[MemoryRegistry, Watching]:
    """A registry where A owns the first page, watched."""
    machine, clock = server()
    registry = machine.connect(clock)
    await announce(registry, A)
    await give(registry, A.name, 1)
    watching = Watching(machine.connect(clock), LAYOUT)
    watching.start()
    await watching.ready(1)
    return registry, watching


async def give(registry: MemoryRegistry, shard: str, epoch: int) -> None:
    page = encode_page(0, (Assignment(shard, epoch),) * PAGE_SLOTS)
    await registry.change({LAYOUT.page("mailbox", 0): page})


def test_it_knows_when_it_is_ready_and_follows() -> None:
    async def scenario() -> None:
        registry, watching = await begun()
        assert watching.owner("mailbox", 3) == A
        heard: list[object] = []
        stop = watching.on_change(lambda: heard.append(watching.owner("mailbox", 3)))
        await give(registry, B.name, 2)
        await asyncio.sleep(0.1)
        await announce(registry, B)
        await asyncio.sleep(0.1)
        assert heard == [None, B]
        stop()
        await leave(registry, B)
        await asyncio.sleep(0.1)
        assert heard == [None, B]
        assert watching.owner("mailbox", 3) is None
        await watching.close()

    run(scenario())


def test_waiting_ends_with_the_change_and_only_with_that() -> None:
    async def scenario() -> None:
        registry, watching = await begun()
        clock = asyncio.get_running_loop()
        begin = clock.time()
        waiting = asyncio.create_task(watching.changed("mailbox", 3, A, 20))
        elsewhere = asyncio.create_task(watching.changed("mailbox", 3000, None, 20))
        await asyncio.sleep(1)
        await announce(registry, B)
        await asyncio.sleep(1)
        assert not waiting.done()
        await announce(registry, member(A.name, incarnation=2))
        await waiting
        assert clock.time() - begin == pytest.approx(2, abs=0.1)
        await watching.changed("mailbox", 3, A, 20)  # changed already
        assert clock.time() - begin == pytest.approx(2, abs=0.1)
        await elsewhere
        assert clock.time() - begin == pytest.approx(20, abs=0.1)
        await watching.close()

    run(scenario())


def test_those_who_wait_are_counted_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITERS_MAX", 3)

    async def scenario() -> None:
        registry, watching = await begun()
        waiting = [asyncio.create_task(watching.changed("mailbox", 3, A, 20)) for _ in range(3)]
        await asyncio.sleep(0.1)
        with pytest.raises(Unavailable):
            await watching.changed("mailbox", 4, A, 20)
        waiting[0].cancel()
        await asyncio.sleep(0.1)
        more = asyncio.create_task(watching.changed("mailbox", 4, A, 20))
        await asyncio.sleep(0.1)
        await leave(registry, A)
        await asyncio.gather(*waiting[1:], more)
        await watching.changed("mailbox", 3, None, 0.1)
        await watching.close()

    run(scenario())


def test_while_the_registry_is_away_the_last_known_stays() -> None:
    async def scenario() -> None:
        machine, clock = server()
        registry, watched = machine.connect(clock), machine.connect(clock)
        watching = Watching(watched, LAYOUT)
        watching.start()
        await watching.ready(1)
        await announce(registry, A)
        await give(registry, A.name, 1)
        await asyncio.sleep(0.1)
        watched.cut()
        await announce(registry, B)
        await give(registry, B.name, 2)
        await asyncio.sleep(10)
        assert watching.owner("mailbox", 3) == A
        machine.compact()
        watched.heal()
        await asyncio.sleep(0.1)
        assert watching.owner("mailbox", 3) == B
        await watching.close()

    run(scenario())


def test_not_ready_says_so() -> None:
    async def scenario() -> None:
        machine, clock = server()
        registry = machine.connect(clock)
        registry.cut()
        watching = Watching(registry, LAYOUT)
        watching.start()
        with pytest.raises(Unavailable, match="etcd"):
            await watching.ready(3)
        await watching.close()

    run(scenario())


def test_a_listener_that_fails_stops_neither_others_nor_the_watching() -> None:
    async def scenario() -> None:
        registry, watching = await begun()
        heard: list[int] = []
        watching.on_change(lambda: 1 / 0)  # type: ignore[arg-type]
        watching.on_change(lambda: heard.append(1))
        await announce(registry, B)
        await asyncio.sleep(0.1)
        await leave(registry, B)
        await asyncio.sleep(0.1)
        assert heard == [1, 1]
        await watching.close()

    run(scenario())


class RefusesOnce(MemoryRegistry):
    """A registry whose first watch is refused."""

    refused = 0

    def watch(self, prefix: str) -> Watch:
        if self.refused:
            return super().watch(prefix)
        self.refused = 1
        return Refusal()


class Refusal:
    """A watch that ends at once."""

    def __aiter__(self) -> AsyncIterator[Update]:
        return self

    async def __anext__(self) -> Update:
        raise Refused("Not you.")

    async def aclose(self) -> None:
        """Nothing is open."""


def test_a_refused_watch_is_tried_again() -> None:
    async def scenario() -> None:
        machine, clock = server()
        watching = Watching(RefusesOnce(machine, clock), LAYOUT)
        watching.start()
        await watching.ready(2)
        await watching.close()

    run(scenario())


def test_a_value_that_nobody_could_foresee_does_not_end_the_watching(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        registry, watching = await begun()
        apply, failures = watching.known.apply, [1]

        def once(update: Update) -> None:
            if failures:
                raise ZeroDivisionError(failures.pop())
            apply(update)

        monkeypatch.setattr(watching.known, "apply", once)
        await give(registry, B.name, 2)
        await announce(registry, B)
        await asyncio.sleep(module.RETRY_S + 0.5)
        assert watching.owner("mailbox", 3) == B
        await watching.close()

    run(scenario())


@pytest.mark.parametrize("steps", range(6))
def test_whoever_is_cancelled_as_the_change_comes_is_cancelled(steps: int) -> None:
    async def scenario() -> None:
        _registry, watching = await begun()

        async def wait() -> None:
            await watching.changed("mailbox", 3, A, 10)
            await asyncio.sleep(10)

        task = asyncio.create_task(wait())
        await asyncio.sleep(0.1)
        watching.known.apply(Update(100, {LAYOUT.member(A): None}))
        watching._tell()
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task}, timeout=1)
        assert task.cancelled()
        await watching.close()

    run(scenario())
