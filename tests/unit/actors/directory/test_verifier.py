"""Password checks: bounded in number, remembered for a while, right answers only."""

import asyncio
import random

import pytest

from actors.directory.verifier import Verifier
from cluster.clock import ManualClock
from cluster.errors import Unavailable


def verifier(clock: ManualClock, *, waiting_max: int = 8) -> Verifier:
    return Verifier(clock, random.Random(1), threads=1, waiting_max=waiting_max, remember_s=10.0)


async def test_too_many_at_once_are_told_to_come_again() -> None:
    checks = verifier(ManualClock(), waiting_max=2)
    tries = [checks.verify(None, f"password {number}") for number in range(5)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert results[:2] == [False, False]
    assert all(isinstance(result, Unavailable) for result in results[2:])
    assert await checks.verify(None, "later") is False
    checks.close()


async def test_a_right_answer_is_remembered_without_work_and_for_its_time_only() -> None:
    clock = ManualClock()
    checks = verifier(clock)
    credentials = await checks.derive("demo")
    assert await checks.verify(credentials, "demo")
    checks.close()  # no more work is possible
    assert await checks.verify(credentials, "demo")
    for credential, password in ((credentials, "Demo"), (None, "demo")):
        with pytest.raises(Unavailable, match="shutting down"):
            await checks.verify(credential, password)
    clock.advance(11)
    with pytest.raises(Unavailable, match="shutting down"):
        await checks.verify(credentials, "demo")


async def test_who_stops_waiting_does_not_stop_the_others() -> None:
    checks = verifier(ManualClock())
    credentials = await checks.derive("demo")
    first = asyncio.create_task(checks.verify(credentials, "demo"))
    second = asyncio.create_task(checks.verify(credentials, "demo"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second
    checks.close()
