"""Ends what goes on after its request once what it was asked with is good no more (RFC 8620 8.6, RFC 8887 4.2).

The law: however many streams there are, one question is asked at a time, one for all of the same credential, and after
each round there is a pause: what that costs is bounded, and a stream outlives its credential by LOOK_S and a round.
Where nobody can say, nothing is ended.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

import structlog

from cluster.clock import Clock
from cluster.errors import Trouble
from gateway.login import Principal

LOOK_S: Final = 5.0

Stands = Callable[[int, str], Awaitable[bool]]
"""Whether a credential of an account is good still. Raises Trouble."""


class _Held(NamedTuple):
    """A stream: when its credential ends by itself (0: never), and what ends it."""

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
        """Within, `end` is called, once, when the credential is good no more."""
        key, held = (who.account, who.credential), _Held(who.until_ms, end)
        self._held.setdefault(key, []).append(held)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._watch(), name="jmap sentry")
        try:
            yield
        finally:
            self._drop(key, held)

    async def _watch(self) -> None:
        try:
            while self._held:
                await asyncio.sleep(self._look_s)
                for key in list(self._held):
                    await self._look(key)
        finally:
            self._task = None

    async def _look(self, key: tuple[int, str]) -> None:
        try:
            stands = await self._stands(*key)
        except Trouble as trouble:
            structlog.get_logger().warning("jmap.credential_unknown", account=key[0], why=trouble.log)
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
