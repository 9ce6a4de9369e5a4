"""What others may tell and ask of traces.

The law: facts never change, so whoever sees one writes it, and no owner is asked. Notes gather while a transaction runs
and go into the next one together. Mail never fails for want of a trace: what cannot be kept is counted and told.
"""

import asyncio
from collections.abc import Iterable
from typing import Annotated, Final, NamedTuple, Protocol

import structlog
from msgspec import Meta, Struct
from prometheus_client import CollectorRegistry, Counter

from actors.trace import keys, notes
from actors.trace.types import Note
from cluster.clock import Clock
from cluster.errors import Corrupt, Trouble
from cluster.meta.store import Row, Store, Transaction

WAITING_MAX: Final = 10_000  # notes that nobody waits for; 20 MB
BATCH_NOTES_MAX: Final = 500  # of one transaction
BATCH_BYTES_MAX: Final = 2_000_000
KEYS_MAX: Final = 10_000  # changed by one transaction; FoundationDB counts 170 bytes for each, and takes 10 MB
SWEEP_NOTES: Final = 500  # removed by one transaction
NOTES_MAX: Final = 400  # of one message, told at once


class TraceSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happened to each message, for `rookery why`."""

    keep: Annotated[bool, Meta(description="Whether traces are kept.")] = True
    keep_s: Annotated[int, Meta(description="How long a trace is kept.", ge=60, le=400 * 86_400)] = 14 * 86_400
    sweep_every_s: Annotated[int, Meta(description="How often older ones are removed.", ge=1)] = 600


class Tracing(Protocol):
    """Takes notes."""

    async def note(self, note: Note) -> None:
        """Keep it; durable on return, or told to the log. Raises nothing."""
        ...

    def tell(self, note: Note) -> None:
        """Keep it some time soon: for what nobody was promised."""
        ...


class Nowhere:
    """Keeps no notes."""

    async def note(self, note: Note) -> None:
        """Forget it."""

    def tell(self, note: Note) -> None:
        """Forget it."""


NOWHERE: Final = Nowhere()


class Story(NamedTuple):
    """All that is noted of one message, the oldest first."""

    ident: str
    notes: tuple[Note, ...]


class _Waiting(NamedTuple):
    note: Note
    row: bytes
    done: "asyncio.Future[None] | None"


class TraceClient:
    """One a process. `start` before notes, `stop` after them."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: TraceSettings | None = None,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings or TraceSettings()
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._log = structlog.get_logger()
        registry = registry or CollectorRegistry()
        self._lost = Counter("rookery_traces_lost", "Notes that could not be kept.", ["cause"], registry=registry)

    async def stop(self) -> None:
        """Write what waits."""
        self._stopping = True
        if self._task is not None:
            await self._task

    async def note(self, note: Note) -> None:
        """Keep it; durable on return, or told to the log. Raises nothing."""
        if not self._settings.keep or self._stopping:
            return
        done = asyncio.get_running_loop().create_future()
        self._add(note, done)
        await done

    def tell(self, note: Note) -> None:
        """Keep it some time soon: for what nobody was promised."""
        if not self._settings.keep or self._stopping:
            return
        if len(self._waiting) >= WAITING_MAX:
            self._lost.labels("too many").inc()
            return
        self._add(note, None)

    def _add(self, note: Note, done: "asyncio.Future[None] | None") -> None:
        self._waiting.append(_Waiting(note, notes.stored(note), done))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._write(), name="traces")

    async def _write(self) -> None:
        while self._waiting:
            batch: list[_Waiting] = []
            rows: list[Row] = []
            size = 0
            for one in self._waiting[:BATCH_NOTES_MAX]:
                of_note = [(keys.note_row(one.note), one.row), *((key, b"") for key in keys.word_rows(one.note))]
                size += len(one.row)
                if batch and (size > BATCH_BYTES_MAX or len(rows) + len(of_note) > KEYS_MAX):
                    break
                batch.append(one)
                rows += of_note
            del self._waiting[: len(batch)]
            await self._write_batch(batch, rows)

    async def _write_batch(self, batch: list[_Waiting], rows: list[Row]) -> None:
        async def body(transaction: Transaction) -> None:
            for key, value in rows:
                transaction.set(key, value)

        try:
            await self._store.transact(body)
        except Trouble as trouble:
            self._lost.labels(type(trouble).__name__).inc(len(batch))
            self._log.warning("traces.lost", notes=len(batch), why=trouble.log)
        finally:
            for one in batch:
                if one.done is not None and not one.done.done():
                    one.done.set_result(None)

    async def find(self, word: str, limit: int = 10) -> list[Story]:
        """The newest messages that have to do with a word: our name of the message, a Message-ID, a queue id, an
        address. Raises Unavailable."""
        stories: list[Story] = []
        begin, end = keys.named(word)
        while len(stories) < limit:
            page = await self._store.range(begin, end, limit=limit, reverse=True)
            if not page:
                break
            for key, _empty in page:
                notes_of = await self._notes(*keys.notes_at(key))
                if notes_of:  # else swept between two reads
                    stories.append(Story(notes_of[0].ident, tuple(notes_of)))
            end = page[-1][0]
        return stories[:limit]

    async def _notes(self, begin: bytes, end: bytes) -> list[Note]:
        """The notes of a message, the oldest first."""
        found = []
        for _key, row in await self._store.range(begin, end, limit=NOTES_MAX):
            try:
                found.append(notes.read(row))
            except Corrupt as error:
                self._log.error("traces.corrupt", why=error.log)
        return sorted(found, key=lambda note: (note.at_ms, note.step != keys.FIRST))

    async def sweep(self) -> int:
        """Remove what is older than the settings say; how many. Raises Unavailable."""
        removed = 0
        span = keys.notes_until(self._clock.now_ms() - self._settings.keep_s * 1000)
        while True:
            page = await self._store.range(*span, limit=SWEEP_NOTES)
            if not page:
                return removed
            gone: list[bytes] = []
            for key, row in page:
                of_note = [key, *self._words(row)]
                if gone and len(gone) + len(of_note) > KEYS_MAX:
                    break
                gone += of_note
                removed += 1

            async def body(transaction: Transaction, gone: list[bytes] = gone) -> None:
                for key in gone:
                    transaction.clear(key)

            await self._store.transact(body)

    def _words(self, row: bytes) -> Iterable[bytes]:
        """The keys that lead to a note; of a damaged one nobody knows them."""
        try:
            return keys.word_rows(notes.read(row))
        except Corrupt as error:
            self._log.error("traces.corrupt", why=error.log)
            return ()

    async def run(self, sweeps: "Sweeps") -> None:
        """Sweep again and again, while this process is the one to do it."""
        while True:
            await asyncio.sleep(self._settings.sweep_every_s)
            if not sweeps():
                continue
            try:
                await self.sweep()
            except Trouble as trouble:
                self._log.warning("traces.sweep", why=trouble.log)


class Sweeps(Protocol):
    """Whether this process sweeps."""

    def __call__(self) -> bool: ...
