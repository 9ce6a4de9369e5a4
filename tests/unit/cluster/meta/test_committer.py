"""One for all in one write; but none suffers for another."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from cluster.errors import StoreFull, Unavailable
from cluster.meta.committer import QUEUED_BYTES_MAX, Committer
from cluster.meta.engine import Broken, Conflict
from cluster.meta.overlay import Overlay
from cluster.meta.validate import Changes


def change(name: bytes, size_bytes: int = 1) -> Changes:
    overlay = Overlay()
    overlay.writes[name] = b""
    return Changes({}, [], overlay, size_bytes)


class Engine:
    """Lands what it is told to, in the writer's thread; `gate` holds it back."""

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.gate.set()

    def land(self, batch: Sequence[Changes]) -> list[bool]:
        self.entered.set()
        self.gate.wait(10)
        names = [next(iter(changes.overlay.writes)) for changes in batch]
        self.batches.append(names)
        if b"large" in names:
            raise StoreFull("Full.")
        if b"broken" in names:
            raise Broken("Broken.")
        if b"defect" in names:
            raise ZeroDivisionError
        return [name != b"conflict" for name in names]


async def outcomes(committer: Committer, *names: bytes) -> list[object]:
    found = await asyncio.gather(*[committer.commit(change(name)) for name in names], return_exceptions=True)
    return [None if outcome is None else type(outcome) for outcome in found]


async def test_what_waits_together_lands_together() -> None:
    engine = Engine()
    committer = Committer(engine.land, "test")
    assert await outcomes(committer, b"a", b"conflict", b"b") == [None, Conflict, None]
    assert engine.batches == [[b"a", b"conflict", b"b"]]
    await committer.close()


async def test_what_arrives_during_a_write_is_the_next_batch() -> None:
    engine = Engine()
    engine.gate.clear()
    committer = Committer(engine.land, "test")
    commits = []
    for n in range(5):
        commits.append(asyncio.ensure_future(committer.commit(change(b"%d" % n))))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    engine.gate.set()
    await asyncio.gather(*commits)
    assert [name for batch in engine.batches for name in batch] == [b"%d" % n for n in range(5)]
    assert len(engine.batches) <= 2
    await committer.close()


async def test_a_batch_that_fails_is_tried_one_by_one() -> None:
    engine = Engine()
    committer = Committer(engine.land, "test")
    assert await outcomes(committer, b"a", b"large", b"b") == [None, StoreFull, None]
    assert engine.batches[1:] == [[b"a"], [b"large"], [b"b"]]
    assert await outcomes(committer, b"c") == [None]
    await committer.close()


@pytest.mark.parametrize("how", [b"broken", b"defect"])
async def test_after_an_error_of_the_files_no_other_write_is_tried(how: bytes) -> None:
    engine = Engine()
    committer = Committer(engine.land, "test")
    assert await outcomes(committer, how) == [Broken]
    assert await outcomes(committer, b"a") == [Broken]
    assert engine.batches == [[how]]
    await committer.close()


async def test_what_is_queued_behind_such_an_error_is_not_tried_either() -> None:
    engine = Engine()
    engine.gate.clear()
    committer = Committer(engine.land, "test")
    first = asyncio.ensure_future(outcomes(committer, b"broken"))
    while not engine.entered.is_set():
        await asyncio.sleep(0)
    then = asyncio.ensure_future(outcomes(committer, b"a"))
    await asyncio.sleep(0)
    engine.gate.set()
    assert await first + await then == [Broken, Broken]
    assert engine.batches == [[b"broken"]]
    await committer.close()


async def test_too_many_bytes_wait_outside() -> None:
    engine = Engine()
    engine.gate.clear()
    committer = Committer(engine.land, "test")
    large = asyncio.ensure_future(committer.commit(change(b"first", QUEUED_BYTES_MAX + 1)))
    await asyncio.sleep(0)
    waits = asyncio.ensure_future(committer.commit(change(b"second")))
    for _ in range(5):
        await asyncio.sleep(0)
    engine.gate.set()
    await asyncio.gather(large, waits)
    assert engine.batches == [[b"first"], [b"second"]]
    await committer.close()


async def test_closing_lands_what_waits_and_refuses_the_rest() -> None:
    engine = Engine()
    committer = Committer(engine.land, "test")
    commit = asyncio.ensure_future(committer.commit(change(b"a")))
    await asyncio.sleep(0)
    await asyncio.gather(committer.close(), committer.close())
    await commit
    assert engine.batches == [[b"a"]]
    with pytest.raises(Unavailable):
        await committer.commit(change(b"late"))
