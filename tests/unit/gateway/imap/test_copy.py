"""gateway/imap/copy.py: messages that go from one account to another."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from actors.mailbox.types import DELETED, Added
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


async def messages_of(world: World, account: int, name: str = "INBOX") -> int:
    box = (await world.mail.tree(account)).find(name)
    assert box is not None
    return box.messages


async def expunged(world: World, uid: int) -> None:
    """Another session of alice's removes a message."""
    hold = await world.mail.select(ALICE, "INBOX", read_only=False, changed=lambda: None)
    await hold.set_flags(((uid, uid),), "add", DELETED)
    await hold.expunge(((uid, uid),))
    await hold.close()


async def test_what_is_expunged_while_the_target_is_found_puts_no_other_message_in_its_place(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stock(world)
    alice = await world.connect("alice")
    await alice.ok("SELECT INBOX")
    groups = world.people.groups

    async def meanwhile(account: int) -> tuple[str, ...]:
        monkeypatch.undo()
        await expunged(world, 1)
        return await groups(account)

    monkeypatch.setattr(world.people, "groups", meanwhile)
    await alice.ok('MOVE 3 "Shared/team/INBOX"')
    await alice.ok('SELECT "Shared/team/INBOX"')
    assert any(b"Subject: three" in line for line in await alice.ok("FETCH 1 BODY.PEEK[HEADER.FIELDS (Subject)]"))
    assert await messages_of(world, ALICE) == 2


@pytest.mark.parametrize("command", ["MOVE 1:2", "REPLACE 1"])
async def test_rights_that_are_taken_meanwhile_leave_all_as_it_was(world: World, command: str) -> None:
    await stock(world)
    await world.mail.set_acl(ALICE, "INBOX", f"user:{BOB:x}", "lrte")
    await world.mail.set_acl(TEAM, "INBOX", f"user:{BOB:x}", "li")
    bob = await world.connect("bob")
    await bob.ok('SELECT "Other Users/alice/INBOX"')
    add = world.mail.add

    async def meanwhile(*args: Any, **more: Any) -> Added:
        added = await add(*args, **more)
        await world.mail.set_acl(ALICE, "INBOX", f"user:{BOB:x}", "lr")
        return added

    world.mail.add = meanwhile  # type: ignore[method-assign]
    literal = " {14+}\r\nSubject: new\r\n\r\n" if command.startswith("REPLACE") else ""
    assert (await bob.command(f'{command} "Shared/team/INBOX"{literal}'))[-1].startswith(b"t NO [NOPERM]")
    assert (await messages_of(world, ALICE), await messages_of(world, TEAM)) == (4, 0)


async def test_a_draft_that_has_gone_meanwhile_is_not_replaced_in_another_account(world: World) -> None:
    await stock(world)
    alice = await world.connect("alice")
    await alice.ok("SELECT INBOX")
    add = world.mail.add

    async def meanwhile(*args: Any, **more: Any) -> Added:
        added = await add(*args, **more)
        await expunged(world, 1)
        return added

    world.mail.add = meanwhile  # type: ignore[method-assign]
    lines = await alice.command('REPLACE 1 "Shared/team/INBOX" {14+}\r\nSubject: new\r\n\r\n')
    assert lines[-1].startswith(b"t NO [EXPUNGEISSUED]")
    assert await messages_of(world, TEAM) == 0


async def test_what_cannot_be_finished_touches_no_mailbox_that_was_made_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.imap.copy._AT_ONCE", 2)
    await stock(world)
    await world.mail.create(TEAM, "Box")
    await world.mail.set_acl(TEAM, "Box", f"user:{ALICE:x}", "lrwsi")
    alice = await world.connect("alice")
    await alice.ok("SELECT INBOX")
    add = world.mail.add

    async def meanwhile(*args: Any, **more: Any) -> Added:
        added = await add(*args, **more)
        monkeypatch.undo()
        await world.mail.delete(TEAM, "Box")
        await world.mail.create(TEAM, "Box")
        await world.mail.deliver(TEAM, await world.mail.prepare(message("another")), mailbox="Box")
        return added

    monkeypatch.setattr(world.mail, "add", meanwhile)
    assert (await alice.command('COPY 1:4 "Shared/team/Box"'))[-1].startswith(b"t NO")
    assert await messages_of(world, TEAM, "Box") == 1
