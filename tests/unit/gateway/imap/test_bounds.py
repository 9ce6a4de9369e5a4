"""gateway/imap/bounds.py: more messages than one command handles (RFC 9738 3.1), with the smallest limit there is."""

import re
from collections.abc import AsyncIterator

import pytest

from actors.mailbox.types import Item
from tests.unit.gateway.imap.world import ALICE, Client, World, message

LIMIT = 1000
MESSAGES = LIMIT + 3


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """Logged in, with a mailbox selected that has more messages."""
    async with World(message_limit=LIMIT) as world:
        await world.mail.add(ALICE, "INBOX", [Item(await world.mail.prepare(message()), 0)] * MESSAGES)
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        yield client


def _numbers(lines: list[bytes]) -> list[int]:
    words = [line.split() for line in lines[:-1]]
    return [int(word[1]) for word in words if word[2] in (b"FETCH", b"EXPUNGE")]


async def test_the_limits_are_told(client: Client) -> None:
    (line, _) = await client.ok("CAPABILITY")
    assert {b"MESSAGELIMIT=1000", b"SAVELIMIT=100000"} <= set(line.split())


async def test_fetch_is_of_the_newest_from_the_highest_on(client: Client) -> None:
    lines = await client.ok("FETCH 1:* (UID FLAGS)")
    assert _numbers(lines) == list(range(MESSAGES, 3, -1))
    assert lines[-1] == b"t OK [MESSAGELIMIT 1000 4] FETCH completed"
    lines = await client.ok("FETCH 2:1001 (ENVELOPE)")
    assert _numbers(lines) == list(range(2, 1002))
    assert lines[-1] == b"t OK FETCH completed"


async def test_a_part_that_is_too_large_is_refused(client: Client) -> None:
    assert (await client.command("UID FETCH 1:* UID (PARTIAL -1:-1001)"))[-1].startswith(b"t NO [MESSAGELIMIT 1000] ")
    lines = await client.ok("UID FETCH 1:* UID (PARTIAL -1:-1000)")
    assert _numbers(lines) == list(range(4, MESSAGES + 1))
    assert _numbers(await client.ok("UID FETCH 3:* UID (PARTIAL 2:3)")) == [4, 5]
    assert _numbers(await client.ok("UID FETCH 3:* UID (PARTIAL 2000:2001)")) == []


async def test_store_is_of_the_newest(client: Client) -> None:
    lines = await client.ok("STORE 1:* +FLAGS (\\Seen)")
    assert sorted(_numbers(lines)) == list(range(4, MESSAGES + 1))
    assert lines[-1] == b"t OK [MESSAGELIMIT 1000 4] STORE completed"
    # with another code the limit is told untagged
    lines = await client.ok("UID STORE 1:* (UNCHANGEDSINCE 3) +FLAGS.SILENT (\\Answered)")
    assert lines[-2].startswith(b"* NO [MESSAGELIMIT 1000 4] ")
    assert lines[-1].startswith(b"t OK [MODIFIED 4:1003] ")


async def test_a_copy_is_whole_or_not_at_all(client: Client) -> None:
    lines = await client.command("COPY 1:* Archive")
    assert lines == [b"t NO [MESSAGELIMIT 1000 4] Too many messages to copy at once"]
    assert b"MESSAGES 0" in (await client.ok("STATUS Archive (MESSAGES)"))[0]
    assert b"COPYUID" in (await client.ok("COPY 4:* Archive"))[-1]


async def test_move_and_uid_expunge_take_the_newest(client: Client) -> None:
    lines = await client.ok("UID MOVE 1:* Archive")
    assert re.match(rb"\* OK \[COPYUID \d+ 4:1003 1:1000\]", lines[0])
    assert lines[-1] == b"t OK [MESSAGELIMIT 1000 4] MOVE completed"
    assert b"MESSAGES 3" in (await client.ok("STATUS INBOX (MESSAGES)"))[0]
    await client.ok("SELECT Archive")
    await client.ok("COPY 1:3 Archive")
    await client.ok("STORE 1:3 +FLAGS.SILENT (\\Deleted)")
    await client.ok("STORE 4:* +FLAGS.SILENT (\\Deleted)")
    lines = await client.ok("UID EXPUNGE 1:*")
    assert _numbers(lines) == list(range(MESSAGES, 3, -1))
    assert lines[-1] == b"t OK [MESSAGELIMIT 1000 4] UID EXPUNGE completed"
    assert _numbers(await client.ok("EXPUNGE")) == [3, 2, 1]  # which has no limit


async def test_with_qresync_both_are_told(client: Client) -> None:
    await client.ok("ENABLE QRESYNC")
    await client.ok("STORE 1:3 +FLAGS.SILENT (\\Deleted)")
    await client.ok("STORE 4:* +FLAGS.SILENT (\\Deleted)")
    lines = await client.ok("UID EXPUNGE 1:*")
    assert lines[0] == b"* VANISHED 4:1003"
    assert lines[-2].startswith(b"* OK [HIGHESTMODSEQ ")
    assert lines[-1] == b"t OK [MESSAGELIMIT 1000 4] UID EXPUNGE completed"


async def test_search_looks_through_the_newest(client: Client) -> None:
    """RFC 9738 3.1: what is searched counts, not what is found."""
    await client.ok("STORE 2:5 +FLAGS.SILENT (\\Flagged)")
    lines = await client.ok("SEARCH FLAGGED")
    assert lines == [b"* SEARCH 4 5", b"t OK [MESSAGELIMIT 1000 4] SEARCH completed"]
    lines = await client.ok("UID SEARCH RETURN (MIN COUNT) UNDELETED")
    assert lines[0].endswith(b"UID MIN 4 COUNT 1000")
    assert lines[1] == b"t OK [MESSAGELIMIT 1000 4] SEARCH completed"


@pytest.mark.parametrize(
    "where", ["1:1000", "UID 1:1000", "UIDBEFORE 1001", "(UIDAFTER 1 (UIDBEFORE 1002))", "(2:6 OR SEEN UNSEEN)"]
)
async def test_a_search_in_fewer_is_whole(client: Client, where: str) -> None:
    await client.ok("STORE 2:5 +FLAGS.SILENT (\\Flagged)")
    lines = await client.ok(f"SEARCH {where} FLAGGED")
    assert lines == [b"* SEARCH 2 3 4 5", b"t OK SEARCH completed"]
    assert (await client.ok(f"SORT (REVERSE DATE) UTF-8 {where} FLAGGED"))[-1] == b"t OK SORT completed"
    assert (await client.ok(f"THREAD REFS UTF-8 {where} FLAGGED"))[-1] == b"t OK THREAD completed"


@pytest.mark.parametrize("where", ["NOT 1:3", "OR 1:3 4", "UIDAFTER 1", "UIDBEFORE 4294967295"])
async def test_a_search_in_more_is_not(client: Client, where: str) -> None:
    assert (await client.ok(f"SEARCH RETURN (COUNT) {where}"))[-1].startswith(b"t OK [MESSAGELIMIT 1000 4] ")


async def test_what_is_saved_is_of_the_newest(client: Client) -> None:
    """RFC 9738 3.4."""
    await client.ok("SEARCH RETURN (SAVE) ALL")
    assert (await client.ok("SEARCH RETURN (MIN COUNT) $"))[0].endswith(b"MIN 4 COUNT 1000")


async def test_sort_and_thread_are_whole_or_not_at_all(client: Client) -> None:
    """RFC 9738 3.3."""
    for command in ("SORT (DATE) UTF-8 ALL", "UID SORT (DATE) UTF-8 UIDAFTER 1", "THREAD REFS UTF-8 ALL"):
        lines = await client.command(command)
        assert lines == [b"t NO [MESSAGELIMIT 1000] Narrow it down with UIDAFTER or UIDBEFORE"]


async def test_no_updates_of_what_was_not_searched(client: Client) -> None:
    lines = await client.ok("SEARCH RETURN (UPDATE COUNT) UNSEEN")
    assert lines[1].startswith(b'* NO [NOUPDATE "t"]')
    assert lines[-1] == b"t OK [MESSAGELIMIT 1000 4] SEARCH completed"
    assert len(await client.ok("STORE 4 +FLAGS.SILENT (\\Seen)")) == 1
