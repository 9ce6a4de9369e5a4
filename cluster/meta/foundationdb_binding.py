"""FoundationDB's Python binding as much as we use of it, how its futures are awaited, what its errors mean.

The law: nothing here or above blocks the event loop; `value` and `wait` are called of ready futures only. The
binding (package `foundationdb`, 7.3) is imported only when a store of that kind is opened, and needs the
client library libfdb_c of FoundationDB's own packages.
"""

import asyncio
import importlib
import sys
from collections.abc import Callable
from typing import Any, Final, Protocol, cast

from cluster.errors import Misconfigured, TooLarge, Trouble, Unavailable
from cluster.meta.engine import Conflict
from cluster.meta.settings import FoundationdbSettings

API_VERSION: Final = 730

# https://apple.github.io/foundationdb/api-error-codes.html
NOT_COMMITTED: Final = 1020  # a conflict
COMMIT_UNKNOWN_RESULT: Final = 1021
TRANSACTION_CANCELLED: Final = 1025
TRANSACTION_TIMED_OUT: Final = 1031
CLUSTER_VERSION_CHANGED: Final = 1039
_TOO_LARGE: Final = (2101, 2102, 2103)  # transaction, key, value
# Of a cluster file that is missing, unreadable, empty or wrong; of TLS; of a client that cannot use the cluster, or
# not without a tenant.
_OF_THE_OPERATOR: Final = (1511, 1512, 1513, 1515, 1516, 2104, 2107, 2130, 2200, 2201, 2203)
_MAYBE_COMMITTED: Final = (
    COMMIT_UNKNOWN_RESULT,
    TRANSACTION_CANCELLED,
    TRANSACTION_TIMED_OUT,
    CLUSTER_VERSION_CHANGED,
)

WANTED: Final = "foundationdb>=7.3,<7.4"  # the binding must not be newer than the client library
_GET_IT: Final = (
    f'the package is the extra `foundationdb` ({sys.executable} -m pip install "{WANTED}"); libfdb_c is in the package '
    "foundationdb-clients of the same version, from https://github.com/apple/foundationdb/releases"
)


class Future(Protocol):
    """impl.Future."""

    def is_ready(self) -> bool: ...
    def on_ready(self, callback: "Callable[[Future], None]") -> None: ...  # from the network's thread, or at once
    def cancel(self) -> None: ...
    def wait(self) -> Any: ...


class ValueFuture(Future, Protocol):
    """impl.Value: beware, it calls itself `bytes` and compares as such, waiting for its value."""

    @property
    def value(self) -> bytes | None: ...


class Reads(Protocol):
    """impl.TransactionRead: what a transaction and its `snapshot` have in common."""

    def get(self, key: bytes) -> ValueFuture: ...

    # get_range blocks while it is iterated; this is the call that it makes for each page. Waiting gives
    # (rows with `key` and `value`, count, whether there may be more).
    def _get_range(
        self, begin: Any, end: Any, limit: int, streaming_mode: int, iteration: int, reverse: bool
    ) -> Future: ...


class TransactionOptions(Protocol):
    """impl._TransactionOptions."""

    def set_timeout(self, milliseconds: int) -> None: ...
    def set_retry_limit(self, retries: int) -> None: ...
    def set_max_retry_delay(self, milliseconds: int) -> None: ...
    def set_size_limit(self, size_bytes: int) -> None: ...


class Transaction(Reads, Protocol):
    """impl.Transaction. Dropping it cancels its futures."""

    @property
    def options(self) -> TransactionOptions: ...
    @property
    def snapshot(self) -> Reads: ...
    def set(self, key: bytes, value: bytes) -> None: ...
    def clear(self, key: bytes) -> None: ...
    def clear_range(self, begin: bytes, end: bytes) -> None: ...
    def add(self, key: bytes, param: bytes) -> None: ...
    def commit(self) -> Future: ...
    def on_error(self, error: int) -> Future: ...


class Database(Protocol):
    """impl.Database."""

    def create_transaction(self) -> Transaction: ...


class Selectors(Protocol):
    """impl.KeySelector."""

    def first_greater_or_equal(self, key: bytes) -> Any: ...


class Predicates(Protocol):
    """impl._ErrorPredicates."""

    def is_retryable_not_committed(self, error: BaseException) -> bool: ...
    def is_retryable(self, error: BaseException) -> bool: ...


class Modes(Protocol):
    """impl.StreamingMode."""

    @property
    def want_all(self) -> int: ...


class Binding(Protocol):
    """The module `fdb`, an API version selected. Its errors have the attributes code: int and description: bytes."""

    @property
    def FDBError(self) -> type[Exception]: ...  # noqa: N802 - its name
    @property
    def KeySelector(self) -> Selectors: ...  # noqa: N802
    @property
    def StreamingMode(self) -> Modes: ...  # noqa: N802
    @property
    def predicates(self) -> Predicates: ...

    def open(self, cluster_file: str | None = None) -> Database: ...


class Interrupted(Conflict):
    """An error of FoundationDB on its way through a body to the loop that decides about another run."""

    def __init__(self, error: BaseException, binding: Binding) -> None:
        super().__init__("The store does not answer now; try again.", log=told(error))
        self.error = error
        self.not_committed = binding.predicates.is_retryable_not_committed(error)


def load() -> Binding:
    """The binding with its API version selected. Raises Misconfigured."""
    try:
        module = importlib.import_module("fdb")
        module.api_version(API_VERSION)
    except ImportError as error:
        raise Misconfigured(f"FoundationDB's Python package is not installed: {_GET_IT}.") from error
    except Exception as error:
        raise Misconfigured(f"FoundationDB's client library cannot be used ({error}): {_GET_IT}.") from error
    return cast("Binding", module)


async def ready(future: Future) -> None:
    """Wait until the future has its answer, or its error; cancelled, cancel it."""
    if future.is_ready():
        return
    loop = asyncio.get_running_loop()
    waiting: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not waiting.done():
            waiting.set_result(None)

    def on_ready(_: Future) -> None:
        try:
            loop.call_soon_threadsafe(wake)
        except RuntimeError:  # the loop was closed: nobody waits any more
            return

    future.on_ready(on_ready)
    try:
        await waiting
    except asyncio.CancelledError:
        future.cancel()
        raise


def code_of(error: BaseException) -> int:
    """FoundationDB's number of its error."""
    return int(getattr(error, "code", 0))


def told(error: BaseException) -> str:
    """An error of FoundationDB in words."""
    description = getattr(error, "description", b"")
    text = description.decode(errors="replace") if isinstance(description, bytes) else str(description)
    return f"FoundationDB error {code_of(error)}: {text}"


def trouble_of(error: BaseException, *, committing: bool = False) -> Trouble:
    """What an error that ends a transaction means to who asked."""
    code = code_of(error)
    if code in _TOO_LARGE:
        return TooLarge("The change is too large.", log=told(error))
    if code in _OF_THE_OPERATOR:
        return Misconfigured(f"The FoundationDB cluster cannot be used: {told(error)}. Look at the cluster file.")
    if code == NOT_COMMITTED:
        return Unavailable("Too much changes at once here; try again.", log=told(error))
    if committing and code in _MAYBE_COMMITTED:
        return Unavailable(
            "The store did not say whether the change was made; try again.", log=f"outcome unknown: {told(error)}"
        )
    return Unavailable("The store does not answer now; try again.", log=told(error))


def opening_trouble_of(trouble: Trouble, settings: FoundationdbSettings) -> Trouble:
    """What ends an opening, told with the place and what to look at: nothing of a cluster was heard yet."""
    if type(trouble) is not Unavailable:
        return trouble
    return Unavailable(
        trouble.says,
        log=f"{settings.where}, cannot be reached ({trouble.log}): does it run, do its addresses answer from this "
        "machine, is libfdb_c of its version?",
    )
