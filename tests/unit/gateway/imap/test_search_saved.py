"""`$` (RFC 5182) is what the last search with SAVE found, less what anybody has expunged since."""

import asyncio
import random
import re

import pytest

from gateway.imap import selected
from tests.unit.gateway.imap.world import Client, World, message


async def _uids(client: Client, text: str) -> list[int]:
    """Of SEARCH, or of FETCH."""
    lines = await client.ok(text)
    if lines[0].startswith(b"* SEARCH"):
        return [int(uid) for uid in lines[0].split()[2:]]
    return [int(found[1]) for line in lines if (found := re.search(rb"FETCH \(UID (\d+)\)", line))]


@pytest.mark.parametrize("seed", range(8))
async def test_what_others_expunge_leaves_it(seed: int) -> None:
    dice = random.Random(seed)
    async with World() as world:
        for number in range(30):
            await world.deliver(message(f"letter {number}"))
        client, other = await world.connect("alice"), await world.connect("alice")
        await client.ok("SELECT INBOX")
        await other.ok("SELECT INBOX")
        there, known, saved, last = set(range(1, 31)), set(range(1, 31)), set[int](), 30
        for _ in range(40):
            step = dice.randrange(5)
            if step == 0:
                low, high = sorted(dice.choices(range(1, last + 3), k=2))
                await client.ok(f"UID SEARCH RETURN (SAVE COUNT) UID {low}:{high} UID 1:{last}")
                saved = {uid for uid in there & known if low <= uid <= high}
            elif step == 1 and len(there) > 3:
                gone = set(dice.sample(sorted(there), 3))
                await other.ok("NOOP")
                await other.ok(f"UID STORE {','.join(map(str, sorted(gone)))} +FLAGS.SILENT (\\Deleted)")
                await other.ok("EXPUNGE")
                there -= gone
            elif step == 2:
                await world.deliver(message("more"))
                last += 1
                there.add(last)
                continue
            elif step == 3:
                await client.ok("NOOP")
            known = set(there)
            asked = dice.choice(("FETCH $ UID", "UID FETCH $ UID", "UID SEARCH $", "UID SEARCH UID $"))
            assert await _uids(client, asked) == sorted(saved & there), asked


async def test_a_result_in_too_many_parts_is_not_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selected, "SAVED_RANGES_MAX", 2)
    async with World() as world:
        for number in range(7):
            await world.deliver(message(f"letter {number}"))
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        await client.ok("SEARCH RETURN (SAVE) 1:2,4")
        assert await _uids(client, "SEARCH $") == [1, 2, 4]
        for command in (
            "SEARCH RETURN (SAVE ALL) 1,3,5",
            "SORT RETURN (SAVE) (DATE) UTF-8 1,3,5",
            "ESEARCH RETURN (SAVE) 1,3,5",
        ):
            await client.ok("SEARCH RETURN (SAVE) 1:2,4")
            assert (await client.command(command))[-1].startswith(b"t NO [NOTSAVED]")
            assert await _uids(client, "SEARCH $") == []


async def test_commands_that_follow_at_once_see_it() -> None:
    """RFC 5182 2.3: pipelined, in the order in which they came."""
    async with World() as world:
        for number in range(3):
            await world.deliver(message(f"letter {number}"))
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        client.send(b"a SEARCH RETURN (SAVE) SUBJECT 1\r\nb FETCH $ UID\r\n")
        client.send(b"c SEARCH RETURN (SAVE) NOT $\r\nd UID FETCH $ UID\r\n")
        lines = [await client.line() for _ in range(7)]
        assert lines[0].startswith(b"a OK")
        assert lines[1:3] == [b"* 2 FETCH (UID 2)", b"b OK FETCH completed"]
        assert lines[3].startswith(b"c OK")
        assert lines[4:] == [b"* 1 FETCH (UID 1)", b"* 3 FETCH (UID 3)", b"d OK FETCH completed"]


async def test_a_search_that_fails_forgets_it() -> None:
    """RFC 5182 2.1: NO of a search with SAVE leaves nothing; of one without, what there was."""
    from cluster.errors import Unavailable

    async def fails() -> None:
        await asyncio.sleep(0)
        raise Unavailable("The store does not answer.")

    async with World() as world:
        for number in range(3):
            await world.deliver(message(f"letter {number}"))
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        await client.ok("SEARCH RETURN (SAVE) 1:2")
        world.mail.meanwhile = fails
        assert (await client.command("SEARCH RETURN (COUNT) SUBJECT letter"))[-1].startswith(b"t NO [UNAVAILABLE]")
        assert await _uids(client, "SEARCH $") == [1, 2]
        assert (await client.command("SEARCH RETURN (SAVE) SUBJECT letter"))[-1].startswith(b"t NO [UNAVAILABLE]")
        assert await _uids(client, "SEARCH $") == []
