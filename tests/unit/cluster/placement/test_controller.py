"""The controller over the registry in memory, in virtual time: what it does with members that come, go and drain."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from msgspec.json import encode
from prometheus_client import CollectorRegistry

from cluster.errors import Unavailable
from cluster.membership.election import Election
from cluster.membership.members import Drain, Member
from cluster.membership.memory import MemoryRegistry, MemoryRegistryServer
from cluster.meta.memory import MemoryStore
from cluster.placement import controller as real
from cluster.placement.controller import Controller
from cluster.placement.metrics import ControllerMetrics
from cluster.placement.rendezvous import ideal
from cluster.placement.slotmap import SlotMap
from cluster.placement.watching import Watching
from tests.unit.cluster.placement.fakes import LAYOUT, LoopClock, Throne, announce, leave, member, run, server

NOWHERE = SlotMap()
A, B = (member(f"mailbox-{name}-0", node=name) for name in "ab")
C = member("mailbox-c-0", node="c", weight=0.2)  # light, so that the tests have fewer moves to make


class World:
    """A registry with one process that watches, and a log of every map there ever was."""

    def __init__(self, machine: MemoryRegistryServer, clock: LoopClock) -> None:
        self.machine = machine
        self.clock = clock
        self.registry = machine.connect(clock)
        self.store = MemoryStore()
        self.watching = Watching(machine.connect(clock), LAYOUT)
        self.asked: list[tuple[str, int]] = []  # releases
        self.refuse: set[str] = set()  # shards that do not release
        self.hang: set[str] = set()  # shards that do not answer
        self.fail: set[str] = set()  # shards whose release meets a defect
        self.release_s = 0.001
        self.tasks: list[asyncio.Task[None]] = []
        self.before = NOWHERE
        self.broken: list[str] = []
        self.writes = 0
        self.watching.on_change(self.check)

    def check(self) -> None:
        """After every change: a slot's owner changes only with a greater epoch."""
        now = self.slots()
        for old_page, new_page in zip(self.before.pages, now.pages, strict=True):
            if new_page is not old_page:
                for old, new in zip(old_page, new_page, strict=True):
                    if new != old and old is not None and (new is None or new.epoch <= old.epoch):
                        self.broken.append(f"{old} became {new}")
        self.writes += now is not self.before
        self.before = now

    def slots(self) -> SlotMap:
        return self.watching.known.slots.get("mailbox", NOWHERE)

    def counts(self) -> Counter[str]:
        return Counter(each.shard for each in self.slots() if each is not None)

    async def release(self, owner: Member, kind: str, slot: int) -> None:
        self.asked.append((owner.name, slot))
        await asyncio.sleep(self.release_s)
        if owner.name in self.hang:
            await asyncio.sleep(3600)
        if owner.name in self.fail:
            raise ZeroDivisionError("a defect")
        if owner.name in self.refuse:
            raise Unavailable("Not now.")

    def control(
        self, election: real.Election, registry: MemoryRegistry | None = None, watching: Watching | None = None
    ) -> asyncio.Task[None]:
        """Start a controller."""
        controller = Controller(
            "controller-1", registry or self.registry, LAYOUT, election, watching or self.watching, self.store,
            self.release, self.clock, ControllerMetrics(CollectorRegistry()),
        )  # fmt: skip
        self.tasks.append(asyncio.create_task(controller.run()))
        return self.tasks[-1]

    async def drain(self, node: str) -> None:
        await self.registry.change({f"{LAYOUT.drains}{node}": encode(Drain("me", 1))})

    async def until(self, what: str, seconds: float = 300) -> None:
        """Wait until the map has exactly these shards (letters), and nothing is left to do."""
        names = {f"mailbox-{letter}-0" for letter in what}
        async with asyncio.timeout(seconds):
            calm = 0
            while calm < 2:
                writes = self.writes
                await asyncio.sleep(1.1)  # the state is published each second
                settled = self.counts().keys() == names and not self.watching.known.controller.left
                calm = calm + 1 if settled and writes == self.writes else 0


@asynccontextmanager
async def world(*members: Member, throne: bool = True) -> AsyncIterator[World]:
    machine, clock = server()
    it = World(machine, clock)
    it.watching.start()
    for each in members:
        await announce(it.registry, each)
    if throne:
        election = Throne(it.registry)
        it.control(election)
        await election.win()
    yield it
    for task in it.tasks:
        assert not task.done(), task.exception()
        task.cancel()
    await asyncio.gather(*it.tasks, return_exceptions=True)
    await it.watching.close()
    assert it.broken == []


def homes(*members: Member) -> tuple[str, ...]:
    return ideal({each.name: each.weight for each in members})


def test_a_booting_cluster_waits_for_its_shards_and_writes_once() -> None:
    async def scenario() -> None:
        async with world(A) as it:
            await asyncio.sleep(0.5)
            await announce(it.registry, B)
            await asyncio.sleep(0.9)
            assert not it.counts()
            await asyncio.sleep(0.3)
            assert tuple(each.shard for each in it.slots() if each) == homes(A, B)
            await asyncio.sleep(10)
            assert it.writes == 1
            assert it.asked == []

    run(scenario())


def test_a_shard_that_dies_is_failed_over_at_once_and_only_it() -> None:
    async def scenario() -> None:
        async with world(A, B, C) as it:
            await it.until("abc")
            before = it.slots()
            writes = it.writes
            await leave(it.registry, C)
            await asyncio.sleep(0.1)
            assert tuple(each.shard for each in it.slots() if each) == homes(A, B)
            assert it.writes == writes + 1
            for old, new in zip(before, it.slots(), strict=True):
                assert old
                assert new == old if old.shard != C.name else new and new.epoch == old.epoch + 1
            await asyncio.sleep(5)
            assert it.watching.known.controller.failovers == sum(each.shard == C.name for each in before if each)
            assert it.asked == []

    run(scenario())


def test_a_restart_within_the_lease_changes_nothing() -> None:
    async def scenario() -> None:
        async with world(A, B) as it:
            await it.until("ab")
            writes = it.writes
            await announce(it.registry, member(B.name, node="b", incarnation=2))
            await asyncio.sleep(5)
            assert it.writes == writes

    run(scenario())


def test_who_joins_gets_its_share_slot_by_slot_each_released_first() -> None:
    async def scenario() -> None:
        async with world(A, B) as it:
            await it.until("ab")
            before = it.slots()
            await announce(it.registry, C)
            await it.until("abc")
            assert tuple(each.shard for each in it.slots() if each) == homes(A, B, C)
            moved = [(old.shard, at) for at, old in enumerate(before) if old and it.slots()[at] != old]
            assert sorted(it.asked) == sorted(moved)
            await asyncio.sleep(2)
            assert it.watching.known.controller.done == len(moved)
            assert it.watching.known.controller.moving == ()

    run(scenario())


def test_a_drained_node_is_emptied_and_taken_back() -> None:
    async def scenario() -> None:
        async with world(A, B, C) as it:
            await it.until("abc")
            await it.drain("b")
            await it.until("ac")
            await it.registry.change({}, deletes=[f"{LAYOUT.drains}b"])
            await it.until("abc")
            assert tuple(each.shard for each in it.slots() if each) == homes(A, B, C)

    run(scenario())


def test_when_all_drain_nothing_moves() -> None:
    async def scenario() -> None:
        async with world(A, B) as it:
            await it.until("ab")
            writes = it.writes
            await it.machine.connect(it.clock).change(
                {f"{LAYOUT.drains}{node}": encode(Drain("me", 1)) for node in "ab"}
            )
            await asyncio.sleep(30)
            assert it.writes == writes

    run(scenario())


@pytest.mark.parametrize("how", ["refuse", "hang", "fail"])
def test_a_shard_that_does_not_release_keeps_its_slots_and_others_go_on(how: str) -> None:
    async def scenario() -> None:
        async with world(A, B) as it:
            await it.until("ab")
            kept = it.counts()[A.name]
            getattr(it, how).add(A.name)
            await announce(it.registry, C)
            await asyncio.sleep(120)
            assert it.counts()[A.name] == kept
            slots = it.slots()
            for at, home in enumerate(homes(A, B, C)):
                now = slots[at]
                assert now
                assert now.shard in (home, A.name)
            # Asked again and again, but not always for the same slot, and not without rest.
            asked = Counter(slot for name, slot in it.asked if name == A.name)
            assert 5 < len(asked) < 30
            assert max(asked.values()) <= 2
            getattr(it, how).clear()
            await it.until("abc", 600)
            assert tuple(each.shard for each in it.slots() if each) == homes(A, B, C)

    run(scenario())


def test_a_death_is_failed_over_while_a_release_hangs() -> None:
    async def scenario() -> None:
        async with world(A, B) as it:
            await it.until("ab")
            it.hang |= {A.name, B.name}
            await announce(it.registry, C)
            await asyncio.sleep(0.5)
            assert len(it.asked) == 1
            (busy, slot), *_ = it.asked
            dead, left = (A, B) if busy == A.name else (B, A)
            await leave(it.registry, dead)
            await asyncio.sleep(0.1)
            assert it.counts().keys() == {left.name, C.name}
            now = it.slots()[slot]
            assert now
            assert now.shard == homes(left, C)[slot]

    run(scenario())


def test_a_target_that_dies_during_the_release_gets_nothing() -> None:
    async def scenario() -> None:
        async with world(A, B) as it:
            await it.until("ab")
            before = it.slots()
            it.release_s = 3
            await announce(it.registry, C)
            await asyncio.sleep(1)
            (source, slot), *_ = it.asked
            await leave(it.registry, C)
            await asyncio.sleep(5)
            # Its owner got it anew, so that it need not wait until it may take it up again.
            old, now = before[slot], it.slots()[slot]
            assert old
            assert now == (source, old.epoch + 1)
            assert it.counts().keys() == {A.name, B.name}

    run(scenario())


def test_a_lost_answer_and_a_registry_that_was_away_lose_nothing() -> None:
    async def scenario() -> None:
        async with world(A, B) as it:
            await it.until("ab")
            it.registry.lose_answer = True
            await announce(it.machine.connect(it.clock), C)
            await asyncio.sleep(0.2)
            it.machine.stop()
            await asyncio.sleep(20)
            it.machine.start()
            await it.until("abc")
            assert tuple(each.shard for each in it.slots() if each) == homes(A, B, C)
            await asyncio.sleep(2)
            assert it.watching.known.controller.trouble == ""

    run(scenario())


def test_the_state_is_published_at_most_once_a_second() -> None:
    async def scenario() -> None:
        async with world(A, B) as it:
            await it.until("ab")
            states: list[float] = []
            known = it.watching.known
            last = [known.controller]

            def hear() -> None:
                if known.controller is not last[0]:
                    last[0] = known.controller
                    states.append(it.clock.monotonic())

            it.watching.on_change(hear)
            it.release_s = 0.03
            await announce(it.registry, C)
            await it.until("abc")
            await asyncio.sleep(3)
            assert len(states) > 5
            assert all(later - earlier >= 0.99 for earlier, later in pairwise(states))
            assert known.controller.leader == "controller-1"

    run(scenario())


def test_two_controllers_that_take_turns_never_lose_an_update() -> None:
    # Each goes on for a while after the other has taken the lead, not knowing it. World.check sees every map.
    async def scenario() -> None:
        async with world(A, B, throne=False) as it:
            it.release_s = 0.005
            thrones = []
            for _ in range(2):
                registry = it.machine.connect(it.clock)
                watching = Watching(registry, LAYOUT)
                watching.start()
                thrones.append(Throne(registry))
                it.control(thrones[-1], registry, watching)
            await thrones[0].win()
            await it.until("ab")
            for turn in range(12):
                await (leave, announce)[turn % 2](it.registry, (A, B)[turn // 2 % 2])
                if turn % 3 == 0:
                    await announce(it.registry, C)
                elif turn % 3 == 2:
                    await leave(it.registry, C)
                await asyncio.sleep(0.21)
                await thrones[(turn + 1) % 2].win()
                await asyncio.sleep(0.33)
                thrones[turn % 2].lose()
            await it.until("ab")
            assert tuple(each.shard for each in it.slots() if each) == homes(A, B)

    run(scenario())


def test_with_the_real_election_another_takes_over_when_the_leader_is_cut_off() -> None:
    async def scenario() -> None:
        async with world(A, B, throne=False) as it:
            registries = []
            for number in range(2):
                registry = it.machine.connect(it.clock)
                watching = Watching(registry, LAYOUT)
                watching.start()
                me = Member(f"controller-{number}", "controller", f"n{number}")
                it.control(Election(registry, LAYOUT, me, ttl_s=3), registry, watching)
                registries.append(registry)
                await asyncio.sleep(0.1)
            await it.until("ab")
            registries[0].cut()
            await leave(it.registry, B)
            await it.until("a", 10)
            registries[0].heal()
            await announce(it.registry, B)
            await it.until("ab")

    run(scenario())


def test_a_new_leader_that_has_not_heard_of_a_shard_does_not_take_its_slots() -> None:
    async def scenario() -> None:
        async with world(A, B, throne=False) as it:
            thrones, watched = [], []
            for _ in range(2):
                watched.append(it.machine.connect(it.clock))
                watching = Watching(watched[-1], LAYOUT)
                watching.start()
                thrones.append(Throne(it.registry))
                it.control(thrones[-1], it.registry, watching)
            await thrones[0].win()
            await it.until("ab")
            watched[1].cut()
            await announce(it.registry, C)
            await it.until("abc")
            writes = it.writes
            await thrones[1].win()
            thrones[0].lose()
            await asyncio.sleep(10)
            assert it.writes == writes
            await leave(it.registry, B)
            watched[1].heal()
            await it.until("ac")

    run(scenario())


def test_when_what_is_done_beside_fails_another_gets_the_lead() -> None:
    async def supervise() -> None:
        await asyncio.sleep(2)
        raise ZeroDivisionError("a defect")

    async def scenario() -> None:
        async with world(A, throne=False) as it:
            me = member("controller-1")
            controller = Controller(
                "controller-1", it.registry, LAYOUT, Election(it.registry, LAYOUT, me, ttl_s=6), it.watching, it.store,
                it.release, it.clock, ControllerMetrics(CollectorRegistry()), beside=supervise,
            )  # fmt: skip
            with pytest.raises(ZeroDivisionError):
                async with asyncio.timeout(60):
                    await controller.run()
            assert it.counts() == {A.name: 4096}
            assert await it.registry.get(LAYOUT.leader) is None

    run(scenario())
