"""Counting what daily reports are made of, and keeping reports that came.

The law: a count is an atomic addition, so anybody may add and nobody owns it. What was seen gathers in memory for
FLUSH_S at most: a crash may lose the counts of some seconds of a statistic, never mail. Rows and domains of a day are
bounded; what is beyond is counted as left out.
"""

import asyncio
from collections import Counter as Counts
from collections.abc import AsyncIterator
from itertools import islice
from typing import Final

import msgspec
import structlog
from prometheus_client import CollectorRegistry, Counter

from actors.report import keys
from actors.report.types import Counted, Received
from cluster.clock import Clock
from cluster.errors import Trouble
from cluster.meta.store import Store, Transaction

FLUSH_S: Final = 5.0
WAITING_MAX: Final = 5_000  # different things waiting to be written
BATCH_MAX: Final = 1_000  # in one transaction
BATCH_BYTES_MAX: Final = 2_000_000  # of rows in one, far below what a store takes
ROW_BYTES_MAX: Final = 8 * 1024
PAGE: Final = 500
COUNT_BYTES: Final = 8

_Key = tuple[bytes, int, str, bytes]  # kind, day, domain, row

_encode: Final = msgspec.msgpack.Encoder().encode
_received: Final = msgspec.msgpack.Decoder(Received)


class Ledger:
    """One a process. `stop` writes what waits."""

    def __init__(self, store: Store, clock: Clock, registry: CollectorRegistry | None = None) -> None:
        self._store = store
        self._clock = clock
        self._waiting: Counts[_Key] = Counts()
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger()
        registry = registry or CollectorRegistry()
        self._lost = Counter("rookery_report_counts_lost", "Counts for reports that were not kept.", registry=registry)

    def count(self, kind: bytes, domain: str, row: bytes, number: int = 1) -> None:
        """One more like `row` today. Never fails: what cannot be kept is not in the report."""
        key = (kind, keys.day_of(self._clock.now_ms()), domain, row)
        if len(row) > ROW_BYTES_MAX or (key not in self._waiting and len(self._waiting) >= WAITING_MAX):
            self._lost.inc(number)
            return
        self._waiting[key] += number
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._later(), name="report counts")

    async def stop(self) -> None:
        """Write what waits."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.flush()

    async def _later(self) -> None:
        await asyncio.sleep(FLUSH_S)
        await self.flush()

    async def flush(self) -> None:
        """Write what waits, now."""
        while self._waiting:
            batch = self._next_batch()

            async def body(transaction: Transaction, batch: list[tuple[_Key, int]] = batch) -> None:
                for (kind, day, domain, row), number in batch:
                    transaction.add(keys.place(keys.COUNT, kind, day, domain, row), number)
                    transaction.set(keys.place(keys.ROW, kind, day, domain, row), row)

            try:
                await self._store.transact(body)
            except Trouble as trouble:
                # It may have been counted all the same: a statistic had better miss some than have them twice.
                self._lost.inc(sum(number for _key, number in batch))
                self._log.warning("reports.counts_lost", why=trouble.log)

    def _next_batch(self) -> list[tuple[_Key, int]]:
        batch: list[tuple[_Key, int]] = []
        size = 0
        for key in list(islice(self._waiting, BATCH_MAX)):
            size += len(key[-1])
            if batch and size > BATCH_BYTES_MAX:
                break
            batch.append((key, self._waiting.pop(key)))
        return batch

    # -- making reports --------------------------------------------------------------------------------------------

    async def first_day(self, kind: bytes, until: int) -> int | None:
        """The oldest day, up to one, that has counts. Raises Unavailable."""
        rows = await self._store.range(*keys.days_until(kind, until), limit=1)
        return keys.day_in(rows[0][0]) if rows else None

    async def domains(self, kind: bytes, day: int) -> AsyncIterator[str]:
        """The domains that have counts of a day. Raises Unavailable."""
        domain = ""
        while True:
            rows = await self._store.range(*keys.domains_after(kind, day, domain), limit=1)
            if not rows:
                return
            domain = keys.domain_in(rows[0][0])
            yield domain

    async def counted(self, kind: bytes, day: int, domain: str, limit: int) -> list[Counted]:
        """What was counted, up to `limit` different things. Raises Unavailable."""
        found: list[Counted] = []
        begin, end = keys.all_of(keys.ROW, kind, day, domain)
        while len(found) < limit:
            rows = await self._store.range(begin, end, limit=min(PAGE, limit - len(found)))
            if not rows:
                break
            places = [keys.place(keys.COUNT, kind, day, domain, row) for _key, row in rows]
            for (_key, row), stored in zip(rows, await self._store.get_many(places), strict=True):
                found.append(Counted(row, int.from_bytes(stored or b"", "little")))
            begin = rows[-1][0] + b"\0"
        return found

    async def is_done(self, kind: bytes, day: int, domain: str) -> bool:
        """Whether the report was sent, or need not be. Raises Unavailable."""
        return await self._store.get(keys.sent(kind, day, domain)) is not None

    async def done(self, kind: bytes, day: int, domain: str) -> None:
        """It was: forget its counts. Raises Unavailable."""

        async def body(transaction: Transaction) -> None:
            transaction.set(keys.sent(kind, day, domain), b"")
            for what in (keys.COUNT, keys.ROW):
                transaction.clear_range(*keys.all_of(what, kind, day, domain))

        await self._store.transact(body)

    async def is_sent(self, kind: bytes, day: int, domain: str, whom: str) -> bool:
        """Whether the report was sent to one of those who want it. Raises Unavailable."""
        return await self._store.get(keys.sent_to(kind, day, domain, whom)) is not None

    async def sent(self, kind: bytes, day: int, domain: str, whom: str) -> None:
        """It was. Raises Unavailable."""

        async def body(transaction: Transaction) -> None:
            transaction.set(keys.sent_to(kind, day, domain, whom), b"")

        await self._store.transact(body)

    async def forget(self, kind: bytes, day: int) -> None:
        """Everything of the days up to one. Raises Unavailable."""

        async def body(transaction: Transaction) -> None:
            for span in (
                keys.days_until(kind, day),
                keys.days_until(kind, day, keys.ROW),
                keys.sent_until(kind, day),
            ):
                transaction.clear_range(*span)

        await self._store.transact(body)

    # -- reports that came -----------------------------------------------------------------------------------------

    async def keep(self, report: Received) -> bool:
        """Keep a report; whether it is new: one of the same id is kept already. Raises Unavailable."""

        async def body(transaction: Transaction) -> bool:
            if await transaction.get(keys.named(report.id)) is not None:
                return False
            transaction.set(keys.named(report.id), keys.time_value(report.at_ms))
            transaction.set(keys.received(report.at_ms, report.id), _encode(report))
            return True

        return await self._store.transact(body)

    async def read(self, name: bytes) -> Received | None:
        """The report of an id, if it is kept. Raises Unavailable."""
        at = await self._store.get(keys.named(name))
        stored = await self._store.get(keys.received(keys.time_of(at), name)) if at is not None else None
        return _received.decode(stored) if stored is not None else None

    async def newest(self, limit: int, before_ms: int = 0, *, domain: str = "", kind: str = "") -> list[Received]:
        """Reports that came, the newest first. Raises Unavailable."""
        found: list[Received] = []
        begin, end = keys.received_until((before_ms or keys.DAY_MS * 10**6) - 1)
        while len(found) < limit:
            rows = await self._store.range(begin, end, limit=PAGE, reverse=True)
            if not rows:
                break
            for _key, stored in rows:
                report = _received.decode(stored)
                if domain in ("", report.domain) and kind in ("", report.kind):
                    found.append(report)
            end = rows[-1][0]
        return found[:limit]

    async def since(self, at_ms: int) -> AsyncIterator[Received]:
        """Reports that came from a time on, the oldest first. Raises Unavailable."""
        begin, end = keys.received_until(max(at_ms - 1, 0))[1], keys.received_until(keys.DAY_MS * 10**6)[1]
        while rows := await self._store.range(begin, end, limit=PAGE):
            for _key, stored in rows:
                yield _received.decode(stored)
            begin = rows[-1][0] + b"\0"

    async def sweep(self, older_ms: int) -> int:
        """Remove received reports from before a time; how many. Raises Unavailable."""
        removed = 0
        begin, end = keys.received_until(older_ms)
        while True:
            rows = await self._store.range(begin, end, limit=PAGE)
            if not rows:
                return removed

            async def body(transaction: Transaction, rows: list[tuple[bytes, bytes]] = rows) -> None:
                transaction.clear_range(begin, rows[-1][0] + b"\0")
                for key, _stored in rows:
                    transaction.clear(keys.named(keys.name_in(key)))

            await self._store.transact(body)
            removed += len(rows)
