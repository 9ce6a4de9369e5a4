"""Memory for what clients send at the same time: who finds none free waits for it.

The law: all that hold some together never hold more than there is; of what there is one holder has at most a half, and
all others the rest. Who waits is served in the order of coming, only those are passed over that hold their half; who
has waited too long is sent away, so nothing waits for ever on who keeps what he has.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

from gateway.web.answers import HttpError

SMALL_BYTES: Final = 64 * 1024  # what weighs less is not counted
WAIT_S: Final = 20.0  # less than a client has to go on with a body
RETRY_S: Final = "10"


class _Waiting(NamedTuple):
    octets: int
    whose: str
    served: "asyncio.Future[None]"


class Room:
    """So many octets."""

    def __init__(self, octets: int) -> None:
        self.left = octets
        self._share = (octets + 1) // 2
        self._held: Counter[str] = Counter()
        self._waiting: list[_Waiting] = []

    def take_now(self, octets: int, whose: str) -> Callable[[], None] | None:
        """What gives it back, once; None: it is not free."""
        octets = min(octets, self._share)
        if any(self._may(one) for one in self._waiting) or not self._fits(octets, whose):
            return None
        return self._take(octets, whose)

    async def take(self, octets: int, whose: str, wait_s: float | None = None) -> Callable[[], None]:
        """The same, as soon as it is free. Raises HttpError (503) where it is not within `wait_s` (WAIT_S)."""
        if taken := self.take_now(octets, whose):
            return taken
        octets = min(octets, self._share)
        waiting = _Waiting(octets, whose, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(WAIT_S if wait_s is None else wait_s):
                await waiting.served
        except BaseException as error:
            self._withdraw(waiting)
            if isinstance(error, TimeoutError):
                raise HttpError(503, headers=(("Retry-After", RETRY_S),)) from None
            raise
        return self._giver(octets, whose)

    def _withdraw(self, waiting: _Waiting) -> None:
        if waiting in self._waiting:
            self._waiting.remove(waiting)
            self._serve()  # it may have been in others' way
        elif waiting.served.done() and not waiting.served.cancelled():  # both at once
            self._give(waiting.octets, waiting.whose)

    def _take(self, octets: int, whose: str) -> Callable[[], None]:
        self.left -= octets
        self._held[whose] += octets
        return self._giver(octets, whose)

    def _giver(self, octets: int, whose: str) -> Callable[[], None]:
        held = [octets]

        def give() -> None:
            if held:
                self._give(held.pop(), whose)

        return give

    def _give(self, octets: int, whose: str) -> None:
        self.left += octets
        self._held[whose] -= octets
        if not self._held[whose]:
            del self._held[whose]
        self._serve()

    def _serve(self) -> None:
        for one in list(self._waiting):
            if self._may(one) and not one.served.done():
                if one.octets > self.left:
                    return
                self._waiting.remove(one)
                self._take(one.octets, one.whose)
                one.served.set_result(None)

    def _may(self, one: _Waiting) -> bool:
        return self._held[one.whose] + one.octets <= self._share

    def _fits(self, octets: int, whose: str) -> bool:
        return octets <= self.left and self._held[whose] + octets <= self._share
