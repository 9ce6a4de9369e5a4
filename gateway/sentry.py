"""Ends what goes on once what it was begun with is good no more: streams of JMAP (RFC 8620 8.6, RFC 8887 4.2), and
connections.

The law: however many there are, one question is asked at a time, one for all of the same credential, and after each
round there is a pause: what that costs is bounded, and what goes on outlives its credential by the pause and a round.
Nobody else waits for a round to end. Where nobody can say, nothing is ended.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final, NamedTuple

import structlog

from cluster.clock import Clock
from cluster.errors import Trouble
from gateway.login import Principal

LOOK_S: Final = 5.0
TOGETHER: Final = (
    32  # questions before others have a turn: each may be answered from memory, and then waits for nothing
)

Stands = Callable[[int, str], Awaitable[bool]]
"""Whether a credential of an account is good still. Raises Trouble."""


class _Held(NamedTuple):
    """One: when its credential ends by itself (0: never), and what ends it."""

    until_ms: int
    end: Callable[[], object]


class Sentry:
    """One a process."""

    def __init__(self, stands: Stands, clock: Clock, *, look_s: float = LOOK_S) -> None:
        self._stands = stands
        self._clock = clock
        self._look_s = look_s
        self._held: dict[tuple[int, str], list[_Held]] = {}  # by account and credential
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def over(self, who: Principal, end: Callable[[], object]) -> Iterator[None]:
        """Within, `end` is called, once, when the credential is good no more, or its time is over."""
        release = self.hold(who, end, until_ms=who.until_ms)
        try:
            yield
        finally:
            release()

    def hold(self, who: Principal, end: Callable[[], object], *, until_ms: int = 0) -> Callable[[], None]:
        """The same until what is answered is called; at `until_ms` in any case (0: never)."""
        key, held = (who.account, who.credential), _Held(until_ms, end)
        self._held.setdefault(key, []).append(held)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._watch(), name="sentry")
        return partial(self._drop, key, held)

    async def _watch(self) -> None:
        try:
            while self._held:
                await asyncio.sleep(self._look_s)
                for number, key in enumerate(list(self._held), 1):
                    await self._look(key)
                    if number % TOGETHER == 0:
                        await asyncio.sleep(0)
        finally:
            self._task = None

    async def _look(self, key: tuple[int, str]) -> None:
        try:
            stands = await self._stands(*key)
        except Trouble as trouble:
            structlog.get_logger().warning("credential_unknown", account=key[0], why=trouble.log)
            stands = True
        now_ms = self._clock.now_ms()
        for held in list(self._held.get(key, ())):
            if not stands or 0 < held.until_ms <= now_ms:
                self._drop(key, held)
                held.end()

    def _drop(self, key: tuple[int, str], held: _Held) -> None:
        left = [one for one in self._held.get(key, ()) if one is not held]
        if left:
            self._held[key] = left
        else:
            self._held.pop(key, None)
