"""Where throttles are in the store, and in which slot: shell/keys.py under `l`.

    o l slot                the claim
    l slot U hash           a unit: what one limit has counted for one key
    l slot T 0 time hash    when to see whether it is all over

The law: neither the hash nor its slot ever changes.
"""

import hashlib
from typing import Final

from actors.shell.keys import Layout
from cluster.placement import slots

LAYOUT: Final = Layout(b"l")
UNIT_BYTES: Final = 16


def unit_of(name: str, key: str) -> bytes:
    """The hash of a limit's name and what it is counted for, 16 bytes."""
    text = f"{len(name)}\0{name}{key}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:UNIT_BYTES]


def slot_of(unit: bytes) -> int:
    """The slot a unit lives in, for ever."""
    return slots.slot_of(unit)
