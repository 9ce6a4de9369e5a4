r"""INBOX as one client knows it: the messages there were when it logged in, and which of them it has marked.

The law: what the client numbers never changes, whatever others do meanwhile; marks change nothing until `remove`, and
that removes exactly what is marked. Sizes are a message's own octets, as RETR sends them before dots are doubled.
"""

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Final

import numpy as np

from actors.mailbox.index import run_bounds
from actors.mailbox.types import DELETED, SEEN, Ranges
from gateway.access.parts import Array
from gateway.pop3.parts import Hold
from gateway.pop3.troubles import Err

RANGES_MAX: Final = 10_000  # of UIDs, in one command to the mailbox


class Maildrop:
    """A hold on INBOX with the client's picture of it. A row is a message number less one."""

    __slots__ = ("_deleted", "_read", "_sizes", "_total_bytes", "_uids", "hold")

    def __init__(self, hold: Hold) -> None:
        self.hold = hold
        index = hold.view.index
        self._uids: Array = index.uids  # never changed in place (parts.Index)
        self._sizes: Array = index.sizes.copy()
        self._total_bytes = int(self._sizes.sum(dtype=np.int64))
        self._deleted: set[int] = set()
        self._read: set[int] = set()

    @property
    def count(self) -> int:
        """Messages that are not marked."""
        return len(self._uids) - len(self._deleted)

    @property
    def total_bytes(self) -> int:
        """Their octets."""
        return self._total_bytes

    def __str__(self) -> str:
        """In words."""
        return f"{messages(self.count)} ({self.total_bytes} octets)"

    def row(self, number: int) -> int:
        """The row of a message number. Raises Err where there is none."""
        if not 0 < number <= len(self._uids):
            raise Err(f"There is no such message: there are {len(self._uids)}")
        if number - 1 in self._deleted:
            raise Err(f"Message {number} is marked as deleted")
        return number - 1

    def rows(self) -> Array:
        """All rows that are not marked."""
        rows = np.arange(len(self._uids))
        return np.delete(rows, list(self._deleted)) if self._deleted else rows

    def sizes(self, rows: Array) -> list[int]:
        """The messages' octets."""
        sizes: list[int] = self._sizes[rows].tolist()
        return sizes

    def unique_ids(self, rows: Array) -> list[str]:
        """RFC 1939 7: never another message's, and the same in every session."""
        validity = self.hold.info.uidvalidity
        return [f"{validity}.{uid}" for uid in self._uids[rows].tolist()]

    def email(self, row: int) -> int | None:
        """Which message this is in the store; None when it is in INBOX no more."""
        index = self.hold.view.index
        place = int(np.searchsorted(index.uids, self._uids[row]))
        if place == len(index.uids) or index.uids[place] != self._uids[row]:
            return None
        return int(index.emails[place])

    def delete(self, row: int) -> None:
        """Mark it."""
        self._deleted.add(row)
        self._total_bytes -= int(self._sizes[row])

    def undelete(self) -> None:
        """Take all marks away."""
        self._total_bytes = int(self._sizes.sum(dtype=np.int64))
        self._deleted.clear()

    def read(self, row: int) -> None:
        """It was retrieved."""
        self._read.add(row)

    async def remove(self) -> int:
        """Remove what is marked; how many messages that were. Durable on return."""
        count = 0
        for uids in self._ranges(self._deleted):
            await self.hold.set_flags(uids, "add", DELETED)
            gone = await self.hold.expunge(uids)
            count += sum(high - low + 1 for low, high in gone.uids)
        self._read -= self._deleted
        return count

    async def mark_read(self) -> None:
        r"""What was retrieved is \Seen."""
        for uids in self._ranges(self._read):
            await self.hold.set_flags(uids, "add", SEEN)
        self._read.clear()

    def _ranges(self, rows: Collection[int]) -> Iterator[Ranges]:
        """The rows' UIDs as ranges, some at a time. A run goes across UIDs that never come back: no other message
        of this client's is between."""
        if not rows:
            return
        firsts, lasts = run_bounds(np.sort(np.fromiter(rows, np.int64, len(rows))))
        pairs = zip(self._uids[firsts].tolist(), self._uids[lasts].tolist(), strict=True)
        while some := tuple(islice(pairs, RANGES_MAX)):
            yield some


def messages(count: int) -> str:
    """So many of them."""
    return "1 message" if count == 1 else f"{count} messages"
