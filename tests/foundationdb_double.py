"""FoundationDB's Python binding played in memory, as much of it as the adapter uses, so that its logic can be tested.

It keeps what matters there: answers come from another thread, nothing may be waited for that is not ready, a
transaction that is dropped takes its futures with it, reads see one version and one's own writes, a commit fails on
what was read and changed, keys beginning with 0xff are not ours, ranges come in small pages of no promised size, a
wrong write is told of only by what is awaited after it, a version is too old after 5 s, on_error forgets the size limit
and leaves nothing usable when it gives up. `faults` are errors to come, `weather` brings them by chance. It proves
nothing about the real one; the contract suite runs over that wherever there is a cluster.
"""

import itertools
import queue
import random
import threading
import time
import weakref
from bisect import bisect_left
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

PAGES_BYTES: Final = (250, 60, 1, 250)  # small, so that every range takes several answers; one after the other
SIZE_MAX: Final = 10_000_000
VERSION_S: Final = 5.0
BAD_WEATHER: Final = 0.1  # of the calls fail
RETRYABLE: Final = frozenset({1007, 1009, 1020, 1021, 1037, 1038, 1039, 1042, 1051, 1078, 1213})
UNUSABLE: Final = frozenset({1025, 1031})
MAYBE_COMMITTED: Final = frozenset({1021, 1039})
DESCRIPTIONS: Final = {1007: b"Transaction is too old", 1020: b"Transaction not committed", 1021: b"Unknown result"}

Span = tuple[bytes, bytes]
F = TypeVar("F", bound="Future")


class FDBError(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code
        self.description = DESCRIPTIONS.get(code, b"An error")


class Fault(NamedTuple):
    """The next call of the kind (get, range, commit) fails; a commit may have been applied nevertheless."""

    call: str
    code: int
    applied: bool = False


class Network(threading.Thread):
    """The binding's thread, from which all callbacks come."""

    def __init__(self) -> None:
        super().__init__(name="fdb-double", daemon=True)
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.start()

    def run(self) -> None:
        while True:
            self._work.get()()

    def later(self, work: Callable[[], None]) -> None:
        self._work.put(work)


class Future:
    """Settled in the network's thread; every third at once, as answers from a cache are."""

    _numbers = itertools.count()

    def __init__(self, network: Network, answer: Callable[[], Any], transaction: "Transaction") -> None:
        number = next(self._numbers)
        self._answer = answer
        self._transaction = weakref.ref(transaction)
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[Future], None]] = []
        self._outcome: tuple[Any, FDBError | None] | None = None
        self._network = network
        transaction.futures[number] = self
        if number % 3:
            network.later(self._settle)
        else:
            self._settle()

    def is_ready(self) -> bool:
        return self._outcome is not None

    def on_ready(self, callback: "Callable[[Future], None]") -> None:
        with self._lock:
            if self._outcome is None:
                if self._callbacks:
                    raise FDBError(2000)  # there is room for one
                self._callbacks.append(callback)
                return
        callback(self)

    def cancel(self) -> None:
        self._network.later(lambda: self.set(None, FDBError(1101)))

    def wait(self) -> Any:
        assert self._outcome is not None, "the event loop would have been blocked"
        result, error = self._outcome
        if error is not None:
            raise error
        return result

    def set(self, result: Any, error: FDBError | None = None) -> None:
        with self._lock:
            if self._outcome is not None:
                return
            self._outcome = (result, error)
        for callback in self._callbacks:
            callback(self)

    def _settle(self) -> None:
        if self._transaction() is None:
            self.set(None, FDBError(1025))
            return
        try:
            self.set(self._answer())
        except FDBError as error:
            self.set(None, error)


class Value(Future):
    """Compared, counted, or asked whether it is true, it waits for its value."""

    @property
    def value(self) -> Any:
        return self.wait()

    def __eq__(self, other: object) -> bool:
        return bool(self.wait() == other)

    def __len__(self) -> int:
        return len(self.wait())

    def __hash__(self) -> int:
        return hash(self.wait())


class Version(NamedTuple):
    """The rows as of a commit."""

    number: int
    rows: dict[bytes, bytes]
    keys: list[bytes]  # sorted

    def range(self, begin: bytes, end: bytes, reverse: bool) -> list[bytes]:
        found = self.keys[bisect_left(self.keys, begin) : bisect_left(self.keys, end)]
        return found[::-1] if reverse else found


class Options:
    def __init__(self) -> None:
        self.timeout = 0
        self.retry_limit = -1
        self.max_retry_delay = 1000
        self.size_limit = SIZE_MAX

    def set_timeout(self, milliseconds: int) -> None:
        self.timeout = milliseconds

    def set_retry_limit(self, retries: int) -> None:
        self.retry_limit = retries

    def set_max_retry_delay(self, milliseconds: int) -> None:
        self.max_retry_delay = milliseconds

    def set_size_limit(self, size_bytes: int) -> None:
        assert 32 <= size_bytes <= SIZE_MAX
        self.size_limit = size_bytes


class KeyValue(NamedTuple):
    key: bytes
    value: bytes


class KeySelector(NamedTuple):
    key: bytes

    @classmethod
    def first_greater_or_equal(cls, key: bytes) -> "KeySelector":
        return cls(key)


class Reading:
    """What a transaction and its snapshot side share; the latter leaves no conflicts."""

    def __init__(self, transaction: "Transaction", conflicts: bool) -> None:
        self._of = transaction  # a snapshot keeps its transaction alive, as in the binding
        self._leaves_conflicts = conflicts

    def get(self, key: bytes) -> Value:
        transaction = self._of
        try:
            legal(key)
            value = transaction.view().rows.get(key)
        except FDBError as error:
            return transaction.future(Value, failing(error))
        if self._leaves_conflicts:
            transaction.depend_on(key, key + b"\0")
        return transaction.future(Value, transaction.answer("get", lambda: value))

    def _get_range(
        self, begin: KeySelector, end: KeySelector, limit: int, streaming_mode: int, iteration: int, reverse: bool
    ) -> Future:
        low, high = begin.key, end.key
        assert limit > 0
        assert streaming_mode == -2
        assert iteration > 0
        transaction = self._of
        try:
            legal(low)
            legal(high)
            view = transaction.view()
        except FDBError as error:
            return transaction.future(Future, failing(error))
        page: list[KeyValue] = []
        size_bytes, most_bytes = 0, next(transaction.database.pages_bytes)
        more = False  # as there: true also where a full page was the last
        for key in view.range(low, high, reverse):
            page.append(KeyValue(key, view.rows[key]))
            size_bytes += len(key) + len(view.rows[key])
            if more := len(page) == limit or size_bytes > most_bytes:
                break
        if self._leaves_conflicts:
            if more and reverse:
                low = page[-1].key
            elif more:
                high = page[-1].key + b"\0"
            transaction.depend_on(low, high)
        return transaction.future(Future, transaction.answer("range", lambda: (page, len(page), int(more))))


class Transaction(Reading):
    def __init__(self, database: "Database") -> None:
        super().__init__(weakref.proxy(self), conflicts=True)
        self.database = database
        self.options = Options()
        self.futures: weakref.WeakValueDictionary[int, Future] = weakref.WeakValueDictionary()
        self._created_s = time.monotonic()
        self._retries = 0
        self._mutations: list[tuple[str, bytes, bytes]] = []
        self._depends: list[Span] = []
        self._wrong = 0  # the code of a write that could not be told of
        self._version: Version | None = None
        self._version_s = 0.0
        self._seen: Version | None = None
        self._committing = False

    @property
    def snapshot(self) -> Reading:
        return Reading(self, conflicts=False)

    def __del__(self) -> None:
        for future in list(self.futures.values()):
            future.set(None, FDBError(1025))

    def set(self, key: bytes, value: bytes) -> None:
        self._mutate("set", key, value, 2103 if len(value) > 100_000 else 0)

    def clear(self, key: bytes) -> None:
        self._mutate("clear", key, key + b"\0")

    def clear_range(self, begin: bytes, end: bytes) -> None:
        self._mutate("clear", begin, end, 2005 if begin > end else 0)

    def add(self, key: bytes, param: bytes) -> None:
        self._mutate("add", key, param)

    def commit(self) -> Future:
        database = self.database
        try:
            self.check_use()
        except FDBError as error:
            return self.future(Future, failing(error))
        self._committing = True
        mutations, depends, version = self._mutations, self._depends, self._version
        is_old, limit = self._is_old(), self.options.size_limit
        lands = self.answer("commit", lambda: database.commit(mutations, depends, version, is_old, limit))
        return self.future(Future, lands)

    def on_error(self, error: int) -> Future:
        before = list(self.futures.values())

        def decide() -> None:
            self._retries += 1
            if self._wrong in UNUSABLE:
                raise FDBError(self._wrong)
            if error not in RETRYABLE or 0 <= self.options.retry_limit < self._retries:
                self._wrong = 1025
                raise FDBError(error)
            for future in before:
                future.set(None, FDBError(1025))
            self._reset()

        return self.future(Future, decide)

    def view(self) -> Version:
        """The rows as this transaction sees them."""
        self.check_use()
        if self._version is None:
            self._version, self._version_s = self.database.newest, time.monotonic()
        if self._is_old():
            raise FDBError(1007)
        if self._seen is None:
            self._seen = applied(self._version, self._mutations)
        return self._seen

    def depend_on(self, begin: bytes, end: bytes) -> None:
        """Note a read, but for what this transaction itself has determined."""
        spans = [(begin, end)]
        for kind, key, other in self._mutations:
            if kind != "add":
                low, high = (key, key + b"\0") if kind == "set" else (key, other)
                spans = [
                    part for span in spans for part in ((span[0], min(span[1], low)), (max(span[0], high), span[1]))
                ]
                spans = [span for span in spans if span[0] < span[1]]
        self._depends += spans

    def check_use(self) -> None:
        if self._wrong or self._committing:
            raise FDBError(self._wrong or 2017)

    def _is_old(self) -> bool:
        return self._version is not None and time.monotonic() - self._version_s > self.database.version_s

    def future(self, kind: type[F], answer: Callable[[], Any]) -> F:
        """That comes from the network's thread."""
        return kind(self.database.network, answer, self)

    def answer(self, call: str, answer: Callable[[], Any]) -> Callable[[], Any]:
        """What comes later, or the error that was ordered for it."""
        created_s, options, database, this = self._created_s, self.options, self.database, weakref.ref(self)

        def settled() -> Any:
            if options.timeout and time.monotonic() - created_s > options.timeout / 1000:
                if (transaction := this()) is not None:
                    transaction._wrong = 1031
                raise FDBError(1031)
            fault = database.fault_for(call)
            if fault is None:
                return answer()
            if fault.applied:
                answer()
            raise FDBError(fault.code)

        return settled

    def _mutate(self, kind: str, key: bytes, other: bytes, code: int = 0) -> None:
        try:
            self.check_use()
            legal(key)
            if kind == "clear":
                legal(other)
        except FDBError as error:
            code = error.code
        if code:
            self._wrong = self._wrong or code
            return
        self._mutations.append((kind, key, other))
        self._seen = None

    def _reset(self) -> None:
        self._mutations, self._depends = [], []
        self._version = self._seen = None
        self._committing = False
        self._wrong = 0
        self.options.size_limit = SIZE_MAX


class Database:
    def __init__(self, network: Network) -> None:
        self.network = network
        self.newest = Version(0, {}, [])
        self.faults: list[Fault] = []
        self.begun = 0
        self.version_s = VERSION_S
        self.weather: random.Random | None = None
        self.pages_bytes = itertools.cycle(PAGES_BYTES)
        self._lock = threading.Lock()
        self._changed: list[tuple[int, Span]] = []

    def create_transaction(self) -> Transaction:
        self.begun += 1
        return Transaction(self)

    def fault_for(self, call: str) -> Fault | None:
        with self._lock:
            for fault in self.faults:
                if fault.call == call:
                    self.faults.remove(fault)
                    return fault
        if self.weather is None or self.weather.random() > BAD_WEATHER:
            return None
        if call != "commit":
            return Fault(call, self.weather.choice((1007, 1009, 1037)))
        return Fault(call, *self.weather.choice(((1020, False), (1021, False), (1021, True), (1039, True))))

    def commit(
        self,
        mutations: list[tuple[str, bytes, bytes]],
        depends: list[Span],
        read: Version | None,
        is_old: bool,
        size_limit: int,
    ) -> None:
        with self._lock:
            if not mutations:
                return
            writes = [(key, other if kind == "clear" else key + b"\0") for kind, key, other in mutations]
            size_bytes = sum(64 + len(key) + len(other) for _, key, other in mutations)
            size_bytes += sum(32 + len(low) + len(high) for low, high in [*writes, *depends])
            if size_bytes > size_limit:
                raise FDBError(2101)
            if is_old:
                raise FDBError(1007)
            for number, (low, high) in self._changed:
                is_later = read is not None and number > read.number
                if is_later and any(low < end and begin < high for begin, end in depends):
                    raise FDBError(1020)
            number = self.newest.number + 1
            self.newest = applied(self.newest, mutations)._replace(number=number)
            self._changed += [(number, span) for span in writes]


class Predicates:
    def is_retryable(self, error: BaseException) -> bool:
        return getattr(error, "code", 0) in RETRYABLE

    def is_retryable_not_committed(self, error: BaseException) -> bool:
        return getattr(error, "code", 0) in RETRYABLE - MAYBE_COMMITTED


class StreamingMode:
    want_all = -2


class Fdb:
    """The module."""

    FDBError: type[Exception] = FDBError
    KeySelector = KeySelector
    StreamingMode = StreamingMode()
    predicates = Predicates()

    def __init__(self) -> None:
        self._network = Network()
        self._databases: dict[str | None, Database] = {}

    def open(self, cluster_file: str | None = None) -> Database:
        """One database for a cluster file, as in the binding."""
        if cluster_file not in self._databases:
            self._databases[cluster_file] = Database(self._network)
        return self._databases[cluster_file]


def failing(error: FDBError) -> Callable[[], Any]:
    """An answer that is this error."""
    code = error.code

    def answer() -> Any:
        raise FDBError(code)

    return answer


def legal(key: bytes) -> None:
    assert type(key) is bytes
    if key >= b"\xff":
        raise FDBError(2004)
    if len(key) > 10_000:
        raise FDBError(2102)


def applied(version: Version, mutations: list[tuple[str, bytes, bytes]]) -> Version:
    """The version after the mutations."""
    if not mutations:
        return version
    rows = dict(version.rows)
    for kind, key, other in mutations:
        if kind == "set":
            rows[key] = other
        elif kind == "clear" and other == key + b"\0":
            rows.pop(key, None)
        elif kind == "clear":
            for gone in [each for each in rows if key <= each < other]:
                del rows[gone]
        else:
            rows[key] = added(rows.get(key, b""), other)
    return Version(version.number, rows, sorted(rows))


def added(before: bytes, param: bytes) -> bytes:
    """ADD: little-endian, as long as the parameter."""
    length = len(param)
    total = int.from_bytes(before[:length], "little") + int.from_bytes(param, "little")
    return (total % (1 << 8 * length)).to_bytes(length, "little")
