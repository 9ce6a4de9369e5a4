"""The note that a large blob is removed from the blob store, and how long it stands in the way of those who name it.

The law: whoever stores a reference to a blob looks at its note before, and in the same transaction again.
"""

from typing import Final

from actors.mailbox.types import Add, Command, Place
from cluster.errors import Unavailable

# From the note to the removal, at the very most: an S3 store that hung carries a request out as long as its signature
# holds, a quarter of an hour by its own clock, which may be wrong by another.
REMOVAL_MS: Final = 2_400_000


def may_be_gone(note: bytes | None, stored_ms: int) -> bool:
    """Whether a blob that was stored then may have been removed since, or be yet. `note`: under keys.blob_removed."""
    return note is not None and int.from_bytes(note, "big") + REMOVAL_MS >= stored_ms


def check_swept(command: Command, swept: set[bytes]) -> None:
    """Raises Unavailable for a command that names one of these blobs, which may be gone."""
    if isinstance(command, Add | Place) and any(item.message.digest in swept for item in command.items):
        raise Unavailable("The message has to be sent again.", log="blob was swept before its commit")
