"""Clients that STORE at fixed times: a pause is felt by all that it delays."""

import asyncio
import time
from typing import Any, cast

import pytest

from ops.bench import moves
from ops.bench.moves import Stores


class Slow:
    """Answers at once, but for one command that is held back until others are due."""

    def __init__(self) -> None:
        self.commands: list[bytes] = []
        self.held = asyncio.Event()

    async def command(self, command: bytes) -> None:
        self.commands.append(command)
        if len(self.commands) == 2:
            await self.held.wait()


async def test_what_a_pause_delays_is_timed_from_when_it_was_due(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    asked = asyncio.Event()

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        asked.set()
        await real_sleep(0)

    real_sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: now)
    client = Slow()
    stores = Stores(cast("Any", [client]))
    while len(client.commands) < 2:
        await real_sleep(0)
    assert stores.taken() == [[0.0]]
    now += 0.35
    client.held.set()
    while len(client.commands) < 6:
        await real_sleep(0)
    await stores.stop()
    assert stores.taken()[0][:4] == pytest.approx([350.0, 250.0, 150.0, 50.0])
    assert [command.split()[2][:1] for command in client.commands[:4]] == [b"+", b"-", b"+", b"-"]


async def test_a_client_that_fails_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moves, "EVERY_S", 0.0)

    class Failing:
        async def command(self, _command: bytes) -> None:
            raise RuntimeError("no")

    stores = Stores(cast("Any", [Failing()]))
    for _ in range(5):
        await asyncio.sleep(0)
    with pytest.raises(RuntimeError):
        await stores.stop()
