"""A member's announcement: made, kept, lost, replaced; over the memory twin in virtual time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import Refused
from cluster.membership.members import Layout, Member
from cluster.membership.memory import MemoryRegistry, MemoryRegistryServer
from cluster.membership.registry import Entry
from cluster.membership.session import Session, State, announced, read_member
from tests.virtual import LoopClock, run

TTL_S = 6
LAYOUT = Layout("test")


def member(incarnation: int = 1, name: str = "mailbox-n1-1") -> Member:
    return Member(name, "mailbox", "n1", incarnation=incarnation)


KEY = LAYOUT.member(member())


class World:
    """A registry and what was made in it."""

    def __init__(self) -> None:
        self.server = MemoryRegistryServer()
        self.told: dict[int, list[State]] = {}

    def session(self, incarnation: int = 1, name: str = "mailbox-n1-1") -> tuple[Session, MemoryRegistry]:
        clock = LoopClock(incarnation * 1000.0)
        registry = self.server.connect(clock)
        told = self.told.setdefault(incarnation, [])
        made = Session(registry, LAYOUT, member(incarnation, name), clock=clock, ttl_s=TTL_S, on_state=told.append)
        made.start()
        return made, registry

    def there(self) -> Member | None:
        return read_member(self.server.snapshot(KEY).entries.get(KEY))


def virtual(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def body() -> None:
        run(test())

    body.__name__ = test.__name__
    return body


@virtual
async def test_it_announces_and_stays() -> None:
    world = World()
    session, _ = world.session()
    assert not session.holds
    await session.wait_for("announced")
    for _ in range(20):
        await asyncio.sleep(TTL_S)
        assert session.holds
    assert world.there() == session.member
    assert session.member.lease
    assert world.told[1] == ["announced"]


@virtual
async def test_a_name_that_begins_with_another_is_nothing_to_it() -> None:
    world = World()
    short, _ = world.session()
    await short.wait_for("announced")
    long, _ = world.session(2, "mailbox-n1-10")
    await long.wait_for("announced")
    await long.resign()
    await asyncio.sleep(TTL_S)
    assert short.holds
    assert world.told[1] == ["announced"]


@virtual
async def test_it_resigns_at_once() -> None:
    world = World()
    session, _ = world.session()
    await session.wait_for("announced")
    await session.resign()
    assert world.there() is None
    assert not session.holds
    assert world.told[1] == ["announced", "resigned"]
    await session.resign()
    async with announced(session):
        pass


@virtual
async def test_a_registry_that_was_away_for_long_sees_no_gap_when_it_is_back() -> None:
    world = World()
    session, registry = world.session()
    revoke = registry.revoke

    async def patient(lease: int) -> None:  # as etcd's client, which tries until its deadline
        while not world.server.up:
            await asyncio.sleep(0.1)
        await revoke(lease)

    registry.revoke = patient  # type: ignore[method-assign]
    await session.wait_for("announced")
    first = session.member.lease
    watch = world.server.connect(LoopClock(5000.0)).watch(KEY)
    assert KEY in (await anext(watch)).entries
    world.server.stop()
    await session.wait_for("lost")
    await asyncio.sleep(TTL_S)
    world.server.start()
    await session.wait_for("announced")
    update = await anext(watch)
    there = read_member(update.entries[KEY])
    assert there is not None, "the leader would have given all its slots away"
    assert there.lease == session.member.lease != first
    await asyncio.sleep(3 * TTL_S)
    assert session.holds
    assert world.told[1] == ["announced", "lost", "announced"]


@virtual
async def test_a_cut_off_member_holds_nothing_past_its_lease_and_comes_back() -> None:
    world = World()
    session, registry = world.session()
    await session.wait_for("announced")
    registry.cut()
    until = session.until
    await session.wait_for("lost")
    assert LoopClock(1000.0).monotonic() >= until
    assert not session.holds
    await asyncio.sleep(TTL_S * 2)
    assert world.there() is None
    assert session.state == "lost"
    registry.heal()
    await session.wait_for("announced")
    assert session.holds
    assert world.told[1] == ["announced", "lost", "announced"]


@virtual
async def test_it_holds_nothing_the_moment_its_lease_has_run_out() -> None:
    """Also before its own loop has come to tell so."""
    world = World()
    session, registry = world.session()
    await session.wait_for("announced")
    registry.cut()
    until = session.until
    await asyncio.sleep(until - LoopClock(1000.0).monotonic())
    assert not session.holds


@virtual
async def test_a_short_cut_is_nothing() -> None:
    world = World()
    session, registry = world.session()
    await session.wait_for("announced")
    for _ in range(5):
        registry.cut()
        await asyncio.sleep(TTL_S / 2)
        registry.heal()
        await asyncio.sleep(TTL_S)
    assert world.told[1] == ["announced"]


@virtual
async def test_a_restart_of_the_registry_is_nothing() -> None:
    world = World()
    session, _ = world.session()
    await session.wait_for("announced")
    world.server.stop()
    await asyncio.sleep(TTL_S / 2)
    world.server.compact()
    world.server.start()
    await asyncio.sleep(TTL_S * 2)
    assert session.holds
    assert world.told[1] == ["announced"]


@virtual
async def test_a_revoked_lease_is_lost_and_another_taken() -> None:
    world = World()
    session, _ = world.session()
    await session.wait_for("announced")
    world.server.expire(session.member.lease)
    await session.wait_for("lost")
    await session.wait_for("announced")
    assert world.there() == session.member


@virtual
async def test_a_removed_key_is_announced_again() -> None:
    world = World()
    session, _ = world.session()
    await session.wait_for("announced")
    await world.server.connect(LoopClock()).change({}, deletes=[KEY])
    await session.wait_for("lost")
    await session.wait_for("announced")
    assert world.there() == session.member


@virtual
async def test_a_successor_waits_for_nobody_and_the_old_one_gives_way() -> None:
    world = World()
    old, _ = world.session(1)
    await old.wait_for("announced")
    before = asyncio.get_running_loop().time()
    new, _ = world.session(2)
    await new.wait_for("announced")
    assert asyncio.get_running_loop().time() == before
    await old.wait_for("replaced")
    assert not old.holds
    await asyncio.sleep(TTL_S * 3)
    assert world.there() == new.member
    assert world.told == {1: ["announced", "replaced"], 2: ["announced"]}
    await old.resign()
    assert world.there() == new.member


@virtual
async def test_a_predecessor_that_was_killed_is_replaced_at_once() -> None:
    world = World()
    old, registry = world.session(1)
    await old.wait_for("announced")
    await registry.close()
    new, _ = world.session(2)
    await new.wait_for("announced")
    assert not world.server.renew(old.member.lease)
    assert world.there() == new.member


@virtual
async def test_who_starts_after_its_successor_never_announces() -> None:
    world = World()
    new, _ = world.session(2)
    await new.wait_for("announced")
    old, _ = world.session(1)
    await old.wait_for("replaced")
    assert world.there() == new.member
    assert world.told[1] == ["replaced"]


@virtual
async def test_a_lost_answer_leaves_one_announcement() -> None:
    world = World()
    session, registry = world.session()
    registry.lose_answer = True
    await session.wait_for("announced")
    assert session.holds
    await asyncio.sleep(TTL_S * 3)
    assert world.there() == session.member
    assert world.told[1] == ["announced"]


@virtual
async def test_what_nobody_can_read_is_written_over() -> None:
    world = World()
    await world.server.connect(LoopClock()).change({KEY: b"\xff"})
    session, _ = world.session()
    await session.wait_for("announced")
    assert world.there() == session.member


class Guarded(MemoryRegistry):
    """Refuses until it is open."""

    open = False

    async def get(self, key: str) -> Entry | None:
        if not self.open:
            raise Refused("No.", log="the user may not")
        return await super().get(key)


@virtual
async def test_one_that_is_refused_says_why_and_tries_on() -> None:
    clock = LoopClock()
    registry = Guarded(MemoryRegistryServer(), clock)
    session = Session(registry, LAYOUT, member(), clock=clock, ttl_s=TTL_S)
    session.start()
    await asyncio.sleep(TTL_S)
    assert (session.state, session.trouble) == ("waiting", "the user may not")
    registry.open = True
    await session.wait_for("announced")
    assert session.trouble == ""
    await session.resign()


STEPS = st.lists(
    st.sampled_from(["cut 1", "cut 2", "heal 1", "heal 2", "expire", "delete", "lose 1", "lose 2", "restart", "new"]),
    max_size=25,
)
PAUSES = st.lists(st.sampled_from([0.0, 0.05, 0.5, 2.5, 7.0]), min_size=25, max_size=25)


@settings(max_examples=60, deadline=None)
@given(STEPS, PAUSES)
def test_after_any_losses_one_announcement_remains(steps: list[str], pauses: list[float]) -> None:
    run(_losses(steps, pauses))


async def _losses(steps: list[str], pauses: list[float]) -> None:
    world = World()
    sessions = [world.session(1)]
    for step, pause in zip(steps, pauses, strict=False):
        word, _, number = step.partition(" ")
        if word == "new" and len(sessions) == 1:
            sessions.append(world.session(2))
        elif word == "expire" and (there := world.there()):
            world.server.expire(there.lease)
        elif word == "delete":
            await world.server.connect(LoopClock()).change({}, deletes=[KEY])
        elif word == "restart":
            world.server.stop()
            await asyncio.sleep(pause)
            world.server.start()
        elif number and int(number) <= len(sessions):
            registry = sessions[int(number) - 1][1]
            if word == "cut":
                registry.cut()
            elif word == "heal":
                registry.heal()
            else:
                registry.lose_answer = True
        await asyncio.sleep(pause)
    for _, registry in sessions:
        registry.heal()
        registry.lose_answer = False
    await asyncio.sleep(TTL_S * 3)
    last = sessions[-1][0]
    assert last.holds
    assert world.there() == last.member
    assert [session.state for session, _ in sessions[:-1]] == ["replaced"] * (len(sessions) - 1)
    # Leases that no announcement needs have run out.
    assert [number for number in range(200) if world.server.renew(number)] == [last.member.lease]


def test_no_member_is_none() -> None:
    assert read_member(None) is None
    assert msgspec.json.decode(msgspec.json.encode(member()), type=Member) == member()


def test_what_waits_for_nothing_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="everybody waits"):
        run(asyncio.Event().wait())
