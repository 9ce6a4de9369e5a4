"""One for all in one write; but none suffers for another, and what may have landed is not tried again."""

import asyncio
from collections.abc import Sequence

import pytest

from cluster.errors import StoreFull, Unavailable
from cluster.meta.engine import Conflict
from cluster.meta.grouping import BATCH_BYTES_MAX, GroupCommit
from cluster.meta.overlay import Overlay
from cluster.meta.validate import Changes


def change(name: bytes, size_bytes: int = 1) -> Changes:
    overlay = Overlay()
    overlay.writes[name] = b""
    return Changes({}, [], overlay, size_bytes)


class Engine:
    """Lands what it is told to; `gate` holds it back."""

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def land(self, batch: Sequence[Changes]) -> list[bool]:
        names = [next(iter(changes.overlay.writes)) for changes in batch]
        self.batches.append(names)
        await self.gate.wait()
        if b"large" in names:
            raise StoreFull("Full.")
        if b"lost" in names:
            raise Unavailable("Lost.")
        if b"defect" in names:
            raise ZeroDivisionError
        return [name != b"conflict" for name in names]


async def outcomes(group: GroupCommit, *names: bytes) -> list[object]:
    found = await asyncio.gather(*[group.commit(change(name)) for name in names], return_exceptions=True)
    return [None if outcome is None else type(outcome) for outcome in found]


async def test_what_waits_together_lands_together() -> None:
    engine = Engine()
    group = GroupCommit(engine.land)
    assert await outcomes(group, b"a", b"conflict", b"b") == [None, Conflict, None]
    assert engine.batches == [[b"a", b"conflict", b"b"]]


async def test_what_arrives_during_a_write_is_the_next_batch() -> None:
    engine = Engine()
    group = GroupCommit(engine.land)
    engine.gate.clear()
    first = asyncio.create_task(group.commit(change(b"a")))
    while not engine.batches:
        await asyncio.sleep(0)
    later = asyncio.create_task(outcomes(group, b"b", b"c"))
    await asyncio.sleep(0)
    engine.gate.set()
    await asyncio.gather(first, later)
    assert engine.batches == [[b"a"], [b"b", b"c"]]


async def test_one_too_large_does_not_hurt_the_others() -> None:
    engine = Engine()
    assert await outcomes(GroupCommit(engine.land), b"a", b"large", b"b") == [None, StoreFull, None]


async def test_what_may_have_landed_is_not_tried_again() -> None:
    engine = Engine()
    group = GroupCommit(engine.land)
    assert await outcomes(group, b"a", b"lost", b"b") == [Unavailable] * 3
    assert len(engine.batches) == 1
    assert await outcomes(group, b"c") == [None]


async def test_a_defect_fails_its_callers_and_the_next_go_on() -> None:
    engine = Engine()
    group = GroupCommit(engine.land)
    assert await outcomes(group, b"defect") == [Unavailable]
    assert await outcomes(group, b"a") == [None]


async def test_a_batch_is_bounded() -> None:
    engine = Engine()
    group = GroupCommit(engine.land)
    half = BATCH_BYTES_MAX // 2 + 1
    await asyncio.gather(*[group.commit(change(b"%d" % n, half)) for n in range(4)])
    assert engine.batches == [[b"0", b"1"], [b"2", b"3"]]


async def test_closing_lands_what_waits() -> None:
    engine = Engine()
    group = GroupCommit(engine.land)
    under_way = asyncio.create_task(outcomes(group, b"a", b"b"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await group.close()
    assert await under_way == [None, None]
    with pytest.raises(Unavailable):
        await group.commit(change(b"c"))
