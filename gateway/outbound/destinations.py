"""Where mail goes: for each destination what is ready for it, how much is under way, and whether it is left alone.

The law: one destination's trouble costs the others nothing: each takes its turn, none holds more than its share of what
was taken from the queue. One that does not answer is asked by one message at a time, ever more rarely, until it does.
"""

import heapq
from collections import deque
from collections.abc import Iterable
from typing import Final

from actors.queue.types import BUSY_MAX, Result, Work
from gateway.outbound.agenda import Place
from gateway.outbound.deliverysettings import DeliverySettings

KNOWN_MAX: Final = 20_000  # destinations remembered that nothing is under way to: some 500 bytes each
# Causes (gateway/outbound/bounces.py) that are of the destination rather than of the message.
_OF_THE_HOST: Final = frozenset({"unreachable", "timeout", "dns", "tls", "rate-limited", "reputation"})


def is_down(results: Iterable[Result]) -> Result | None:
    """The result that says that the whole destination cannot be reached now; None where anybody got through."""
    found: Result | None = None
    for result in results:
        of_host = result.code in (0, 421) or result.cause in _OF_THE_HOST
        if result.outcome != "deferred" or not of_host:
            return None
        found = result
    return found


class Destination:
    """One of them."""

    def __init__(self, name: str, at_once: int) -> None:
        self.name = name
        self.at_once = at_once  # messages that may be under way
        self.under_way = 0
        self.failures = 0  # in a row
        self.until_ms = 0  # left alone before
        self.why: Result | None = None
        self.parked: dict[tuple[int, int], bytes] = {}  # lanes of slots where more waits, and from where on
        self._ready: list[tuple[int, int, Work]] = []
        self._number = 0

    def __len__(self) -> int:
        return len(self._ready)

    def add(self, work: Work) -> None:
        """One more that waits for its turn."""
        self._number += 1
        heapq.heappush(self._ready, (-work.mail.priority, self._number, work))

    def pop(self) -> Work:
        """The most urgent, of those the first."""
        return heapq.heappop(self._ready)[2]

    def park(self, slot: int, lane: int, place: bytes) -> None:
        """More waits there, and is taken when there is room."""
        self.parked[slot, lane] = min(place, self.parked.get((slot, lane), place))

    @property
    def room(self) -> int:
        """How many more may begin."""
        return (1 if self.failures else self.at_once) - self.under_way

    @property
    def idle(self) -> bool:
        """Whether nothing is known but how it was."""
        return not self._ready and not self.under_way and not self.parked


class Destinations:
    """All of them."""

    def __init__(self, settings: DeliverySettings) -> None:
        self._settings = settings
        self._known: dict[str, Destination] = {}
        self._turns: deque[Destination] = deque()  # those with something ready, each once
        self.ready = 0

    def get(self, name: str) -> Destination:
        """The destination of that name."""
        found = self._known.pop(name, None)
        if found is None:
            found = Destination(name, self._settings.per_destination_first)
        self._known[name] = found  # the last used last
        if len(self._known) > KNOWN_MAX:
            self._forget()
        return found

    def _forget(self) -> None:
        for name in [name for name, one in self._known.items() if one.idle][: KNOWN_MAX // 10]:
            del self._known[name]

    def add(self, work: Work) -> None:
        """Let it wait for its turn."""
        destination = self.get(work.destination)
        if not len(destination):
            self._turns.append(destination)
        destination.add(work)
        self.ready += 1

    def next(self) -> tuple[Destination, Work] | None:
        """The next that may begin, destinations taking turns; it counts as under way."""
        for _turn in range(len(self._turns)):
            destination = self._turns.popleft()
            if destination.room > 0:
                work = destination.pop()
                destination.under_way += 1
                self.ready -= 1
                if len(destination):
                    self._turns.append(destination)
                return destination, work
            self._turns.append(destination)
        return None

    def all_ready(self, destination: Destination | None = None) -> list[Work]:
        """What waits (for that destination), which waits no more."""
        found: list[Work] = []
        for one in [destination] if destination is not None else list(self._turns):
            while len(one):
                found.append(one.pop())
                self.ready -= 1
        self._turns = deque(one for one in self._turns if len(one))
        return found

    def busy(self) -> tuple[str, ...]:
        """Those for which enough is ready, the most at most that a Due may name."""
        full = (one.name for one in self._turns if len(one) >= self.share)
        return tuple(name for name, _number in zip(full, range(BUSY_MAX), strict=False))

    @property
    def share(self) -> int:
        """How many may be ready for one destination before it is busy."""
        return 2 * self._settings.per_destination_max

    def unpark(self, destination: Destination) -> Place | None:
        """A place where more waits for a destination that has room again."""
        if not destination.parked or len(destination) > self._settings.per_destination_max:
            return None
        (slot, lane), place = next(iter(destination.parked.items()))
        del destination.parked[slot, lane]
        return Place(slot, lane, place)

    def ended(self, destination: Destination, results: Iterable[Result], now_ms: int) -> bool:
        """An attempt ended so. Whether the destination is left alone from now on."""
        destination.under_way -= 1
        settings, why = self._settings, is_down(results)
        if why is None:
            destination.failures, destination.until_ms, destination.why = 0, 0, None
            destination.at_once = min(destination.at_once + 1, settings.per_destination_max)
            return False
        if now_ms < destination.until_ms:  # one of those that were under way when the first one failed
            return True
        wait_s = min(settings.backoff_first_s << min(destination.failures, 20), settings.backoff_max_s)
        destination.failures += 1
        destination.until_ms, destination.why = now_ms + wait_s * 1000, why
        destination.at_once = settings.per_destination_first
        return True

    def let_go(self, destination: Destination) -> None:
        """What was counted as under way was not tried."""
        destination.under_way -= 1
