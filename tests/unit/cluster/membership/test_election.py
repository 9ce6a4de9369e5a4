"""Who leads: one at a time, the next when it is gone; over the memory twin in virtual time."""

import asyncio
from contextlib import AsyncExitStack

from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.membership.election import Election, Leadership
from cluster.membership.members import Layout, Member
from cluster.membership.memory import MemoryRegistry, MemoryRegistryServer
from cluster.membership.session import read_member
from tests.unit.cluster.membership.test_session import virtual
from tests.virtual import LoopClock, run

TTL_S = 6
LAYOUT = Layout("test")


class Candidate:
    """Leads whenever it can, as a controller does."""

    def __init__(self, server: MemoryRegistryServer, name: str, incarnation: int = 1) -> None:
        self.registry: MemoryRegistry = server.connect(LoopClock(incarnation * 10.0))
        member = Member(name, "controller", "n1", incarnation=incarnation)
        self.election = Election(self.registry, LAYOUT, member, ttl_s=TTL_S)
        self.leads: Leadership | None = None
        self.last: Leadership | None = None
        self.terms = 0
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            async with self.election.term() as leadership:
                self.leads = self.last = leadership
                self.terms += 1
                await leadership.lost()
                self.leads = None

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def leader(server: MemoryRegistryServer) -> str:
    there = read_member(server.snapshot(LAYOUT.leader).entries.get(LAYOUT.leader))
    return f"{there.name} {there.incarnation}" if there else ""


async def can_change(candidate: Candidate) -> bool:
    """Whether a change under its last term's condition is made."""
    assert candidate.last
    observer = candidate.registry.server.connect(LoopClock())
    return await observer.change({f"{LAYOUT.root}mark": b"1"}, when=[candidate.last.compare]) is not None


@virtual
async def test_one_of_two_leads_and_the_other_after_it() -> None:
    server = MemoryRegistryServer()
    one, two = Candidate(server, "one"), Candidate(server, "two")
    await asyncio.sleep(TTL_S * 3)
    assert (one.terms, two.terms) == (1, 0)
    assert await can_change(one)
    before = asyncio.get_running_loop().time()
    await one.stop()
    await asyncio.sleep(0.01)
    assert two.leads
    assert asyncio.get_running_loop().time() - before < 1
    assert not await can_change(one)
    assert await can_change(two)


@virtual
async def test_a_leader_that_is_cut_off_loses_and_changes_nothing() -> None:
    server = MemoryRegistryServer()
    one, two = Candidate(server, "one"), Candidate(server, "two")
    await asyncio.sleep(1)
    one.registry.cut()
    held = one.leads
    assert held
    await asyncio.sleep(TTL_S * 2)
    assert not held.holds
    assert one.leads is None
    assert leader(server) == "two 1"
    assert two.leads
    assert not await can_change(one)
    one.registry.heal()
    await asyncio.sleep(TTL_S * 2)
    assert leader(server) == "two 1"


@virtual
async def test_a_restarted_controller_leads_at_once() -> None:
    server = MemoryRegistryServer()
    old, other = Candidate(server, "one"), Candidate(server, "two")
    await asyncio.sleep(1)
    assert old.leads
    old.task.cancel()
    old.registry.cut()  # killed: its lease stays behind
    new = Candidate(server, "one", 2)
    await asyncio.sleep(0.01)
    assert new.leads or other.leads
    assert leader(server) in ("one 2", "two 1")
    assert not await can_change(old)


@virtual
async def test_an_old_incarnation_waits_for_the_new() -> None:
    server = MemoryRegistryServer()
    new = Candidate(server, "one", 2)
    await asyncio.sleep(1)
    old = Candidate(server, "one", 1)
    await asyncio.sleep(TTL_S * 2)
    assert (new.terms, old.terms) == (1, 0)


@virtual
async def test_a_lost_answer_is_followed_by_a_term_that_counts() -> None:
    server = MemoryRegistryServer()
    one = Candidate(server, "one")
    one.registry.lose_answer = True
    await asyncio.sleep(TTL_S)
    assert one.leads
    assert await can_change(one)


STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["cut", "heal", "lose", "expire", "delete", "restart", "compact"]),
        st.sampled_from([0.0, 0.05, 1.0, 2.5, 7.0]),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_never_do_two_conditions_hold(steps: list[tuple[int, str, float]]) -> None:
    run(_steps(steps))


async def _steps(steps: list[tuple[int, str, float]]) -> None:
    server = MemoryRegistryServer()
    candidates = [Candidate(server, "one", 1), Candidate(server, "two", 1), Candidate(server, "one", 2)]
    for number, step, pause in steps:
        await _do(server, candidates[number].registry, step)
        await asyncio.sleep(pause)
        able = [await can_change(candidate) for candidate in candidates if candidate.last]
        assert sum(able) <= 1
    for candidate in candidates:
        candidate.registry.heal()
        candidate.registry.lose_answer = False
    await asyncio.sleep(TTL_S * 4)
    leading = [candidate for candidate in candidates if candidate.leads]
    assert len(leading) == 1
    assert leading[0].leads
    assert leading[0].leads.holds
    assert await can_change(leading[0])
    async with AsyncExitStack() as stack:
        for candidate in candidates:
            stack.push_async_callback(candidate.stop)
    await asyncio.sleep(TTL_S * 2)
    assert leader(server) == ""


async def _do(server: MemoryRegistryServer, registry: MemoryRegistry, step: str) -> None:
    if step == "cut":
        registry.cut()
    elif step == "heal":
        registry.heal()
    elif step == "lose":
        registry.lose_answer = True
    elif step == "compact":
        server.compact()
    elif step == "delete":
        await server.connect(LoopClock()).change({}, deletes=[LAYOUT.leader])
    elif step == "restart":
        server.stop()
        await asyncio.sleep(1)
        server.start()
    elif there := read_member(server.snapshot(LAYOUT.leader).entries.get(LAYOUT.leader)):
        server.expire(there.lease)
