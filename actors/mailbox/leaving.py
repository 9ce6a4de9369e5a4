"""Which emails left a mailbox, as its log says it: JMAP's `/changes` tells of emails, not of UIDs (RFC 8620 5.2). Pure.

The law: what is encoded is read back in the same order; nothing (b"") says that nobody knows, also of what was written
before this was. Of ROWS_PER_EVENT_MAX rows it is at most 48 kB.
"""

from typing import NamedTuple

import numpy as np

from actors.mailbox.index import Array, Index
from actors.mailbox.types import DELETED
from cluster.blobs.codec import pack, unpack
from cluster.errors import Corrupt


class Left(NamedTuple):
    """A row that left: its email, the thread of that, and whether it had no \\Deleted."""

    email: int
    thread: int
    shown: bool


def encode(index: Index, rows: Array) -> bytes:
    """Those rows."""
    emails = index.emails[rows]
    shown = index.flags[rows] & DELETED == 0
    columns = np.stack([np.diff(emails, prepend=0), emails - index.threads_of(rows), shown]).astype("<i8")
    return pack(columns.tobytes())


def decode(left: bytes) -> list[Left] | None:
    """The same. None: nobody knows. Raises Corrupt."""
    if not left:
        return None
    columns = unpack(left)
    if len(columns) % 24:
        raise Corrupt("A mailbox's log is damaged.", log="a list of emails that left is cut")
    steps, backs, shown = np.frombuffer(columns, "<i8").reshape(3, -1)
    emails = np.cumsum(steps)
    return [Left(*one) for one in zip(emails.tolist(), (emails - backs).tolist(), (shown != 0).tolist(), strict=True)]
