"""A store in FoundationDB: transactions, conflicts and reading of one's own writes are its own.

All keys lie behind a prefix, so that installations and tests can share a cluster; and because a key of ours may
begin with 0xff, where FoundationDB's own keys are.

The law: a body is run again only when FoundationDB says that nothing was committed. After a commit of unknown
outcome (1021, 1031, 1039) a body that runs again could do the same twice (an `add`), or find its own doing and
call it another's. So that is Unavailable, and the caller, who knows what makes its request the same, asks again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from cluster.clock import Clock, SystemClock
from cluster.errors import Misconfigured, Trouble, Unavailable
from cluster.meta.foundationdb_binding import (
    Binding,
    Database,
    Future,
    Interrupted,
    Reads,
    Transaction,
    code_of,
    load,
    opening_trouble_of,
    ready,
    trouble_of,
)
from cluster.meta.limits import COUNTER_BYTES, KEYS_END, check_delta, check_key, page_of, refuse, rows_wanted
from cluster.meta.settings import FoundationdbSettings
from cluster.meta.store import (
    KEY_BYTES_MAX,
    RANGE_BYTES_MAX,
    TRANSACTION_BYTES_MAX,
    TRANSACTION_SECONDS_MAX,
    VALUE_BYTES_MAX,
    Row,
)
from cluster.meta.store import Transaction as StoreTransaction
from cluster.meta.transacting import ATTEMPTS_MAX, TRANSACTIONS_MAX, Bounded

T = TypeVar("T")

FORMAT: Final = b"rookery 1"  # the value of the key KEYS_END
TIMEOUT_MS: Final = int(TRANSACTION_SECONDS_MAX * 1000)  # of one run; nothing of ours is worth waiting for longer
RETRY_DELAY_MAX_MS: Final = 200  # of FoundationDB's own growing, jittered wait before another run
TOTAL_S: Final = 20.0  # after so long no other run is begun


class _Space:
    """The keys of one installation. Packed as FoundationDB's tuple layer packs (name,): no name begins another."""

    def __init__(self, name: str) -> None:
        self.prefix = b"\x02" + name.encode() + b"\x00"
        self.format = self.prefix + KEYS_END
        self._length = len(self.prefix)

    def key(self, key: bytes) -> bytes:
        """As FoundationDB knows it. Raises TooLarge."""
        check_key(key)
        return self.prefix + key

    def bound(self, key: bytes) -> bytes:
        """Of a range: as the key where it may be one, else the same place between keys in few bytes."""
        if key >= KEYS_END:
            return self.format
        return self.prefix + (key if len(key) <= KEY_BYTES_MAX else key[:KEY_BYTES_MAX] + b"\0")

    def row(self, key: bytes, value: bytes) -> Row:
        """As the caller knows it."""
        return key[self._length :], value


class _Reader:
    """Reads through one transaction, or its snapshot side, which makes no conflicts."""

    def __init__(self, binding: Binding, space: _Space) -> None:
        self.binding = binding
        self.space = space

    async def get_many(self, reads: Reads, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values; all are asked for before the first is waited for."""
        futures = [reads.get(self.space.key(key)) for key in keys]
        values = []
        for future in futures:
            await ready(future)
            values.append(future.value)
        return values

    async def page(self, reads: Reads, begin: bytes, end: bytes, limit: int, reverse: bool) -> list[Row]:
        """A page as limits.page_of cuts it, in as many answers as FoundationDB likes to give."""
        low, high = self.space.bound(begin), self.space.bound(end)
        selector, mode = self.binding.KeySelector.first_greater_or_equal, self.binding.StreamingMode.want_all
        rows: list[Row] = []
        size_bytes = iteration = 0
        while low < high and len(rows) < limit and size_bytes <= RANGE_BYTES_MAX:
            iteration += 1
            left = limit - len(rows)
            future = reads._get_range(selector(low), selector(high), left, mode, iteration, reverse)
            await ready(future)
            found, count, more = future.wait()
            rows += (part := [self.space.row(each.key, each.value) for each in found])
            # Without the prefix, as page_of and the caller count: a short page below the bound is the last.
            size_bytes += sum(len(key) + len(value) for key, value in part)
            if not count or not more:
                break
            last = found[-1].key
            low, high = (low, last) if reverse else (last + b"\0", high)
        return page_of(rows, limit).rows


class FoundationdbTransaction(Bounded):
    """One run of a body. Not for use after its end."""

    __slots__ = ("_has_writes", "_interrupted", "_reader", "_transaction")

    def __init__(self, transaction: Transaction, reader: _Reader, monotonic: Callable[[], float]) -> None:
        super().__init__(monotonic)
        self._transaction = transaction
        self._reader = reader
        self._has_writes = False
        self._interrupted: Interrupted | None = None

    async def get(self, key: bytes) -> bytes | None:
        """The value, or None."""
        (value,) = await self.get_many((key,))
        return value

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values in the order of the keys."""
        self._check_age()
        self._size_bytes += sum(map(len, keys))
        return await self._asked(self._reader.get_many(self._transaction, keys))

    async def range(self, begin: bytes, end: bytes, *, limit: int = 1000, reverse: bool = False) -> list[Row]:
        """A page of rows with begin <= key < end."""
        self._check_age()
        if limit <= 0:
            return []
        self._size_bytes += len(begin) + len(end)
        return await self._asked(self._reader.page(self._transaction, begin, end, rows_wanted(limit), reverse))

    def set(self, key: bytes, value: bytes) -> None:
        """Write. Raises TooLarge over the limits."""
        if len(value) > VALUE_BYTES_MAX:
            raise refuse(key, value)
        name = self._reader.space.key(key)
        self._write(len(key) + len(value))
        self._transaction.set(name, value)

    def clear(self, key: bytes) -> None:
        """Remove; no error where there is none."""
        name = self._reader.space.key(key)
        self._write(len(key))
        self._transaction.clear(name)

    def clear_range(self, begin: bytes, end: bytes) -> None:
        """Remove all keys with begin <= key < end."""
        self._write(len(begin) + len(end))
        low, high = self._reader.space.bound(begin), self._reader.space.bound(end)
        if low < high:  # FoundationDB calls the other order an error
            self._transaction.clear_range(low, high)

    def add(self, key: bytes, delta: int) -> None:
        """Atomic add to a signed little-endian 64-bit integer, 0 where absent. No read conflict."""
        name = self._reader.space.key(key)
        check_delta(delta)
        self._write(len(key) + COUNTER_BYTES)
        self._transaction.add(name, delta.to_bytes(COUNTER_BYTES, "little", signed=True))

    def end(self) -> None:
        """Let go: an error kept here would hold FoundationDB's transaction, and its writes, in a circle."""
        super().end()
        self._interrupted = None

    def finish(self) -> bool:
        """Before the commit: whether there is anything to commit. Raises TooLarge, Unavailable, Interrupted."""
        if self._interrupted is not None:  # the body swallowed it, and knows less than it believes
            raise self._interrupted
        if not self._has_writes:
            return False
        self._count(0)
        self._check_age()
        self._over = True
        return True

    def _write(self, size_bytes: int) -> None:
        if self._over:
            raise Unavailable("The transaction is over.")
        self._count(size_bytes)
        self._has_writes = True

    async def _asked(self, answer: Awaitable[T]) -> T:
        try:
            return await answer
        except self._reader.binding.FDBError as error:
            self._interrupted = Interrupted(error, self._reader.binding)
            raise self._interrupted from error


class FoundationdbStore:
    """A store in FoundationDB. Any number of processes may open the same one."""

    def __init__(
        self,
        binding: Binding,
        database: Database,
        prefix: str,
        *,
        clock: Clock | None = None,
        attempts_max: int = ATTEMPTS_MAX,
        transactions_max: int = TRANSACTIONS_MAX,
    ) -> None:
        self._binding = binding
        self._database = database
        self._reader = _Reader(binding, _Space(prefix))
        self._monotonic = (clock or SystemClock()).monotonic
        self._attempts_max = attempts_max
        self._room = asyncio.Semaphore(transactions_max)
        self._committing = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._closed = False

    @classmethod
    async def open(
        cls, settings: FoundationdbSettings, *, clock: Clock | None = None, binding: Binding | None = None
    ) -> "FoundationdbStore":
        """Open, or make, the store. Raises Misconfigured, Unavailable."""
        fdb = binding or load()
        try:
            database = fdb.open(settings.cluster_file or None)
            store = cls(fdb, database, settings.prefix, clock=clock)
            found = await store._run(store._begin_format)
        except fdb.FDBError as error:
            raise opening_trouble_of(trouble_of(error), settings) from error
        except Trouble as trouble:
            raise opening_trouble_of(trouble, settings) from trouble
        if found != FORMAT:
            raise Misconfigured(
                f"The FoundationDB prefix {settings.prefix!r} holds format {found!r} and this version reads "
                f"{FORMAT!r}: run the version that wrote it, or name another prefix."
            )
        return store

    async def get(self, key: bytes) -> bytes | None:
        """The newest durable value, or None."""
        (value,) = await self.get_many((key,))
        return value

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The newest durable values, all of one moment, in the order of the keys."""
        self._check_open()
        for key in keys:
            check_key(key)
        return await self._run(lambda transaction: self._reader.get_many(transaction.snapshot, keys)) if keys else []

    async def range(self, begin: bytes, end: bytes, *, limit: int = 1000, reverse: bool = False) -> list[Row]:
        """A page of the newest durable rows with begin <= key < end."""
        self._check_open()
        if limit <= 0:
            return []
        wanted = rows_wanted(limit)
        return await self._run(lambda transaction: self._reader.page(transaction.snapshot, begin, end, wanted, reverse))

    async def transact(self, body: Callable[[StoreTransaction], Awaitable[T]]) -> T:
        """Run `body`, commit, return its result once durable. Raises what it raises, and what store.py says."""

        async def run(transaction: Transaction) -> T:
            self._check_open()
            ours = FoundationdbTransaction(transaction, self._reader, self._monotonic)
            try:
                result = await body(ours)
                has_writes = ours.finish()
            finally:
                ours.end()
            if has_writes:
                self._check_open()
                await self._commit(transaction)
            return result

        async with self._room:
            return await self._run(run)

    async def close(self) -> None:
        """Finish commits under way. The connection is the process's and stays. Later calls raise Unavailable."""
        self._closed = True
        await self._quiet.wait()

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("The store is closed.")

    async def _commit(self, transaction: Transaction) -> None:
        self._committing += 1
        self._quiet.clear()
        try:
            await _done(transaction.commit())
        except self._binding.FDBError as error:
            interrupted = Interrupted(error, self._binding)
            if interrupted.not_committed:
                raise interrupted from error
            raise trouble_of(error, committing=True) from error
        finally:
            self._committing -= 1
            if not self._committing:
                self._quiet.set()

    async def _run(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Do work with a transaction; again, after FoundationDB's own wait, when it says that this may help.

        The transaction is held here until all is done: dropping it would cancel its futures.
        """
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        try:
            transaction = self._database.create_transaction()
            transaction.options.set_retry_limit(self._attempts_max)
            transaction.options.set_max_retry_delay(RETRY_DELAY_MAX_MS)
        except self._binding.FDBError as error:
            raise trouble_of(error) from error
        for attempt in range(1, self._attempts_max + 1):
            # FoundationDB counts from the transaction's making, through all its runs; we from each run's start.
            elapsed_s = loop.time() - started_s
            try:
                transaction.options.set_timeout(round(elapsed_s * 1000) + TIMEOUT_MS)
                transaction.options.set_size_limit(TRANSACTION_BYTES_MAX)  # unlike the others, forgotten by on_error
                return await work(transaction)
            except Interrupted as interrupted:
                failure: BaseException = interrupted.error
            except self._binding.FDBError as raised:
                failure = raised
            is_last = attempt == self._attempts_max or loop.time() - started_s > TOTAL_S
            if is_last or not self._binding.predicates.is_retryable(failure):
                raise trouble_of(failure) from failure
            try:
                await _done(transaction.on_error(code_of(failure)))
            except self._binding.FDBError as final:
                raise trouble_of(final) from final
        raise AssertionError("the last attempt raises")

    async def _begin_format(self, transaction: Transaction) -> bytes | None:
        """The format of what is there; written first where nothing is.

        Alone of all it may run again after an outcome that nobody knows: it finds what it wrote.
        """
        space = self._reader.space
        future = transaction.get(space.format)
        await ready(future)
        found = future.value
        if found is None and not await self._reader.page(transaction, b"", KEYS_END, 1, reverse=False):
            transaction.set(space.format, FORMAT)
            await _done(transaction.commit())
            return FORMAT
        return found


async def _done(future: Future) -> None:
    await ready(future)
    future.wait()
