"""What a gateway may ask of mailboxes.

The law: what never changes (messages) is read from the stores without asking the owner; everything else is asked of
the account's shard. A gateway holds views of selected mailboxes and bounded caches, nothing else.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import Executor
from typing import Final, Literal

from actors.mailbox import keys
from actors.mailbox.cache import Cache
from actors.mailbox.events import Entry
from actors.mailbox.events import decode as decode_entry
from actors.mailbox.follow import Follow, Followings, Told
from actors.mailbox.history import gone, read
from actors.mailbox.mine import answered
from actors.mailbox.mirror import Mirror, Mirrors
from actors.mailbox.packs import read_small
from actors.mailbox.rights import ANYONE
from actors.mailbox.types import (
    INBOX,
    Add,
    Added,
    Annotate,
    Annotations,
    Command,
    Create,
    Delete,
    Done,
    Edit,
    Edited,
    EmailEdit,
    Exchange,
    Item,
    Look,
    Looked,
    Place,
    Placed,
    Prepared,
    PutObjects,
    Ranges,
    ReadAnnotations,
    ReadTree,
    Rename,
    Reply,
    Role,
    SetAcl,
    SetRole,
    Subscribe,
    Tallied,
    Tally,
    Tree,
    Who,
)
from actors.mailbox.view import Selected
from actors.mailbox.views import Directing, Views
from cluster.blobs.blobs import Blobs, digest_of
from cluster.blobs.codec import pack
from cluster.blobs.objects import Objects
from cluster.blobs.spool import Spool
from cluster.clock import Clock
from cluster.errors import Corrupt
from cluster.meta.store import Store
from mail.message.record import Record, RecordError, decode, encode, read_message
from mail.message.thread import thread_keys

INLINE_BYTES_MAX: Final = 64 * 1024  # packed; larger blobs do not travel in the metadata transaction
THREADED_ABOVE_BYTES: Final = 128 * 1024  # hashing and packing this much is worth a thread (it drops the GIL)
RECORDS_CACHED: Final = 20_000  # about 3 kB each when decoded
SMALL_BYTES: Final = 64 * 1024  # contents up to this are read anew as quickly as room is made for them
LISTING_FROM: Final = 32  # messages asked for at once: more are a listing, not somebody reading
SHARING_MAX: Final = 1000  # accounts that share something with one person
OBJECTS_PAGE: Final = 500  # read at once
VANISHED_PAGES_MAX: Final = 100  # 200,000 entries: about two seconds
CONTENT_CACHE_BYTES: Final = 64 * 1024 * 1024
_RECORD_AT: Final = 34  # behind version, where the bytes are, and digest


class Message:
    """A stored message: its record, and where its bytes are."""

    __slots__ = ("_record", "_stored", "digest", "inline")

    def __init__(self, stored: bytes) -> None:
        if stored[:1] != b"\1":
            raise Corrupt("A message record is of another version.", log=f"message version {stored[:1]!r}")
        if len(stored) < _RECORD_AT:
            raise Corrupt("A message record is damaged.", log=f"message record of {len(stored)} bytes")
        self.inline = bool(stored[1])
        self.digest = stored[2:_RECORD_AT]
        self._stored: bytes | None = stored
        self._record: Record | None = None

    @property
    def record(self) -> Record:
        """What the parser saw, decoded on first use. Raises Corrupt."""
        if self._record is None:
            assert self._stored is not None
            try:
                self._record = decode(self._stored[_RECORD_AT:])
            except RecordError as error:
                raise Corrupt("A message record is damaged.", log=f"{self.digest.hex()}: {error}") from error
            self._stored = None
        return self._record


class MailboxClient:
    """One a gateway process."""

    def __init__(
        self,
        shards: Directing,
        store: Store,
        blobs: Blobs,
        clock: Clock,
        threads: Executor,
        packs: Objects | None = None,
    ) -> None:
        self._shards = shards
        self._store = store
        self._blobs = blobs
        self._clock = clock
        self._threads = threads
        self._packs = packs
        self._views = Views(shards)
        self._followings = Followings(shards, store)
        self._mirrors = Mirrors(shards, store)
        self._records: Cache[tuple[int, int], Message] = Cache(RECORDS_CACHED)
        self._contents: Cache[bytes, bytes] = Cache(CONTENT_CACHE_BYTES)

    def close(self) -> None:
        """Renew nothing that is lost any more."""
        self._views.close()
        self._followings.close()
        self._mirrors.close()

    async def prepare(self, raw: bytes, *, inline_bytes_max: int = INLINE_BYTES_MAX) -> Prepared:
        """Read, hash and pack a message. Large ones are durable in the blob store on return; `inline_bytes_max`: so are
        others, where the command they are to come with has no room for more."""
        if len(raw) < THREADED_ABOVE_BYTES:
            digest, packed, record, threads = _prepare(raw)
        else:
            digest, packed, record, threads = await asyncio.get_running_loop().run_in_executor(
                self._threads, _prepare, raw
            )
        if len(packed) <= min(inline_bytes_max, INLINE_BYTES_MAX):
            return Prepared(digest, len(raw), record, packed, threads=threads)
        started_ms = self._clock.now_ms()
        await self._blobs.put(digest, raw, packed=packed)
        return Prepared(digest, len(raw), record, None, started_ms, threads)

    async def deliver(self, account: int, prepared: Prepared, *, idem: bytes = b"", mailbox: str = INBOX) -> Added:
        """Deliver to a mailbox, or to INBOX where there is none of that name. Durable on return."""
        item = Item(prepared, self._clock.now_ms())
        return await self.add(account, mailbox, [item], idem=idem, deliver=True)

    async def add(
        self,
        account: int,
        mailbox: str,
        items: Sequence[Item],
        *,
        idem: bytes = b"",
        deliver: bool = False,
        who: Who | None = None,
    ) -> Added:
        """APPEND messages, all or none. Durable on return. Raises NotFound, OverQuota, Refused, Unavailable."""
        reply = await self._ask(account, Add(mailbox, tuple(items), idem, deliver, who=who))
        assert isinstance(reply, Added)
        return reply

    async def has_room(self, account: int, size: int) -> bool:
        """Whether a message of this size would fit the account's quota. Best effort: True when not known."""
        return await self._shards.shard_of(account).has_room(account, size)

    async def tree(self, account: int, who: Who | None = None) -> Tree:
        """All mailboxes with their counts; of another's, those that `who` may know of."""
        reply = await self._ask(account, ReadTree(who=who))
        assert isinstance(reply, Tree)
        return reply

    async def look(self, account: int, name: str, who: Who | None = None) -> Looked:
        """One mailbox, for whoever may know of it. Raises NotFound."""
        reply = await self._ask(account, Look(name, who=who))
        assert isinstance(reply, Looked)
        return reply

    async def create(self, account: int, name: str, role: Role = "", *, who: Who | None = None) -> int:
        """Make a mailbox, and say its number. Raises AlreadyExists, Refused."""
        reply = await self._ask(account, Create(name, role, who=who))
        assert isinstance(reply, Done)
        return reply.mailbox

    async def delete(self, account: int, name: str, *, who: Who | None = None) -> None:
        """Remove a mailbox with its messages. Raises NotFound, Refused."""
        await self._ask(account, Delete(name, who=who))

    async def rename(self, account: int, name: str, to: str, *, who: Who | None = None) -> None:
        """Rename with all below it. Raises NotFound, AlreadyExists, Refused."""
        await self._ask(account, Rename(name, to, who=who))

    async def exchange(self, account: int, circle: Sequence[str], *, who: Who | None = None) -> None:
        """Let each of these mailboxes have the name of the next, at once, and the last that of the first. Raises
        NotFound, AlreadyExists, Refused."""
        await self._ask(account, Exchange(tuple(circle), who=who))

    async def subscribe(self, account: int, name: str, on: bool) -> None:
        """Subscribe, or unsubscribe."""
        await self._ask(account, Subscribe(name, on))

    async def set_acl(
        self,
        account: int,
        name: str,
        identifier: str,
        rights: str,
        mode: Literal["replace", "add", "remove"] = "replace",
        *,
        who: Who | None = None,
    ) -> None:
        """Say what an identifier (rights.py) may do with a mailbox. Raises NotFound, NoRight, OverLimit."""
        await self._ask(account, SetAcl(name, identifier, rights, mode, who=who))

    async def set_role(self, account: int, name: str, role: Role, *, who: Who | None = None) -> None:
        """Give a mailbox a special use, or none. Raises NotFound, Refused."""
        await self._ask(account, SetRole(name, role, who=who))

    async def annotate(
        self, account: int, name: str, pairs: Sequence[tuple[str, bytes | None]], *, who: Who | None = None
    ) -> None:
        """Set annotations of a mailbox, or with an empty name of the account. Raises NotFound, NoRight, OverLimit."""
        await self._ask(account, Annotate(name, tuple(pairs), who=who))

    async def annotations(self, account: int, names: Sequence[str], who: Who | None = None) -> Annotations:
        """All annotations that are for who asks, of those of the mailboxes that are there; an empty name is the
        account."""
        reply = await self._ask(account, ReadAnnotations(tuple(names), who=who))
        assert isinstance(reply, Annotations)
        return reply

    async def tally(self, account: int, name: str, who: Who | None = None) -> Tallied:
        r"""How much of a mailbox is \Deleted. Raises NotFound."""
        reply = await self._ask(account, Tally(name, who=who))
        assert isinstance(reply, Tallied)
        return reply

    async def sharing(self, names: Iterable[str]) -> list[int]:
        """The accounts that share anything with one of these identifiers (rights.py), in the order of their numbers;
        SHARING_MAX at most, of which those that share with everybody are the last to be found."""
        found: set[int] = set()
        for name in sorted(names, key=ANYONE.__eq__):
            begin, end = keys.grants(name)
            rows = await self._store.range(begin, end, limit=SHARING_MAX)
            found.update([keys.granting(key) for key, _value in rows][: SHARING_MAX - len(found)])
        return sorted(found)

    async def vanished(self, account: int, mailbox: int, since: int, until: int) -> Ranges | None:
        """The UIDs that left a mailbox with a MODSEQ above `since` and up to `until`, as the log has it; None where
        too much has happened since then to be looked through."""
        return await gone(self._store, account, mailbox, since, until, pages_max=VANISHED_PAGES_MAX)

    async def select(
        self, account: int, name: str, *, read_only: bool, changed: Callable[[], None], who: Who | None = None
    ) -> Selected:
        """Select a mailbox; `changed` is called, soon after, whenever its view changed. Raises NotFound, Refused."""
        return await self._views.select(account, name, read_only=read_only, changed=changed, who=who)

    async def follow(self, account: int, told: Told) -> Follow:
        """Hear of all changes of an account from now on: `told` is called with each, soon after it is committed."""
        return await self._followings.follow(account, told)

    async def mirror(self, account: int) -> Mirror:
        """All of an account as of now: what was committed before the call is in it. Raises Trouble."""
        return await self._mirrors.fresh(account)

    async def log(self, account: int, since: int, until: int) -> AsyncIterator[list[tuple[int, Entry]]]:
        """What happened to an account after `since` up to `until`, by pages; nothing where that is not known."""
        async for page in read(self._store, account, since, until):
            yield [(modseq, decode_entry(stored)) for modseq, stored in page]

    async def place(
        self, account: int, mailboxes: Sequence[int], items: Sequence[Item], *, who: Who | None = None
    ) -> Placed:
        """Store messages, each in all of these mailboxes, all or none. Raises NotFound, NoRight, OverQuota,
        OverLimit."""
        reply = await self._ask(account, Place(tuple(mailboxes), tuple(items), who=who))
        assert isinstance(reply, Placed)
        return reply

    async def edit(
        self, account: int, edits: Sequence[EmailEdit], *, since: int | None = None, who: Who | None = None
    ) -> Edited:
        """Change emails, each wholly or not at all. Raises Stale, OverLimit."""
        reply = await self._ask(account, Edit(tuple(edits), since, who=who))
        assert isinstance(reply, Edited)
        return reply

    async def keep(self, data: bytes) -> bytes:
        """Store bytes of which no message is made yet, and say their digest. They stay for the grace time of the
        sweeper (`keep_expunged_s`). Durable on return."""
        if len(data) < THREADED_ABOVE_BYTES:
            digest, packed = _packed(data)
        else:
            digest, packed = await asyncio.get_running_loop().run_in_executor(self._threads, _packed, data)
        await self._blobs.put(digest, data, packed=packed)
        return digest

    async def kept(self, digest: bytes) -> bytes:
        """The same bytes. Raises NotFound, Corrupt."""
        return await self._blobs.get(digest)

    def spool(self) -> Spool:
        """A place for large bytes that are still to come; the caller's to close. Raises StoreFull, Unavailable."""
        return self._blobs.spool()

    async def keep_spool(self, data: Spool) -> None:
        """`keep` of what is in a spool, piece by piece."""
        await self._blobs.put_spool(data)

    async def kept_spool(self, digest: bytes) -> Spool:
        """`kept`, or the bytes of a message that is not inline, in a spool, which is the caller's to close."""
        return await self._blobs.get_spool(digest)

    async def objects(self, account: int, kind: str) -> list[tuple[str, bytes]]:
        """All of the account's objects of a kind, by their ids. Raises Unavailable."""
        begin, end = keys.objects(keys.slot_of(account), account, kind)
        found: list[tuple[str, bytes]] = []
        while rows := await self._store.range(begin, end, limit=OBJECTS_PAGE):
            found += [(keys.object_name(key), value) for key, value in rows]
            begin = rows[-1][0] + b"\0"
        return found

    async def object(self, account: int, kind: str, name: str) -> bytes | None:
        """One of them. Raises Unavailable."""
        return await self._store.get(keys.object_(keys.slot_of(account), account, kind, name))

    async def put_objects(
        self, account: int, changes: Sequence[tuple[str, str, bytes | None]], *, since: int | None = None
    ) -> int:
        """Write objects, or remove them; the MODSEQ of that. `since`: of each of these kinds, only if none of it
        changed after that MODSEQ. Raises Stale, OverLimit."""
        reply = await self._ask(account, PutObjects(tuple(changes), since))
        assert isinstance(reply, Done)
        return reply.modseq

    async def _ask(self, account: int, command: Command) -> Reply:
        reply = await self._shards.shard_of(account).ask(account, command)
        answered(account, command, reply)
        return reply

    async def messages(self, account: int, emails: Sequence[int]) -> list[Message | None]:
        """Messages by email id; None for one that has gone."""
        held = [self._records.get((account, email)) for email in emails]
        wanted = [email for email, message in zip(emails, held, strict=True) if message is None]
        if not wanted:
            return list(held)
        slot = keys.slot_of(account)
        stored = await self._store.get_many([keys.message(slot, account, email) for email in wanted])
        found = {email: Message(value) for email, value in zip(wanted, stored, strict=True) if value is not None}
        # A listing of a whole mailbox must not push out what is looked at again and again: it would be pushed out by
        # the next listing before it could serve, and each such turn costs more than reading the store anew.
        if len(wanted) <= LISTING_FROM or self._records.has_room(len(wanted)):
            for email, message in found.items():
                self._records.put((account, email), message)
        return [message or found.get(email) for email, message in zip(emails, held, strict=True)]

    async def content(self, message: Message) -> bytes:
        """A message's bytes. Raises NotFound, Corrupt."""
        held = self._contents.get(message.digest)
        if held is not None:
            return held
        if message.inline:
            content = await read_small(self._store, self._packs, message.digest)
        else:
            content = await self._blobs.get(message.digest)
        if len(content) > SMALL_BYTES or self._contents.has_room(len(content)):
            self._contents.put(message.digest, content, len(content))
        return content


def _packed(data: bytes) -> tuple[bytes, bytes]:
    return digest_of(data), pack(data)


def _prepare(raw: bytes) -> tuple[bytes, bytes, bytes, tuple[bytes, ...]]:
    record = read_message(raw)
    return digest_of(raw), pack(raw), encode(record), thread_keys(record)
