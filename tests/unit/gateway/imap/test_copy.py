"""gateway/imap/copy.py: messages that go from one account to another."""

import re
from collections.abc import AsyncIterator

import pytest

from tests.unit.gateway.imap.world import ALICE, BOB, TEAM, World, message


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as world:
        yield world


async def stock(world: World) -> None:
    """Four messages of alice's, the second with flags, and an INBOX of the team's that she may fill."""
    for subject in ("one", "two", "three", "four"):
        await world.deliver(message(subject))
    await world.mail.set_acl(TEAM, "INBOX", f"user:{ALICE:x}", "lrwsi")


async def test_messages_are_copied_to_another_account(world: World) -> None:
    await stock(world)
    alice = await world.connect("alice")
    await alice.ok("SELECT INBOX")
    await alice.ok("STORE 2 +FLAGS.SILENT (\\Seen \\Deleted Word)")
    tagged = (await alice.ok('COPY 2:4 "Shared/team/INBOX"'))[-1]
    assert re.search(rb"\[COPYUID \d+ 2:4 1:3\]", tagged)
    await alice.ok('SELECT "Shared/team/INBOX"')
    lines = await alice.ok("FETCH 1:3 (FLAGS BODY.PEEK[HEADER.FIELDS (Subject)] EMAILID)")
    text = b"\n".join(lines)
    assert re.search(rb"1 FETCH \(FLAGS \(\\Seen Word[^)]*\)", text)  # \Deleted takes the right t
    assert [text.count(b"Subject: " + one) for one in (b"two", b"three", b"four")] == [1, 1, 1]
    assert b"EMAILID (A%x_E1)" % TEAM in text
    assert len((await alice.ok("UID SEARCH ALL"))[0].split()) == 5


async def test_messages_move_to_another_account(world: World) -> None:
    await stock(world)
    alice = await world.connect("alice")
    await alice.ok("SELECT INBOX")
    lines = await alice.ok('MOVE 1,3 "Shared/team/INBOX"')
    assert re.fullmatch(rb"\* OK \[COPYUID \d+ 1,3 1:2\] Moved", lines[0])
    assert lines[1:3] == [b"* 3 EXPUNGE", b"* 1 EXPUNGE"]
    assert (await world.mail.tree(TEAM)).find("INBOX").messages == 2  # type: ignore[union-attr]


async def test_a_copy_that_cannot_be_finished_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.imap.copy._AT_ONCE", 2)
    await stock(world)
    world.people.accounts["team"].quota_messages = 3
    alice = await world.connect("alice")
    await alice.ok("SELECT INBOX")
    assert (await alice.command('COPY 1:4 "Shared/team/INBOX"'))[-1].startswith(b"t NO [OVERQUOTA]")
    assert (await world.mail.tree(TEAM)).find("INBOX").messages == 0  # type: ignore[union-attr]
    assert (await alice.command('MOVE 1:4 "Shared/team/INBOX"'))[-1].startswith(b"t NO [OVERQUOTA]")
    assert (await world.mail.tree(ALICE)).find("INBOX").messages == 4  # type: ignore[union-attr]


async def test_who_may_not_remove_does_not_move(world: World) -> None:
    await stock(world)
    await world.mail.set_acl(ALICE, "INBOX", f"user:{BOB:x}", "lrte")
    bob = await world.connect("bob")
    await bob.ok('SELECT "Other Users/alice/INBOX"')
    await bob.ok("MOVE 1 Archive")
    await world.mail.set_acl(ALICE, "INBOX", f"user:{BOB:x}", "lrt")
    assert (await bob.command("MOVE 1 Archive"))[-1].startswith(b"t NO [NOPERM]")
    await bob.ok("COPY 1 Archive")
    assert (await bob.command('COPY 1 "Shared/team/INBOX"'))[-1].startswith(b"t NO [TRYCREATE]")


async def test_a_draft_is_replaced_in_another_account(world: World) -> None:
    await stock(world)
    alice = await world.connect("alice")
    await alice.ok("SELECT INBOX")
    alice.send(b't REPLACE 1 "Shared/team/INBOX" {14+}\r\nSubject: new\r\n\r\n')
    lines = [await alice.line() for _ in range(3)]
    assert re.fullmatch(rb"\* OK \[APPENDUID \d+ 1\] Replaced", lines[0])
    assert lines[1] == b"* 1 EXPUNGE"
