"""Where reputations are in the store, and in which slot: shell/keys.py under `r`.

    o r slot            the claim
    r slot U key        a source's counters; the key is text in UTF-8
    r slot T 0 time key when to see whether they have faded

The law: a key's slot never changes.
"""

from typing import Final

from actors.shell.keys import Layout
from cluster.placement import slots

LAYOUT: Final = Layout(b"r")


def slot_of(key: str) -> int:
    """The slot a source lives in, for ever."""
    return slots.slot_of(key.encode())
