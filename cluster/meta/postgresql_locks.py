"""Which part of the table a batch of commits locks, so that processes commit side by side where they may.

The law: two batches of which one writes what the other reads or writes never hold their locks at once. So what
a batch has validated is still true when it commits, and commits have one order. Locks are taken in one order by
all, so none waits for another in a circle.

A granule is all keys with the same first GRANULE_BYTES, which is finer than a slot of mailboxes. Ranges over
many granules lock the whole.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from cluster.meta.validate import Changes

GRANULE_BYTES: Final = 3
GRANULES_MAX: Final = 64  # held at once; above it the whole is locked. PostgreSQL has room for some 6400 in all
RANGE_GRANULES_MAX: Final = 4  # of one range
WHOLE: Final = -1  # everyone's first lock: shared, or exclusive by who needs more than it can name

Locks = dict[int, bool]  # granule -> whether exclusive


def locks_of(batch: Sequence[Changes]) -> Locks:
    """The locks a batch needs, in the order to take them."""
    wanted: Locks = {}
    for granule in (granule for changes in batch for granule in _read(changes)):
        wanted.setdefault(granule, False)
    for granule in (granule for changes in batch for granule in _written(changes)):
        wanted[granule] = True
    if WHOLE in wanted or len(wanted) > GRANULES_MAX:
        return {WHOLE: True}
    return {WHOLE: False, **dict(sorted(wanted.items()))}


def statement_of(locks: Locks, lock_class: int) -> str:
    """SQL that takes them, from left to right."""
    calls = [
        f"pg_advisory_xact_lock{'' if exclusive else '_shared'}({lock_class}, {granule})"
        for granule, exclusive in locks.items()
    ]
    return f"SELECT {', '.join(calls)}"


def _read(changes: Changes) -> Iterator[int]:
    for key in changes.reads:
        yield _granule(key)
    for page in changes.pages:
        yield from _granules(page.begin, page.end)


def _written(changes: Changes) -> Iterator[int]:
    for key in changes.overlay.writes:
        yield _granule(key)
    for begin, end in changes.overlay.cleared:
        yield from _granules(begin, end)


def _granule(key: bytes) -> int:
    return int.from_bytes(key[:GRANULE_BYTES].ljust(GRANULE_BYTES, b"\0"), "big")


def _granules(begin: bytes, end: bytes) -> Sequence[int]:
    """Of all keys with begin <= key < end."""
    first, last = _granule(begin), _granule(end)
    if len(end) == GRANULE_BYTES and end[-1]:  # then no key before `end` is in its granule
        last -= 1
    return range(first, last + 1) if last - first < RANGE_GRANULES_MAX else (WHOLE,)
