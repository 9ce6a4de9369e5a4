"""What another session does while a command waits for messages to be read."""

import asyncio
from unittest.mock import AsyncMock

import pytest

from actors.mailbox.view import Selected
from cluster.errors import StoreFull
from tests.unit.gateway.imap.picture import Picture
from tests.unit.gateway.imap.world import ALICE, World, message


async def _expunge(world: World, *uids: int) -> None:
    hold = await world.mail.select(ALICE, "INBOX", read_only=True, changed=lambda: None)
    ranges = tuple((uid, uid) for uid in uids)
    await hold.set_flags(ranges, "add", 8)
    await hold.expunge(ranges)
    await hold.close()


async def test_fetch_keeps_its_numbers() -> None:
    """RFC 3501 7.4.1, RFC 2180 4.1.2: what is gone is left out, the rest has its numbers, EXPUNGE comes later."""
    async with World() as world:
        for number in range(4):
            await world.deliver(message(f"message {number}"))
        client = await world.connect("alice")
        picture = Picture(client)
        await picture.select("INBOX")
        world.mail.meanwhile = lambda: _expunge(world, 1, 3)
        lines = await client.command("FETCH 1:4 (UID ENVELOPE)")
        world.mail.meanwhile = None
        answered = [line.split()[1] for line in lines if b"ENVELOPE" in line]
        assert set(answered) <= {b"1", b"2", b"3", b"4"}
        assert {b"2", b"4"} <= set(answered)
        assert not any(b"EXPUNGE" in line for line in lines[:-1])
        for line in lines:
            assert b"message " not in line or int(line.split()[1]) - 1 == int(line.partition(b"message ")[2][:1])
        lines = await client.command("NOOP")
        assert lines[:2] == [b"* 3 EXPUNGE", b"* 1 EXPUNGE"]


async def test_search_answers_in_the_numbers_of_its_start() -> None:
    async with World() as world:
        for number in range(4):
            await world.deliver(message(f"message {number}"))
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        world.mail.meanwhile = lambda: _expunge(world, 1)
        lines = await client.command("SEARCH SUBJECT message NOT SUBJECT 2")
        world.mail.meanwhile = None
        assert lines[0] in (b"* SEARCH 1 2 4", b"* SEARCH 2 4")
        assert not any(b"EXPUNGE" in line for line in lines[:-1])


async def test_mail_that_comes_while_fetching_is_told_after() -> None:
    async with World() as world:
        await world.deliver(message("first"))
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        world.mail.meanwhile = lambda: world.deliver(message("second"))
        lines = await client.ok("FETCH 1:* ENVELOPE")
        world.mail.meanwhile = None
        assert [line.split()[:3] for line in lines[:-1]] == [
            [b"*", b"1", b"FETCH"],
            [b"*", b"2", b"EXISTS"],
            [b"*", b"2", b"RECENT"],
        ]


async def test_a_mailbox_deleted_while_fetching_ends_the_session() -> None:
    async with World() as world:
        client = await world.connect("alice")
        await client.ok("CREATE work")
        await client.ok("APPEND work {5+}\r\na: b\n")
        await client.ok("SELECT work")
        world.mail.meanwhile = lambda: world.mail.delete(ALICE, "work")
        lines = await client.command("FETCH 1 ENVELOPE")
        assert lines[-2] == b"* BYE The selected mailbox was deleted"
        assert await client.line() == b""


@pytest.mark.parametrize("turns", range(5))
@pytest.mark.parametrize("word", ["SELECT", "EXAMINE"])
async def test_a_mailbox_deleted_while_it_is_selected_is_not_there(word: str, turns: int) -> None:
    """RFC 5530 3: NONEXISTENT, and not UNAVAILABLE, for which clients try again."""

    async def delete(world: World) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        await world.mail.delete(ALICE, "work")

    async with World() as world:
        client = await world.connect("alice")
        await client.ok("CREATE work")
        lines, _ = await asyncio.gather(client.command(f"{word} work"), delete(world))
        if not lines[-1].startswith(b"t OK"):
            assert lines[-1].startswith(b"t NO [NONEXISTENT] ")
            assert (await client.command("CHECK"))[-1].startswith(b"t BAD")


async def test_on_a_full_disk_messages_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the mailbox can be selected then: the body is what was asked for, and \\Seen is only what follows from it."""
    async with World() as world:
        await world.deliver(message("first"))
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        monkeypatch.setattr(Selected, "set_flags", AsyncMock(side_effect=StoreFull("The disk is full.")))
        lines = await client.ok("FETCH 1 (FLAGS BODY[TEXT])")
        assert lines[0].startswith(b"* 1 FETCH (FLAGS (\\Recent) BODY[TEXT] {")
        assert (await client.command("STORE 1 +FLAGS (\\Seen)"))[-1].startswith(b"t NO [UNAVAILABLE]")
