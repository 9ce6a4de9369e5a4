"""A few rounds of the kill test with JMAP clients over HTTPS: what was answered is there, once, after kill -9."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.load.clients import LOGINS
from tests.load.jmap import Kept, play, verify
from tests.load.ledger import Lost
from tests.running import Running, free_ports

ROUNDS = 5
LOAD_S_MAX = 1.5


@pytest.mark.kill
async def test_what_was_answered_survives_kill_9(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    settings = f'[[listen]]\nprotocol = "https"\nport = {port}\n'
    server, dice = Running(tmp_path / "data", settings=settings), random.Random(1)
    everyone = [Kept(login, f"{login[0]}{number}") for login in LOGINS for number in range(2)]
    server.start()
    try:
        for _ in range(ROUNDS):
            ready = asyncio.Barrier(len(everyone) + 1)
            playing = asyncio.gather(*(play(port, kept, dice, ready) for kept in everyone))
            await ready.wait()
            await asyncio.wait({playing}, timeout=dice.uniform(0.1, LOAD_S_MAX))
            await asyncio.to_thread(server.kill)
            await playing
            await asyncio.to_thread(server.start)
            await asyncio.gather(*(verify(port, kept) for kept in everyone))
        assert all(kept.done and kept.emails for kept in everyone)
        everyone[0].emails["never sent"] = {frozenset()}
        with pytest.raises(Lost):
            await verify(port, everyone[0])
    finally:
        if server.process is not None:
            server.kill()
