"""Work in slices, so that the event loop is everybody's.

The law: whoever computes breathes at least every few milliseconds; what works in the background takes no more than its
share of the processor.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from cluster.clock import Clock

SLICE_S: Final = 0.005  # others wait no longer than this for somebody's answer, as for a long SEARCH
BACKGROUND_SLICE_S: Final = 0.002  # and this for what nobody waits for


class Pace:
    """One piece of work. `share`: of the time, the most that it works, at this moment; the rest it sleeps."""

    def __init__(self, clock: Clock, share: Callable[[], float] = lambda: 1.0, slice_s: float = SLICE_S) -> None:
        self._clock = clock
        self._share = share
        self._slice_s = slice_s
        self._since = clock.monotonic()

    async def breathe(self) -> None:
        """Let others run when this work has had its slice."""
        worked = self._clock.monotonic() - self._since
        if worked >= self._slice_s:
            share = self._share()
            await asyncio.sleep(worked * (1 - share) / share)
            self._since = self._clock.monotonic()

    def start(self) -> None:
        """What was waited for until now was no work."""
        self._since = self._clock.monotonic()
