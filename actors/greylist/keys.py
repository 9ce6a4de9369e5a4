"""Where triplets are in the store, and in which slot: shell/keys.py under `w`.

    o w slot                the claim
    w slot U hash           a triplet: network of the client, sender, recipient
    w slot T 0 time hash    when to see whether it is forgotten

The law: neither the hash nor its slot ever changes.
"""

import hashlib
from typing import Final

from actors.shell.keys import Layout
from cluster.placement import slots

LAYOUT: Final = Layout(b"w")
TRIPLET_BYTES: Final = 16


def triplet(network: str, sender: str, recipient: str) -> bytes:
    """The hash of a triplet, 16 bytes. Addresses are taken without regard to case."""
    text = f"{network}\0{sender.lower()}\0{recipient.lower()}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()[:TRIPLET_BYTES]


def slot_of(name: bytes) -> int:
    """The slot a triplet lives in, for ever."""
    return slots.slot_of(name)
