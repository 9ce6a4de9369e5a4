"""Time and dice, passed in: nothing below reads the machine's clock or randomness but through these.

`RealWorld` is what a running server has; `ManualClock` and a seeded `random.Random` are what tests have.
"""

import os
import random
import time
from typing import Final, Protocol

# Linux's monotonic clock stands still while the machine is suspended; this one does not.
_SLEEPLESS: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
POOL_BYTES: Final = 1024  # of randomness, fetched at once


class Clock(Protocol):
    """Wall time for what people read, monotonic time for what is measured."""

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01T00:00Z."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        ...


class Dice(Protocol):
    """Random numbers; `secrets.SystemRandom()` in a server, `random.Random(seed)` in tests."""

    def getrandbits(self, k: int, /) -> int:
        """An integer of k random bits."""
        ...

    def randbytes(self, n: int, /) -> bytes:
        """n random bytes."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01T00:00Z."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds since some fixed moment, those that the machine slept included: a lease runs out meanwhile."""
        return time.clock_gettime(_SLEEPLESS)


class ManualClock:
    """A clock that moves only when told to."""

    def __init__(self, start_ms: int = 1_700_000_000_000) -> None:
        self.ms = start_ms

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01T00:00Z."""
        return self.ms

    def monotonic(self) -> float:
        """Seconds."""
        return self.ms / 1000

    def advance(self, seconds: float) -> None:
        """Move forward."""
        self.ms += round(seconds * 1000)


class SystemDice(random.SystemRandom):
    """The operating system's randomness, fit for secrets, fetched POOL_BYTES at a time: a call of the kernel for each
    connection's name would cost as much as reading a command. No byte is given twice, nor to a forked child."""

    def __init__(self) -> None:
        super().__init__()
        self._pool = b""
        self._at = 0
        os.register_at_fork(after_in_child=self._forget)

    def randbytes(self, n: int) -> bytes:
        """n random bytes."""
        if n > POOL_BYTES // 4:
            return os.urandom(n)
        if self._at + n > len(self._pool):
            self._pool, self._at = os.urandom(POOL_BYTES), 0
        self._at += n
        return self._pool[self._at - n : self._at]

    def _forget(self) -> None:
        self._pool = b""


def system_dice() -> random.Random:
    """The operating system's randomness, fit for secrets."""
    return SystemDice()
