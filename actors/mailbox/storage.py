"""Between an account in memory and its keys: activation, loading of indexes, what a decision and a snapshot write.

The law: a snapshot is a cache. Head and pages can be behind the log, never ahead of what is committed, and pages
ahead of the head do no harm, since rows know their MODSEQ and replay passes over what they have seen.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

import numpy as np

from actors.mailbox import events as ev
from actors.mailbox import keys
from actors.mailbox.decision import Decision
from actors.mailbox.index import PAGE_SHIFT, Array, Index, load
from actors.mailbox.state import Account, Mailbox, decode_head, encode_head
from cluster.blobs.codec import pack, unpack
from cluster.errors import Corrupt
from cluster.meta.store import RANGE_BYTES_MAX, Reader, Row, Transaction

Cut = TypeVar("Cut", bytes, Array)

HEAD_CHUNK_BYTES: Final = 90_000  # below VALUE_BYTES_MAX
WRITE_BYTES_MAX: Final = 6_000_000  # of one transaction; the rest up to TRANSACTION_BYTES_MAX is room for the last item
GARBAGE_EMAILS_MAX: Final = 10_000  # in one list: 80 kB if nothing compresses
_PER_WRITE_BYTES: Final = 64  # what a store counts besides the value: about a key


@dataclass(slots=True)
class Writes:
    """What one transaction will write, and about how many bytes that is."""

    sets: list[Row] = field(default_factory=list)
    clears: list[tuple[bytes, bytes]] = field(default_factory=list)
    adds: list[tuple[bytes, int]] = field(default_factory=list)
    seen: list[tuple[bytes, bytes | None]] = field(default_factory=list)  # what must still stand when this lands
    size: int = 0

    def set(self, key: bytes, value: bytes) -> None:
        """Write a value."""
        self.sets.append((key, value))
        self.size += len(value) + _PER_WRITE_BYTES

    def clear(self, begin: bytes, end: bytes) -> None:
        """Remove a range."""
        self.clears.append((begin, end))
        self.size += 2 * _PER_WRITE_BYTES

    def add(self, key: bytes, delta: int) -> None:
        """Count."""
        self.adds.append((key, delta))
        self.size += _PER_WRITE_BYTES

    def into(self, transaction: Transaction) -> None:
        """Write all. Ranges are removed first, so that what is set stays."""
        for begin, end in self.clears:
            transaction.clear_range(begin, end)
        for key, value in self.sets:
            transaction.set(key, value)
        for key, delta in self.adds:
            transaction.add(key, delta)


async def pages_of_range(reader: Reader, begin: bytes, end: bytes, limit: int = 1000) -> AsyncIterator[list[Row]]:
    """The rows of a range, page by page. No page is asked for that would be empty, as far as can be known."""
    while rows := await reader.range(begin, end, limit=limit):
        yield rows
        if len(rows) < limit and sum(len(key) + len(value) for key, value in rows) <= RANGE_BYTES_MAX:
            return
        begin = rows[-1][0] + b"\0"


async def activate(reader: Reader, account: int) -> Account:
    """The account as its snapshot and log have it; one without a log has MODSEQ 0 and no mailboxes."""
    slot = keys.slot_of(account)
    chunks = [value async for rows in pages_of_range(reader, *keys.head(slot, account)) for _key, value in rows]
    state = decode_head(b"".join(chunks), account, slot) if chunks else Account(account, slot)
    async for rows in pages_of_range(reader, *keys.log_after(slot, account, state.base)):
        for key, value in rows:
            state.apply(int.from_bytes(key[-8:], "big"), ev.decode(value))
    return state


async def load_index(reader: Reader, account: Account, box: Mailbox) -> None:
    """Load a mailbox's rows and bring them up to date."""
    span = keys.pages(account.slot, account.id, box.id)
    box.loaded(load([value async for rows in pages_of_range(reader, *span, limit=200) for _key, value in rows]))


def commit_writes(writes: Writes, account: Account, first: int, entries: list[ev.Entry], decision: Decision) -> None:
    """What makes a decision durable. `first` is the MODSEQ of its first entry."""
    slot, number = account.slot, account.id
    for modseq, entry in enumerate(entries, start=first):
        writes.set(keys.log(slot, number, modseq), ev.encode(entry))
    for email, message in decision.stored:
        inline = message.packed is not None
        value = bytes((1, inline)) + message.digest + message.record
        writes.set(keys.message(slot, number, email), value)
        writes.set(keys.blob_ref(message.digest, number, email), b"")
        if message.packed is not None:
            writes.set(keys.blob(message.digest), message.packed)
    for key, thread in decision.threads.items():
        writes.set(keys.thread(slot, number, key), thread.to_bytes(8, "big"))
    for identifier, on in decision.grants:
        key = keys.grant(identifier, number)
        if on:
            writes.set(key, b"")
        else:
            writes.clear(key, key + b"\0")
    for kind, name, stored in decision.objects:
        key = keys.object_(slot, number, kind, name)
        if stored is None:
            writes.clear(key, key + b"\0")
        else:
            writes.set(key, stored)
    for email in decision.copied:
        writes.add(keys.copies(slot, number, email), 1)
    for mailbox in decision.cleared:
        writes.clear(*keys.pages(slot, number, mailbox))
    parts = (part for emails in decision.dropped for part in _pieces(emails, GARBAGE_EMAILS_MAX))
    for offset, part in enumerate(parts):
        key = keys.garbage(slot, entries[0].time_ms, number, first, offset)
        writes.set(key, pack_emails(part))


def pack_emails(emails: Array) -> bytes:
    """A list of email ids as stored for the sweeper."""
    return pack(emails.astype("<i8").tobytes())


def unpack_emails(stored: bytes) -> list[int]:
    """The inverse. Raises Corrupt."""
    numbers = unpack(stored)
    if len(numbers) % 8:
        raise Corrupt("A list of messages is damaged.", log="a sweeper's list is cut")
    emails: list[int] = np.frombuffer(numbers, "<i8").tolist()
    return emails


def _pieces(data: Cut, size: int) -> Iterator[Cut]:
    return (data[start : start + size] for start in range(0, len(data), size))


async def snapshot(reader: Reader, account: Account) -> list[Writes]:
    """The transactions that bring pages and head up to the account's MODSEQ; the last one holds the head."""
    batches = [Writes()]
    for box in account.mailboxes.values():
        index = box.index if box.index is not None else await _partial(reader, account, box)
        for number in sorted(index.dirty):
            if batches[-1].size > WRITE_BYTES_MAX:
                batches.append(Writes())
            key = keys.page(account.slot, account.id, box.id, number)
            stored = index.page(number)
            if stored is None:
                batches[-1].clear(key, key + b"\0")
            else:
                batches[-1].set(key, stored)
    head = Writes() if batches[-1].size > WRITE_BYTES_MAX else batches.pop()
    head.clear(*keys.head(account.slot, account.id))
    for number, piece in enumerate(_pieces(encode_head(account), HEAD_CHUNK_BYTES)):
        head.set(keys.head_chunk(account.slot, account.id, number), piece)
    return [*batches, head]


async def _partial(reader: Reader, account: Account, box: Mailbox) -> Index:
    """Enough of an unloaded index to write what is pending: its last page where only mail came in."""
    if not box.pending:
        return Index()
    if not all(isinstance(event, ev.MessagesAdded) for _modseq, _time, event in box.pending):
        await load_index(reader, account, box)
        assert box.index is not None
        return box.index
    first = next(event.rows[0].uid for *_, event in box.pending if isinstance(event, ev.MessagesAdded))
    stored = await reader.get(keys.page(account.slot, account.id, box.id, first >> PAGE_SHIFT))
    index = load([stored] if stored is not None else [])
    for modseq, time_ms, event in box.pending:
        index.apply(modseq, time_ms, event)
    return index


def snapshot_taken(account: Account) -> None:
    """Note that `snapshot` was committed."""
    account.base = account.modseq
    for box in account.mailboxes.values():
        box.pending = []
        if box.index is not None:
            box.index.dirty.clear()
