"""What was rendered of messages, kept: it never changes.

The law: bounded by bytes; a fragment is of one message and one set of properties, and is the same for all who may read
the message: what differs between them is not in it.
"""

from typing import Final

from actors.mailbox.cache import Cache
from mail.jmap.email.view import View

FRAGMENTS_BYTES: Final = 64 * 1024 * 1024
FRAGMENT_BYTES_MAX: Final = 64 * 1024  # larger ones are read rarely, and once
_ROOM_BYTES: Final = 200  # of a key and its entry

Key = tuple[int, int, View]  # account, email, and what is shown


class Fragments:
    """One a process."""

    def __init__(self, size_bytes: int = FRAGMENTS_BYTES) -> None:
        self._cache: Cache[Key, bytes] = Cache(size_bytes)

    def get(self, key: Key) -> bytes | None:
        """What was rendered, if it is still known."""
        return self._cache.get(key)

    def put(self, key: Key, fragment: bytes) -> None:
        """Remember."""
        if len(fragment) <= FRAGMENT_BYTES_MAX:
            self._cache.put(key, fragment, len(fragment) + _ROOM_BYTES)
