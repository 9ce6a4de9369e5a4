"""Sessions and elections over every registry; their many cases are in tests/unit, in virtual time."""

import asyncio
from collections.abc import Callable

from cluster.clock import SystemClock
from cluster.membership.election import Election
from cluster.membership.members import Layout, Member
from cluster.membership.registry import Registry
from cluster.membership.session import Session, read_member
from tests.contract.registry.following import WAIT_S

TTL_S = 60  # so that nothing here can come from a lease that ran out


async def test_a_successor_replaces_its_predecessor(connect: Callable[[], Registry]) -> None:
    layout = Layout("successor")
    sessions = [
        Session(connect(), layout, Member("q-1", "queue", "n", incarnation=n), clock=SystemClock(), ttl_s=TTL_S)
        for n in (1, 2)
    ]
    observer = connect()
    async with asyncio.timeout(WAIT_S):
        for session in sessions:
            session.start()
            await session.wait_for("announced")
            assert session.holds
        await sessions[0].wait_for("replaced")
        assert not sessions[0].holds
        assert read_member(await observer.get(layout.member(sessions[1].member))) == sessions[1].member
        await observer.revoke(sessions[1].member.lease)
        await sessions[1].wait_for("lost")
        await sessions[1].wait_for("announced")
        for session in sessions:
            await session.resign()
    assert (await observer.snapshot(layout.root)).entries == {}


async def test_the_next_leads_when_the_first_goes(connect: Callable[[], Registry]) -> None:
    layout = Layout("leaders")
    one, two = (
        Election(connect(), layout, Member(name, "controller", "n", incarnation=1), ttl_s=TTL_S)
        for name in ("one", "two")
    )
    observer = connect()
    mark = {layout.wanted: b"{}"}
    async with asyncio.timeout(WAIT_S):
        async with one.term() as first:
            assert await observer.change(mark, when=[first.compare])
            term = two.term()  # kept: one that nobody holds is given up when Python collects it
            waiting = asyncio.create_task(term.__aenter__())
            await asyncio.sleep(0.2)
            assert not waiting.done()
        second = await waiting
        assert not first.holds
        assert second.holds
        assert await observer.change(mark, when=[first.compare]) is None
        assert await observer.change(mark, when=[second.compare])
        await observer.change({}, deletes=[layout.leader])
        await second.lost()
        assert not second.holds
        await term.__aexit__(None, None, None)
