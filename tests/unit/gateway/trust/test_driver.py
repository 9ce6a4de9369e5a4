"""Evaluators over a resolver: together, once, and in time."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from gateway.trust.driver import Asker
from mail.trust.questions import Asking, Question
from tests.unit.gateway.trust.resolving import Knowing, Resolver
from tests.virtual import run

T = TypeVar("T")
RECORDS: dict[str, Any] = {f"n{number}": {"A": [f"192.0.2.{number}"]} for number in range(200)}


def _one(*names: str) -> Asking[list[str]]:
    """Asks for each name after the other."""
    found = []
    for name in names:
        (answer,) = yield (Question(name, "A"),)
        found.append(answer.records[0] if answer.records else answer.status)
    return found


def _together(*names: str) -> Asking[list[str]]:
    answers = yield tuple(Question(name, "A") for name in names)
    return [answer.records[0] if answer.records else answer.status for answer in answers]


def _timed(work: Coroutine[Any, Any, T]) -> tuple[T, float]:
    async def timed() -> tuple[T, float]:
        start = asyncio.get_running_loop().time()
        result = await work
        return result, round(asyncio.get_running_loop().time() - start, 3)

    return run(timed())


def test_questions_of_one_tuple_are_asked_together() -> None:
    async def work() -> list[str]:
        async with Asker(Resolver(RECORDS)) as asker:
            return await asker.run(_together("n1", "n2", "n3", "none"))

    assert _timed(work()) == (["192.0.2.1", "192.0.2.2", "192.0.2.3", "nxdomain"], 0.1)


def test_evaluators_go_on_by_themselves() -> None:
    resolver = Resolver(RECORDS)
    resolver.slow = {"n1": 1.0}

    async def work() -> list[Any]:
        async with Asker(resolver) as asker:
            return await asker.run_all([_one("n1"), _one("n2", "n3", "n4"), _one()])

    results, took = _timed(work())
    assert results == [["192.0.2.1"], ["192.0.2.2", "192.0.2.3", "192.0.2.4"], []]
    assert took == 1.0


def test_the_same_question_is_asked_once() -> None:
    resolver = Resolver(RECORDS)

    async def work() -> None:
        async with Asker(resolver) as asker:
            await asker.run_all([_one("n1", "n2"), _together("n2", "n1"), _together("n1", "n1")])
            await asker.run(_one("n2"))

    run(work())
    assert sorted(resolver.asked) == [("n1", "A"), ("n2", "A")]


def test_every_answer_is_kept() -> None:
    async def work() -> dict[Question, Any]:
        async with Asker(Resolver(RECORDS)) as asker:
            await asker.run(_one("n1", "none"))
            return asker.answers

    answers = run(work())
    assert [(question.name, answer.status) for question, answer in answers.items()] == [
        ("n1", "ok"),
        ("none", "nxdomain"),
    ]


def test_after_the_deadline_nothing_is_waited_for() -> None:
    resolver = Resolver(RECORDS)
    resolver.slow = {"n2": 1000.0}

    async def work() -> tuple[Any, ...]:
        async with Asker(resolver, deadline_s=5.0) as asker:
            found = await asker.run_all([_one("n1", "n2", "n3"), _one("n4"), _together("n2", "n5")])
            assert asker.answers[Question("n2", "A")].why == "no answer within the message's time"
            return tuple(found)

    found, took = _timed(work())
    assert took == 5.0
    assert found == (["192.0.2.1", "tempfail", "tempfail"], ["192.0.2.4"], ["tempfail", "192.0.2.5"])
    assert ("n3", "A") not in resolver.asked  # there was no time left to ask
    assert resolver.open == 0


def test_an_answer_that_comes_too_late_changes_nothing() -> None:
    resolver = Resolver(RECORDS)
    resolver.slow = {"n1": 6.0}

    async def work() -> list[Any]:
        async with Asker(resolver, deadline_s=5.0) as asker:
            first = await asker.run(_one("n1"))
            await asyncio.sleep(5)
            return [*first, *await asker.run(_one("n1"))]

    assert run(work()) == ["tempfail", "tempfail"]


def test_what_is_known_is_used_after_the_deadline_too() -> None:
    async def work() -> list[str]:
        async with Asker(Knowing(RECORDS), deadline_s=1.0) as asker:
            await asyncio.sleep(2)
            return await asker.run(_one("n1"))

    assert run(work()) == ["192.0.2.1"]


def test_what_is_known_costs_no_switch() -> None:
    async def work() -> list[str]:
        async with Asker(Knowing(RECORDS)) as asker:
            work = asker.run(_one("n1", "n2"))
            with pytest.raises(StopIteration) as end:
                work.send(None)  # it ends without having waited once
            return end.value.value  # type: ignore[no-any-return]

    assert run(work()) == ["192.0.2.1", "192.0.2.2"]


def test_questions_are_bounded() -> None:
    resolver = Resolver(RECORDS)

    async def work() -> list[str]:
        async with Asker(resolver, questions_max=10) as asker:
            return await asker.run(_together(*[f"n{number}" for number in range(12)]))

    assert run(work())[9:] == ["192.0.2.9", "tempfail", "tempfail"]
    assert len(resolver.asked) == 10


def test_who_is_cancelled_leaves_no_question() -> None:
    resolver = Resolver(RECORDS, wait_s=100)

    async def check() -> None:
        async with Asker(resolver) as asker:
            await asker.run(_together("n1", "n2"))

    async def work() -> None:
        task = asyncio.create_task(check())
        await asyncio.sleep(1)
        assert resolver.open == 2
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(work())
    assert resolver.open == 0


def test_a_resolver_that_raises_is_not_hidden() -> None:
    class Wrong(Resolver):
        def answer(self, name: str, kind: str) -> Any:
            raise ZeroDivisionError

    async def work() -> None:
        async with Asker(Wrong({})) as asker:
            await asker.run(_one("n1"))

    with pytest.raises(ZeroDivisionError):
        run(work())


async def test_apart() -> None:
    resolver = Resolver(RECORDS, wait_s=0)
    async with Asker(resolver) as asker:
        beside, apart = await asyncio.gather(
            asker.run_all([_one("n1", "n2")]), asker.run_apart([_one("n2", "n1", "n3"), _together("n1", "n4"), _one()])
        )
    assert beside == [["192.0.2.1", "192.0.2.2"]]
    assert apart == [["192.0.2.2", "192.0.2.1", "192.0.2.3"], ["192.0.2.1", "192.0.2.4"], []]
    assert len(resolver.asked) == 4
