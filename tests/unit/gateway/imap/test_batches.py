"""gateway/imap/batches.py: UIDBATCHES (RFC 10022)."""

import itertools

from actors.mailbox.types import DELETED, Item
from tests.unit.gateway.imap.world import ALICE, Client, World, message

MESSAGES = 2600


async def _batches(client: Client, arguments: str) -> list[tuple[int, int]]:
    line, answer = await client.ok(f"UIDBATCHES {arguments}")
    assert answer == b"t OK UIDBATCHES completed"
    words = line.split()
    assert words[:4] == [b"*", b"UIDBATCHES", b"(TAG", b'"t")']
    pairs = [part.split(b":") for part in words[4].split(b",")] if len(words) > 4 else []
    return [(int(high), int(low)) for high, low in pairs]


async def test_batches_have_so_many_messages_and_all_uids() -> None:
    async with World(message_limit=1000) as world:
        await world.mail.add(ALICE, "INBOX", [Item(await world.mail.prepare(message()), 0)] * MESSAGES)
        hold = await world.mail.select(ALICE, "INBOX", read_only=True, changed=lambda: None)
        for gone in ((1, 20), (777, 777), (1200, 1300), (2590, 2600)):
            await hold.set_flags((gone,), "add", DELETED)
        await hold.expunge()
        uids = hold.view.index.uids.tolist()
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        for size, at_most in ((500, 500), (999, 999), (4_294_967_295, 1000)):
            batches = await _batches(client, str(size))
            assert batches[0][0] == uids[-1]
            assert batches[-1][1] == 1
            assert all(one[1] == other[0] + 1 for one, other in itertools.pairwise(batches))
            counts = [sum(low <= uid <= high for uid in uids) for high, low in batches]
            assert counts[:-1] == [at_most] * (len(batches) - 1)
            assert 0 < counts[-1] <= at_most
            assert await _batches(client, f"{size} 2:3") == batches[1:3]
            assert await _batches(client, f"{size} 3:1") == batches[:3]
            assert await _batches(client, f"{size} 100:4294967295") == []
        await hold.close()


async def test_a_mailbox_that_is_all_of_one_batch() -> None:
    async with World() as world:
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        assert await _batches(client, "500") == []
        await world.deliver(message())
        await client.ok("NOOP")
        assert await _batches(client, "500") == [(1, 1)]
        assert (await client.command("UIDBATCHES 499"))[-1].startswith(b"t NO [TOOFEW] ")
