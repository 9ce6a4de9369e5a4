"""How many of something there are, of each whose they are: connections of addresses and accounts, requests, uploads.

The law: what has begun is counted until it has ended, and then there is no trace of it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, Literal, Protocol, TypeVar

from prometheus_client import Counter as MetricsCounter
from prometheus_client import Gauge

Whose = TypeVar("Whose", bound=Hashable)


class Counts(Generic[Whose]):
    """One kind of thing."""

    def __init__(self) -> None:
        self._counts: Counter[Whose] = Counter()

    def __len__(self) -> int:
        """How many have any."""
        return len(self._counts)

    def begin(self, whose: Whose, most: int) -> bool:
        """One more; False: that would be too many."""
        if self._counts[whose] >= most:
            return False
        self._counts[whose] += 1
        return True

    def end(self, whose: Whose) -> None:
        """One less."""
        self._counts[whose] -= 1
        if not self._counts[whose]:
            del self._counts[whose]

    @contextmanager
    def one_more(self, whose: Whose, most: int, refusal: Callable[[], Exception]) -> Iterator[None]:
        """Counted within. Raises `refusal` where that would be too many."""
        if not self.begin(whose, most):
            raise refusal()
        try:
            yield
        finally:
            self.end(whose)


class Metrics(Protocol):
    """What is told of connections."""

    connections: Gauge
    refused: MetricsCounter


class Connection(Protocol):
    """One."""

    ip: str


C = TypeVar("C", bound=Connection)


class Connections(Generic[C]):
    """Those of a server."""

    def __init__(self, metrics: Metrics, most: int, of_address: int) -> None:
        self._metrics = metrics
        self._most = most
        self._of_address = of_address
        self._all: set[C] = set()
        self._per_ip: Counter[str] = Counter()
        self._none = asyncio.Event()
        self._none.set()

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[C]:
        """Those there are at the call."""
        return iter(tuple(self._all))

    def opened(self, connection: C) -> Literal["", "total", "address"]:
        """Count a new one, also one that is to be refused: of whom there are too many then, if of anything."""
        self._all.add(connection)
        self._per_ip[connection.ip] += 1
        self._none.clear()
        self._metrics.connections.inc()
        reason: Literal["", "total", "address"] = ""
        if len(self._all) > self._most:
            reason = "total"
        elif self._per_ip[connection.ip] > self._of_address:
            reason = "address"
        if reason:
            self._metrics.refused.labels(reason).inc()
        return reason

    def closed(self, connection: C) -> None:
        """It is no more."""
        self._all.discard(connection)
        self._per_ip[connection.ip] -= 1
        if not self._per_ip[connection.ip]:
            del self._per_ip[connection.ip]
        self._metrics.connections.dec()
        if not self._all:
            self._none.set()

    async def all_closed(self, seconds: float) -> bool:
        """Wait until none is left; False: some are, after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._none.wait()
        except TimeoutError:
            return False
        return True
