"""More news than is said at once: the rest follows, and no command waits for what is never said."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.imap.selected import Selection
from tests.unit.gateway.imap.world import Client, World, message

AT_ONCE = 2
MESSAGES = 9


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """In which little is said at once, and who asks without end is stopped."""
    syncs = 0
    sync = Selection.sync

    def counted(self: Selection, **options: bool) -> bytes:
        nonlocal syncs
        syncs += 1
        assert syncs < 200, "nothing is said any more, and it is asked for again and again"
        return sync(self, most=AT_ONCE, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Selection, "sync", counted)
    async with World() as world:
        for _ in range(MESSAGES):
            await world.deliver(message())
        yield world


async def _behind(world: World, who: str = "alice", name: str = "INBOX") -> tuple[Client, Client]:
    """One who heard of some changed flags in IDLE and not of others, as his connection was full then; and the other."""
    client, other = await world.connect(who), await world.connect("alice")
    await client.ok(f'SELECT "{name}"')
    await other.ok("SELECT INBOX")
    await other.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
    client.send(b"i IDLE\r\n")
    client.connection.pause_writing()
    while client.session.idling is None:
        await asyncio.sleep(0)
    assert client.session.selected.more
    return client, other


async def _done(client: Client) -> list[bytes]:
    client.send(b"DONE\r\n")
    lines: list[bytes] = []
    while not (lines and lines[-1].startswith(b"i OK")):
        lines.append(await client.line())
    return lines


async def test_all_is_told_while_idle(world: World) -> None:
    client, _other = await _behind(world)
    client.connection.resume_writing()
    assert not await client.quiet()
    assert client.pipe.received.count(b"FETCH (FLAGS (\\Deleted") == MESSAGES


@pytest.mark.parametrize("command", ["NOOP", "NOTIFY NONE", "NOTIFY SET (SELECTED (MessageNew MessageExpunge))"])
async def test_when_all_is_gone_nothing_is_left(world: World, command: str) -> None:
    client, other = await _behind(world)
    await other.ok("EXPUNGE")
    client.connection.resume_writing()
    assert (await _done(client)).count(b"* 1 EXPUNGE") == 1
    assert (await client.ok(command))[-1].startswith(b"t OK")
    assert not client.session.has_more


@pytest.mark.parametrize("command", ["NOTIFY NONE", "NOTIFY SET (PERSONAL (MessageNew MessageExpunge))"])
async def test_who_does_not_want_it_is_answered(world: World, command: str) -> None:
    client, _other = await _behind(world)
    client.send(b"DONE\r\n")
    client.connection.resume_writing()
    await client.quiet()
    client.pipe.received.clear()
    await client.ok(command)
    assert await client.ok("CHECK") == [b"t OK CHECK completed"]


async def test_who_may_not_read_any_more_is_answered(world: World) -> None:
    await (await world.connect("alice")).ok("SETACL INBOX bob lr")
    client, other = await _behind(world, "bob", "Other Users/alice/INBOX")
    await other.ok("SETACL INBOX bob l")
    client.send(b"DONE\r\n")
    client.connection.resume_writing()
    await client.quiet()
    client.pipe.received.clear()
    assert await client.ok("NOOP") == [b"t OK NOOP completed"]
