"""What is found in the store itself: every account whole, every row with its record, its bytes and its reference.

The law: this only reads, after the server has ended or died; AssertionError tells what is not whole.
"""

from pathlib import Path
from typing import Final, NamedTuple

from actors.mailbox import keys
from actors.mailbox.client import Message
from actors.mailbox.state import Account
from actors.mailbox.storage import activate, load_index, pages_of_range
from cluster.blobs.blobs import Blobs, digest_of
from cluster.blobs.codec import unpack
from cluster.blobs.files import FileBlobs
from cluster.meta.lmdb import LmdbStore
from cluster.meta.sqlite import SqliteStore
from cluster.meta.store import Store

_ACCOUNT_PREFIX: Final = 11  # m slot account


class Stored(NamedTuple):
    """A message as the store has it."""

    mailbox: str
    uid: int
    content: bytes


async def check_data(data: Path, kind: str = "lmdb") -> int:
    """Check every account of a data directory nobody has open; how many there are."""
    store: Store = await (LmdbStore if kind == "lmdb" else SqliteStore).open(data / "store")
    blobs = FileBlobs(data / "blobs")
    try:
        accounts = await accounts_of(store)
        for account in accounts:
            await check_account(store, blobs, account)
        return len(accounts)
    finally:
        await blobs.close()
        await store.close()


async def accounts_of(store: Store) -> list[int]:
    """All accounts that have a mailbox."""
    found: list[int] = []
    begin = b"m"
    while rows := await store.range(begin, b"n", limit=1):
        prefix = rows[0][0][:_ACCOUNT_PREFIX]
        found.append(int.from_bytes(prefix[3:], "big"))
        begin = prefix + b"\xff"
    return found


async def check_account(store: Store, blobs: Blobs, number: int) -> list[Stored]:
    """The account's messages, when its log, head, pages, records, bytes and references agree."""
    account = await activate(store, number)
    for box in account.mailboxes.values():
        if box.index is None:
            await load_index(store, account, box)
    account.check()
    found, emails = [], set()
    for box in account.mailboxes.values():
        assert box.index is not None
        for uid, email, size in zip(
            box.index.uids.tolist(), box.index.emails.tolist(), box.index.sizes.tolist(), strict=True
        ):
            content = await _content(store, blobs, account, email)
            assert len(content) == size, f"UID {uid} of {box.name} has {len(content)} bytes, its row says {size}"
            emails.add(email)
            found.append(Stored(box.name, uid, content))
    await _check_strays(store, account, emails)
    return found


async def _content(store: Store, blobs: Blobs, account: Account, email: int) -> bytes:
    stored = await store.get(keys.message(account.slot, account.id, email))
    assert stored is not None, f"email {email} has no record"
    message = Message(stored)
    assert message.record is not None
    assert await store.get(keys.blob_ref(message.digest, account.id, email)) is not None, f"email {email}: no reference"
    if message.inline:
        packed = await store.get(keys.blob(message.digest))
        assert packed is not None, f"email {email} has no bytes"
        content = unpack(packed)
    else:
        content = await blobs.get(message.digest)
    assert digest_of(content) == message.digest
    return content


async def _check_strays(store: Store, account: Account, emails: set[int]) -> None:
    """Records that no row names wait for the sweeper: they are on one of its lists, so below the next email."""
    begin = keys.message(account.slot, account.id, 0)
    end = keys.message(account.slot, account.id, (1 << 63) - 1)
    stored = {int.from_bytes(key[-8:], "big") async for rows in pages_of_range(store, begin, end) for key, _ in rows}
    assert emails <= stored
    assert max(stored, default=0) < account.next_email, "a record is there that the log does not know"
