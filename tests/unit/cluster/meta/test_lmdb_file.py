"""What an error of the file system means: a full disk passes, another error does not."""

import errno
from pathlib import Path

import lmdb
import pytest

from cluster.errors import Corrupt, StoreFull, TooLarge, Unavailable
from cluster.meta.engine import Broken
from cluster.meta.lmdb_file import trouble_of, writing_trouble_of


def error_of(code: int) -> lmdb.Error:
    error = lmdb.Error("mdb_txn_commit")
    vars(error)["code"] = code  # as the extension does it, whatever the stubs say
    return error


@pytest.mark.parametrize(
    ("code", "size_bytes", "expected"),
    [
        (errno.ENOSPC, 0, StoreFull),
        (errno.EDQUOT, 0, StoreFull),
        (errno.EIO, 0, Broken),
        (errno.EIO, 10**18, StoreFull),  # more than any disk has left: LMDB says EIO for a write cut short
        (errno.EPERM, 0, Broken),
    ],
)
def test_errors_of_a_write(tmp_path: Path, code: int, size_bytes: int, expected: type[Unavailable]) -> None:
    assert type(writing_trouble_of(error_of(code), tmp_path, size_bytes)) is expected


def test_errors_of_a_read(tmp_path: Path) -> None:
    assert type(trouble_of(lmdb.CorruptedError("test"))) is Corrupt
    assert type(trouble_of(lmdb.ReadersFullError("test"))) is Unavailable
    assert type(writing_trouble_of(lmdb.TxnFullError("test"), tmp_path, 0)) is TooLarge
