"""What the log tells of the past: which messages left a mailbox (RFC 7162 3.2). Pure.

The law: what an entry has no word of is not decoded further than to know it.
"""

from collections.abc import Iterable

from actors.mailbox import events as ev
from actors.mailbox.types import Ranges


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
