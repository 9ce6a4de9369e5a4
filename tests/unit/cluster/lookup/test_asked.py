"""Keyed sources: asked once for all who wait, remembered for a while, bounded."""

import asyncio

import pytest

from cluster.clock import ManualClock
from cluster.errors import Unavailable
from cluster.lookup.asked import ASKING_MAX, Asked
from cluster.rules.facts import NOT_THERE, TO_ASK, Missing


class Slow:
    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.asked: list[str] = []
        self.trouble: Exception | None = None

    async def ask(self, key: str) -> str | Missing:
        self.asked.append(key)
        await self.go.wait()
        if self.trouble is not None:
            raise self.trouble
        return NOT_THERE if key == "no" else key.upper()

    async def close(self) -> None:
        self.asked.append("closed")


def made(clock: ManualClock | None = None, cache_max: int = 3) -> tuple[Asked, Slow]:
    source = Slow()
    return Asked(source, clock or ManualClock(), ttl_s=10, cache_max=cache_max), source


async def test_who_wants_the_same_waits_for_one_question() -> None:
    asked, source = made()
    waiting = [asyncio.create_task(asked.ask("a")) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # who gives up does not end it for the others
    await asyncio.sleep(0)
    source.go.set()
    assert await asyncio.gather(*waiting[1:]) == ["A"] * 4
    assert (source.asked, asked.find("a")) == (["a"], "A")


async def test_answers_are_remembered_for_a_while_also_that_there_is_none() -> None:
    clock = ManualClock()
    asked, source = made(clock)
    source.go.set()
    assert asked.find("no") is TO_ASK
    assert await asked.ask("no") is NOT_THERE
    clock.advance(9.9)
    assert asked.find("no") is NOT_THERE
    clock.advance(0.1)
    assert asked.find("no") is TO_ASK
    await asked.ask("no")
    assert source.asked == ["no", "no"]


async def test_a_failure_is_told_to_all_and_not_remembered() -> None:
    asked, source = made()
    source.go.set()
    source.trouble = Unavailable("Away.")
    for told in await asyncio.gather(asked.ask("a"), asked.ask("a"), return_exceptions=True):
        assert isinstance(told, Unavailable)
    source.trouble = None
    assert await asked.ask("a") == "A"


async def test_what_is_remembered_and_asked_is_bounded() -> None:
    asked, source = made()
    source.go.set()
    for key in "abcde":
        await asked.ask(key)
    assert [asked.find(key) for key in "abcde"] == [TO_ASK, TO_ASK, "C", "D", "E"]
    source.go.clear()
    waiting = [asyncio.create_task(asked.ask(str(number))) for number in range(ASKING_MAX)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="being looked up"):
        await asked.ask("one more")
    await asked.close()
    assert source.asked[-1] == "closed"
    assert all(
        isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*waiting, return_exceptions=True)
    )


async def test_a_key_that_nobody_could_have_written_is_not_asked() -> None:
    asked, source = made()
    assert await asked.ask("x" * 2000) is NOT_THERE
    assert source.asked == []
