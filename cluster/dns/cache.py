"""Answers kept for as long as they hold.

The law: bounded in entries and in bytes; nothing is given out after its time.
"""

from collections import OrderedDict
from typing import Any, Final

from cluster.clock import Clock
from cluster.dns.resolver import Answer

ENTRY_BYTES: Final = 400  # of an answer without records: key, row, numbers, name
RECORD_BYTES: Final = 60  # of one more object

Key = tuple[str, str]


class Cache:
    """The last used answers."""

    def __init__(self, clock: Clock, *, entries_max: int, bytes_max: int) -> None:
        self._clock = clock
        self._entries_max = entries_max
        self._bytes_max = bytes_max
        self._rows: OrderedDict[Key, tuple[float, int, Answer]] = OrderedDict()  # until when, its bytes
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: Key) -> Answer | None:
        """What is known, with what is left of its time."""
        row = self._rows.get(key)
        if row is None:
            return None
        until, size, answer = row
        left = until - self._clock.monotonic()
        if left <= 0:
            del self._rows[key]
            self.bytes -= size
            return None
        self._rows.move_to_end(key)
        if answer.ttl_s != int(left):
            answer = answer._replace(ttl_s=int(left))
            self._rows[key] = (until, size, answer)
        return answer

    def put(self, key: Key, answer: Answer, ttl_s: float) -> None:
        """Keep it for so long; too large a one is not kept."""
        size = weigh(answer)
        if ttl_s <= 0 or size > self._bytes_max:
            return
        if (old := self._rows.pop(key, None)) is not None:
            self.bytes -= old[1]
        self._rows[key] = (self._clock.monotonic() + ttl_s, size, answer)
        self.bytes += size
        while self.bytes > self._bytes_max or len(self._rows) > self._entries_max:
            _, (_, oldest, _) = self._rows.popitem(last=False)
            self.bytes -= oldest


def weigh(answer: Answer) -> int:
    """About how many bytes of memory an answer takes."""
    return ENTRY_BYTES + sum(_weight(record) for record in answer.records)


def _weight(record: Any) -> int:
    if isinstance(record, tuple):
        return RECORD_BYTES + sum(_weight(part) for part in record if not isinstance(part, int))
    return RECORD_BYTES + len(record)
