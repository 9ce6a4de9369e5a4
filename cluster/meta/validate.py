"""The commit's question: would the body have been told the same now?

The law: nothing is applied whose reads do not all give, at the moment of applying, what the body was given.

Comparing values is enough for serializability: a body depends on nothing but the values it was given, so if
all of them are the same at the commit, running it at that moment would have written the same. That a value went
away and came back in between (ABA) makes no difference to it. And because the newest state is compared, not a
table of this process's commits, it holds for several processes on the same files.
"""

import hashlib
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from cluster.meta.engine import View
from cluster.meta.limits import counted
from cluster.meta.overlay import UNTOUCHED, Overlay
from cluster.meta.store import Row

ROWS_KEPT_MAX: Final = 100  # rows of a read page that are remembered as they are; of larger pages the digest is


class PageRead(NamedTuple):
    """A page that was read: how to read it again, and what it should give."""

    begin: bytes
    end: bytes
    limit: int
    reverse: bool
    seen: object


class Changes(NamedTuple):
    """A transaction as the engine gets it: what it was told, and what it wants written."""

    reads: dict[bytes, bytes | None]
    pages: list[PageRead]
    overlay: Overlay
    size_bytes: int


def still_true(view: View, batch: Iterable[Changes]) -> tuple[Overlay, list[bool]]:
    """Settle which members of a batch hold, each after those before it: their writes in one, and who is in.

    `view` is the newest state, inside the write transaction.
    """
    members = list(batch)
    keys = list({key for member in members for key in member.reads})
    newest = dict(zip(keys, view.get_many(keys), strict=True))
    total = Overlay()
    verdicts = []
    for member in members:
        holds = _holds(view, newest, total, member)
        verdicts.append(holds)
        if holds:
            total.absorb(member.overlay)
    return total, verdicts


def _holds(view: View, newest: dict[bytes, bytes | None], total: Overlay, member: Changes) -> bool:
    for key, seen in member.reads.items():
        if value_over(total.look(key) if total else UNTOUCHED, newest[key]) != seen:
            return False
    for page in member.pages:
        again = total.range(view.range, page.begin, page.end, page.limit, page.reverse)
        if fingerprint(again.rows) != page.seen:
            return False
    return True


def resolve_adds(view: View, overlay: Overlay) -> None:
    """Turn the numbers to add into values to set, from the newest state inside the write transaction."""
    if overlay.has_adds:
        keys = [key for key, write in overlay.writes.items() if isinstance(write, int)]
        for key, before in zip(keys, view.get_many(keys), strict=True):
            overlay.writes[key] = value_over(overlay.writes[key], before)
        overlay.has_adds = False


def fingerprint(rows: list[Row]) -> object:
    """What to remember of a page: the rows, or a digest where they are many."""
    if len(rows) <= ROWS_KEPT_MAX:
        return rows
    return hashlib.blake2b(msgspec.msgpack.encode(rows), digest_size=32).digest()


def value_over(write: object, before: bytes | None) -> bytes | None:
    """What a key holds after a write of an overlay (or UNTOUCHED) on top of `before`."""
    if write is UNTOUCHED:
        return before
    if isinstance(write, int):
        return counted(before, write)
    assert write is None or isinstance(write, bytes)
    return write
