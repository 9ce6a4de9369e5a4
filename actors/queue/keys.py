"""Where queue entries are in the store, in which slot, and what they are called: shell/keys.py under `q`.

    o q slot                    the claim
    q slot U id                 an entry: envelope and history
    q slot T 1 time id          when it is due, or its lease ends
    q slot T 0 time id          when an ended one is forgotten
    q slot B id                 a small body, packed; gone when the entry has ended
    b digest 1 0 id             a large one is referred to, in the mailbox's layout under account 0, which is nobody's

The law: an id is 16 bytes, the first two its slot, the rest made of the key that Enqueue came with: so a call made
again means the same entry, and an id alone tells who owns it. Mail for one domain is spread over SPREAD slots by that
key; neither the number nor the hash ever changes (ops/docs/decisions/0014-queue.md).

A timer's lane is 1 for mail of usual priority, 2 for urgent mail, 3 for what may wait: entry.py.
"""

import hashlib
import zlib
from typing import Final

from actors.mailbox import keys as mailbox
from actors.shell.keys import Layout
from cluster.placement import slots

LAYOUT: Final = Layout(b"q")
ID_BYTES: Final = 16
SPREAD: Final = 8  # slots of one destination
_SLOT_BYTES: Final = 2


def slot_of(domain: str, idem: bytes) -> int:
    """The slot where mail for a domain (lower case) waits that was queued under that key."""
    return _slot(domain, zlib.crc32(idem) % SPREAD)


def slots_of(domain: str) -> tuple[int, ...]:
    """All slots where mail for a domain waits, ascending."""
    return tuple(sorted({_slot(domain, part) for part in range(SPREAD)}))


def _slot(domain: str, part: int) -> int:
    # The first part is where all of it was once.
    return slots.slot_of(domain.encode() + (b"\0%d" % part if part else b""))


def entry_id(domain: str, idem: bytes) -> bytes:
    """What the entry made by an Enqueue is called."""
    name = hashlib.sha256(domain.encode() + b"\0" + idem).digest()
    return slot_of(domain, idem).to_bytes(_SLOT_BYTES, "big") + name[: ID_BYTES - _SLOT_BYTES]


def slot_of_id(entry: bytes) -> int:
    """The slot of an entry."""
    return int.from_bytes(entry[:_SLOT_BYTES], "big")


def body(entry: bytes) -> bytes:
    """Key of a small body."""
    return LAYOUT.beside(slot_of_id(entry), entry)


def blob_ref(digest: bytes, entry: bytes) -> bytes:
    """Key that says an entry refers to a blob, where the mailboxes' sweeper looks."""
    return mailbox.blob_ref(digest, 0, int.from_bytes(entry[-8:], "big"))
