"""What the log tells of the past, to who does not own it: what happened since, and which messages left a mailbox
(RFC 7162 3.2).

The law: the log is read a page at a time, and of no more pages than is said; what is not wanted of an entry is not
kept.
"""

from collections.abc import AsyncIterator, Iterable
from typing import Final

from actors.mailbox import events as ev
from actors.mailbox import keys
from actors.mailbox.types import Ranges
from cluster.meta.store import Store

PAGE: Final = 2000  # log entries read at once
GONE_MAX: Final = 200_000  # ranges of UIDs that left: about 25 MB


async def read(store: Store, account: int, since: int, until: int) -> AsyncIterator[list[tuple[int, bytes]]]:
    """Stored entries with a MODSEQ above `since` and up to `until`, in order, by pages."""
    slot = keys.slot_of(account)
    begin, end = keys.log(slot, account, since + 1), keys.log(slot, account, until + 1)
    while rows := await store.range(begin, end, limit=PAGE):
        yield [(keys.modseq_of(key), value) for key, value in rows]
        begin = rows[-1][0] + b"\0"


async def gone(store: Store, account: int, mailbox: int, since: int, until: int, *, pages_max: int) -> Ranges | None:
    """The UIDs that left a mailbox in that time; None where there is more to look through, or to say."""
    spans: list[tuple[int, int]] = []
    pages = 0
    async for page in read(store, account, since, until):
        for _modseq, stored in page:
            spans += gone_of(stored, mailbox)
            if len(spans) > GONE_MAX:
                return None
        pages += 1
        if pages >= pages_max:
            return None
    return merged(spans)


def gone_of(stored: bytes, mailbox: int) -> Ranges:
    """The UIDs that a stored log entry takes out of a mailbox. Raises Corrupt."""
    found: list[tuple[int, int]] = []
    for event in ev.decode(stored).events:
        if isinstance(event, ev.MessagesExpunged) and event.mailbox == mailbox:
            found += event.uids
    return tuple(found)


def merged(spans: Iterable[tuple[int, int]]) -> Ranges:
    """As ascending ranges with gaps between them."""
    out: list[tuple[int, int]] = []
    for low, high in sorted(spans):
        if out and low <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], high))
        else:
            out.append((low, high))
    return tuple(out)
