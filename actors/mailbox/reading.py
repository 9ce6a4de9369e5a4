"""What is read of the store before a turn's commands are decided: of what was stored before, and of what is known.

The law: only Adds have anything read for them; one read of each kind, however many they are.
"""

from collections.abc import Iterable

from actors.mailbox import keys, storage
from actors.mailbox.loading import Asked
from actors.mailbox.removal import may_be_gone
from actors.mailbox.types import Add, Place
from cluster.meta.store import Reader

Threads = dict[tuple[int, bytes], int]  # by account and hash of a message id


async def swept_of(reader: Reader, growing: Iterable[Asked], writes: storage.Writes) -> set[bytes]:
    """Large blobs were stored before their command came; those that the sweeper may have taken since.

    What is known of the others must still stand when they come to be referred to.
    """
    stored_ms: dict[bytes, int] = {}
    for asked in growing:
        if isinstance(asked.command, Add | Place):
            for item in asked.command.items:
                if item.message.packed is None:
                    digest, at_ms = item.message.digest, item.message.stored_ms
                    stored_ms[digest] = min(at_ms, stored_ms.get(digest, at_ms))
    if not stored_ms:
        return set()
    names = [keys.blob_removed(digest) for digest in stored_ms]
    notes = await reader.get_many(names)
    writes.seen += zip(names, notes, strict=True)
    return {
        digest for (digest, stored), note in zip(stored_ms.items(), notes, strict=True) if may_be_gone(note, stored)
    }


async def threads_of(reader: Reader, growing: Iterable[Asked]) -> Threads:
    """The threads that the new messages' ids are of; those that are of none yet are left out."""
    wanted: dict[bytes, tuple[int, bytes]] = {}
    for asked in growing:
        if isinstance(asked.command, Add | Place):
            slot = keys.slot_of(asked.account)
            for item in asked.command.items:
                for key in item.message.threads:
                    wanted[keys.thread(slot, asked.account, key)] = (asked.account, key)
    if not wanted:
        return {}
    found = await reader.get_many(list(wanted))
    return {
        which: int.from_bytes(value, "big")
        for which, value in zip(wanted.values(), found, strict=True)
        if value is not None
    }
