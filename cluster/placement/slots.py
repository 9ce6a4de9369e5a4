"""Slots: what is placed. Everything that has an owner hashes to one of them, for ever.

The law: neither the number nor the hash ever changes (design decision 1), since stored keys hold slots.
"""

import zlib
from typing import Final

SLOTS: Final = 4096


def slot_of(key: bytes) -> int:
    """The slot a key lives in."""
    return zlib.crc32(key) % SLOTS
