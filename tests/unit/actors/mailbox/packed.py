"""A place whose small mail is packed, for the tests of packer and pack sweeper."""

import random
from typing import Any

from actors.mailbox import keys
from actors.mailbox.client import MailboxClient
from actors.mailbox.pack_sweeper import PackSweeper
from actors.mailbox.packing import OPEN, Packer, PackingSettings, decode_record
from actors.mailbox.packs import pointer_of
from actors.mailbox.sweeper import Sweeper
from actors.mailbox.types import DELETED, INBOX
from cluster.blobs.objects import Objects
from cluster.blobs.objects_memory import MemoryObjects
from cluster.meta.store import Store
from tests.unit.actors.mailbox.conftest import Inline, Only, Place

COLD_S = 1000
GRACE_MS = 3600_000
PACK_BYTES = 4000


def mail(number: int) -> bytes:
    return b"Subject: %d\r\n\r\n" % number + random.Random(number).randbytes(300)


class Packed:
    """The place, its packs, and all that works on them."""

    def __init__(self, place: Place, pack_bytes: int = PACK_BYTES) -> None:
        self.place = place
        self.objects = MemoryObjects(clock=place.clock)
        self.settings = PackingSettings(cold_after_s=COLD_S, pack_bytes=pack_bytes)
        self.dice = random.Random(7)
        self.shard = place.new_owner()
        self.client = self.fresh_client()

    def fresh_client(self) -> MailboxClient:
        """One that has nothing cached."""
        place = self.place
        return MailboxClient(Only(self.shard), place.store, place.blobs, place.clock, Inline(), self.objects)

    def packer(self, store: Store | None = None, objects: Objects | None = None) -> Packer:
        return Packer(
            store or self.place.store, objects or self.objects, self.place.clock, self.dice, self.settings
        )  # fmt: skip

    def pack_sweeper(self, store: Store | None = None, objects: Objects | None = None) -> PackSweeper:
        return PackSweeper(
            store or self.place.store,
            objects or self.objects,
            self.place.clock,
            self.dice,
            grace_ms=GRACE_MS,
            pack_bytes=self.settings.pack_bytes,
        )

    async def deliver(self, account: int, numbers: Any) -> None:
        for number in numbers:
            await self.client.deliver(account, await self.client.prepare(mail(number)))

    async def cool(self) -> None:
        """The packer has seen all there is, long ago."""
        await self.packer().pack_cold()
        self.place.clock.advance(COLD_S + 1)

    async def expunge(self, account: int, uids: tuple[tuple[int, int], ...]) -> None:
        """Gone from INBOX, and past the grace time swept."""
        held = await self.client.select(account, INBOX, read_only=False, changed=lambda: None)
        await held.set_flags(uids, "add", DELETED)
        await held.expunge()
        await held.close()
        self.place.clock.advance(GRACE_MS / 1000 + 1)
        sweeper = Sweeper(self.place.store, self.place.blobs, self.place.clock, grace_ms=GRACE_MS)
        await sweeper.sweep_slot(keys.slot_of(account))

    async def settle(self) -> None:
        """Sweep packs until there is nothing more to do."""
        for _ in range(6):
            self.place.clock.advance(GRACE_MS / 1000 + 1)
            await self.pack_sweeper().sweep()
            await self.pack_sweeper().sweep_orphans()

    async def texts(self, account: int, emails: Any) -> list[bytes]:
        client = self.fresh_client()
        return [await client.content(one) for one in await client.messages(account, list(emails)) if one is not None]

    async def values(self) -> dict[bytes, bytes]:
        """What stands for each small blob."""
        rows = await self.place.store.range(b"b", b"c", limit=10_000)
        return {keys.blob_part(key)[0]: value for key, value in rows if keys.blob_part(key)[1] == 0}

    async def pointed_at(self) -> dict[bytes, int]:
        """The bytes of each pack that are pointed at."""
        found: dict[bytes, int] = {}
        for value in (await self.values()).values():
            if pointer := pointer_of(value):
                found[pointer.pack] = found.get(pointer.pack, 0) + pointer.length
        return found

    async def records(self) -> dict[bytes, tuple[int, int]]:
        """Of each pack on record: state, and the count."""
        rows = dict(await self.place.store.range(b"k", b"l"))
        return {
            keys.pack_part(key)[0]: (
                decode_record(value).state,
                int.from_bytes(rows.get(keys.pack_live(keys.pack_part(key)[0]), b""), "little", signed=True),
            )
            for key, value in rows.items()
            if keys.pack_part(key)[1] == 0
        }

    async def check_settled(self) -> None:
        """Every pack is on record, stored and well used; nothing else is there."""
        pointed = await self.pointed_at()
        records = await self.records()
        assert records.keys() == pointed.keys()
        assert {info.name.rpartition("/")[2] for info in [one async for one in self.objects.list("packs/")]} == {
            pack.hex() for pack in pointed
        }
        assert all(state == OPEN and live >= pointed[pack] for pack, (state, live) in records.items())
