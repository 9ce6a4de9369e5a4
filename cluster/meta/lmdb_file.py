"""LMDB's files: opening them with distrust, and what their errors mean.

The law: nothing in the file is looked at through the map before its length is known to be right, because a
page beyond the end is not an error to catch but the end of the process.
"""

import errno
from pathlib import Path
from typing import Any, Final

import lmdb

from cluster.disk import free_bytes, make_directory, sync_directory
from cluster.errors import Corrupt, Misconfigured, StoreFull, TooLarge, Trouble, Unavailable
from cluster.meta.engine import Broken
from cluster.meta.limits import KEYS_END

READERS_MAX: Final = 4096  # snapshots at once, of all processes; 64 bytes each
SPARE_SNAPSHOTS: Final = 64  # kept for the next reader: renewing costs a tenth of making one
FREE_BYTES_MIN: Final = 1_000_000  # with less than this left beyond what was to be written, the disk counts as full
FORMAT: Final = b"rookery 1"  # the value of the key KEYS_END
DATA: Final = "data.mdb"  # LMDB's name for it

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def open_environment(directory: Path, map_bytes: int) -> Any:
    """Open, or make, the environment in `directory`. Raises Misconfigured, Corrupt, StoreFull."""
    data = directory / DATA
    try:
        make_directory(directory)
        _check_header(data)
        environment = lmdb.open(
            str(directory),
            map_size=map_bytes,
            mode=0o600,
            max_readers=READERS_MAX,
            max_spare_txns=SPARE_SNAPSHOTS,
        )
    except OSError as error:
        raise Misconfigured(f"The store's directory cannot be used: {error}", log=f"{directory}: {error}") from error
    except lmdb.Error as error:
        raise _opening_trouble(error, data) from error
    try:
        _check_length(environment, data)
        environment.reader_check()
        _check_format(environment, data)
        sync_directory(directory)
    except lmdb.Error as error:
        environment.close()
        raise _opening_trouble(error, data) from error
    except Trouble:
        environment.close()
        raise
    return environment


def _check_header(data: Path) -> None:
    if data.exists() and data.stat().st_size == 0:
        raise _damaged(data, "it is empty")


def _check_length(environment: Any, data: Path) -> None:
    """A page beyond the end of the file would be a bus error at the first look at it."""
    needed_bytes = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    found_bytes = data.stat().st_size
    if found_bytes < needed_bytes:
        raise _damaged(data, f"it has {found_bytes} bytes where its header says {needed_bytes}")


def _check_format(environment: Any, data: Path) -> None:
    with environment.begin() as transaction:
        found = transaction.get(KEYS_END)
        is_new = found is None and transaction.stat()["entries"] == 0
    if is_new:
        with environment.begin(write=True) as transaction:
            transaction.put(KEYS_END, FORMAT)
    elif found != FORMAT:
        raise Misconfigured(
            f"{data} holds format {found!r} and this version reads {FORMAT!r}: run the version that wrote it, "
            "or name another directory."
        )


def _damaged(data: Path, how: str) -> Corrupt:
    return Corrupt(
        "The store is damaged.",
        log=f"{data} is damaged: {how}. Restore it from a backup, or move it away to begin with an empty store.",
    )


def _opening_trouble(error: lmdb.Error, data: Path) -> Trouble:
    if isinstance(error, lmdb.InvalidError | lmdb.CorruptedError | lmdb.PageNotFoundError):
        return _damaged(data, str(error))
    if isinstance(error, lmdb.VersionMismatchError):
        return Misconfigured(f"{data} was written by another version of LMDB: dump it there and load it here.")
    if isinstance(error, lmdb.MemoryError):
        return Misconfigured(
            f"{data} needs more address space than this process may have: allow more, or set a smaller map."
        )
    if _code_of(error) in (*_FULL, errno.EIO):
        return StoreFull("The store's disk is full.", log=f"{data}: {error}")
    return Misconfigured(f"The store {data} cannot be opened: {error}")


def trouble_of(error: lmdb.Error) -> Trouble:
    """What an error of LMDB means to a reader, and to a writer too unless it is of the disk."""
    if isinstance(error, lmdb.TxnFullError):
        return TooLarge("The change is too large.", log=str(error))
    if isinstance(error, lmdb.CorruptedError | lmdb.PageNotFoundError | lmdb.InvalidError):
        return Corrupt("The store is damaged.", log=str(error))
    return Unavailable("The store cannot be read now.", log=str(error))


def writing_trouble_of(error: lmdb.Error, data: Path, size_bytes: int) -> Trouble:
    """What an error of LMDB means to those whose `size_bytes` were to be written.

    LMDB reports a write that the full disk cut short as EIO. It has then dropped the transaction and not touched
    its meta page, so the store is whole and may go on.
    """
    code = _code_of(error)
    if code in _FULL or (code == errno.EIO and free_bytes(data) < size_bytes + FREE_BYTES_MIN):
        return StoreFull("The store's disk is full.", log=f"{data}: {error}")
    if isinstance(error, lmdb.TxnFullError):
        return trouble_of(error)
    return Broken("The store has failed and takes no more changes until restarted.", log=f"{data}: {error}")


def _code_of(error: lmdb.Error) -> int:
    """The error number; the extension gives none to errors of its own, whatever its stubs say."""
    return getattr(error, "code", 0)
