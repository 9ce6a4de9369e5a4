"""Messages read to be indexed: a batch of those above a watermark, as entries.

The law: memory is bounded whatever is in the mail; other work on the event loop waits for one small message at most.
What cannot be read now (`Unavailable`) ends the batch; what never will be is told to the log, and is left to who
searches.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Final, NamedTuple

import structlog

from actors.mailbox import keys as mailbox_keys
from actors.mailbox.client import Message
from actors.mailbox.packs import pointer_of, read_small
from actors.search.entry import Entry, entry_of, unread
from actors.search.pace import Pace
from cluster.blobs.blobs import Blobs
from cluster.blobs.codec import unpack
from cluster.blobs.objects import Objects
from cluster.errors import Corrupt, NotFound
from cluster.meta.store import Row, Store

BATCH_MESSAGES: Final = 2048  # of a segment that is made at once: 30 MB of memory while it is
BATCH_BYTES: Final = 8_000_000  # of their entries
ROWS: Final = 128  # read at once: 200 kB of records, as much of small messages
THREADED_ABOVE_BYTES: Final = 64 * 1024  # takes milliseconds: not on the event loop


class Batch(NamedTuple):
    """Entries, ascending by email. All emails up to `watermark` were looked at; `more`: there are others above it."""

    entries: list[Entry]
    watermark: int
    more: bool


class MessageReader:
    """One a process."""

    def __init__(self, store: Store, blobs: Blobs, packs: Objects | None, threads: Executor) -> None:
        self._store = store
        self._blobs = blobs
        self._packs = packs
        self._threads = threads
        self._log = structlog.get_logger()

    async def batch(self, slot: int, account: int, watermark: int, pace: Pace) -> Batch:
        """The next messages above a watermark. Raises Unavailable."""
        entries: list[Entry] = []
        size = 0
        while len(entries) < BATCH_MESSAGES and size < BATCH_BYTES:
            span = mailbox_keys.messages_after(slot, account, watermark)
            rows = await self._store.range(*span, limit=min(ROWS, BATCH_MESSAGES - len(entries)))
            if not rows:
                return Batch(entries, watermark, more=False)
            smalls = await self._smalls(rows)
            for (key, stored), small in zip(rows, smalls, strict=True):
                watermark = mailbox_keys.message_email(key)
                pace.start()
                entry = await self._entry(account, watermark, stored, small)
                await pace.breathe()
                if entry is not None:
                    entries.append(entry)
                    size += sum(map(len, entry.runs)) + sum(map(len, entry.fields))
                if size >= BATCH_BYTES:
                    break
        return Batch(entries, watermark, more=True)

    async def _smalls(self, rows: Sequence[Row]) -> list[bytes | None]:
        """Of each message, what the store has of its bytes."""
        names = [mailbox_keys.blob(stored[2:34]) if stored[1:2] != b"\0" else b"" for _key, stored in rows]
        found = iter(await self._store.get_many([name for name in names if name]))
        return [next(found) if name else None for name in names]

    async def _entry(self, account: int, email: int, stored: bytes, small: bytes | None) -> Entry | None:
        """None where there is nothing to index: it is gone, or not even its record can be read."""
        try:
            message = Message(stored)
            record = message.record
        except Corrupt as error:
            self._log.error("search.unreadable", account=account, email=email, why=error.log)
            return None
        try:
            raw = await self._content(message, small)
            if len(raw) > THREADED_ABOVE_BYTES:
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._threads, entry_of, email, raw, record)
            return entry_of(email, raw, record)
        except NotFound:  # swept meanwhile
            return None
        except Corrupt as error:
            self._log.error("search.unreadable", account=account, email=email, why=error.log)
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            # A defect: one odd message must not keep the whole account from being indexed.
            self._log.error("search.defect", account=account, email=email, exc_info=error)
        return unread(email, record)

    async def _content(self, message: Message, small: bytes | None) -> bytes:
        if small is not None and pointer_of(small) is None:
            return unpack(small)
        if message.inline:
            return await read_small(self._store, self._packs, message.digest)
        return await self._blobs.get(message.digest)
