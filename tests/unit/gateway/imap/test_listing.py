"""gateway/imap/listing.py, places.py: what others share, in numbers, in IMAP4rev2, and when groups change."""

import asyncio
import itertools
from typing import cast

import pytest

from actors.mailbox.types import MAILBOXES_MAX
from gateway.imap.listing import _BATCH
from gateway.imap.session import Session
from tests.unit.gateway.imap.world import ALICE, BOB, TEAM, Client, Person, World, message


def enable(client: Client, *words: str) -> None:
    """As after ENABLE, whether or not it is offered."""
    cast("Session", client.connection._session).enabled = frozenset(words)


async def test_in_rev2_names_that_became_others_are_told() -> None:
    async with World() as world:
        alice, bob = await world.connect("alice"), await world.connect("bob")
        enable(alice, "IMAP4REV2")
        await alice.ok("CREATE old/child")
        assert await alice.ok("RENAME old new") == [
            b'* LIST (\\NonExistent \\HasChildren) "/" new ("OLDNAME" (old))',
            b"t OK RENAME completed",
        ]
        assert await alice.ok("RENAME new/child new/grown") == [
            b'* LIST (\\HasNoChildren) "/" new/grown ("OLDNAME" (new/child))',
            b"t OK RENAME completed",
        ]
        assert (await alice.ok('LIST "" new'))[0] == b'* LIST (\\NonExistent \\HasChildren) "/" new'
        assert (await alice.command("STATUS INBOX (RECENT)"))[-1].startswith(b"t BAD ")
        assert (await alice.command('LIST "" INBOX RETURN (STATUS (RECENT))'))[-1].startswith(b"t BAD ")
        assert (await bob.ok("RENAME Drafts Sketches")) == [b"t OK RENAME completed"]


@pytest.mark.parametrize("command", ["SELECT", "EXAMINE"])
async def test_in_rev2_a_mailbox_that_is_opened_is_listed(command: str) -> None:
    async with World() as world:
        alice, bob = await world.connect("alice"), await world.connect("bob")
        enable(bob, "IMAP4REV2")
        await alice.ok("SETACL Sent bob lr")
        lines = await bob.ok(f'{command} "Other Users/alice/Sent"')
        assert b'* LIST (\\HasNoChildren) "/" "Other Users/alice/Sent"' in lines
        assert b'* LIST (\\HasNoChildren \\Sent) "/" Sent' in await bob.ok(f"{command} Sent")


async def test_in_rev2_a_name_that_is_not_normal_is_told_with_its_normal_form() -> None:
    async with World() as world:
        alice = await world.connect("alice")
        assert (await alice.ok("CREATE e&AwE-"))[0].startswith(b"t OK [MAILBOXID")
        await alice.ok("ENABLE IMAP4rev2")
        plain, normal = '"e\u0301"', '"\u00e9"'  # e with an accent that combines, and as one letter
        await alice.ok(f"DELETE {normal}")
        created = await alice.ok(f"CREATE {plain}")
        assert created[0].startswith(b"* LIST (\\HasNoChildren) ")
        assert b'("OLDNAME" (' in created[0]
        assert any(b"OLDNAME" in line for line in await alice.ok(f"SELECT {plain}"))
        assert b"\\NonExistent" in (await alice.ok(f"DELETE {plain}"))[0]
        assert not any(b"OLDNAME" in line for line in await alice.ok("SELECT INBOX"))


async def test_in_rev2_a_name_with_a_separator_behind_it_is_told_without() -> None:
    async with World() as world:
        alice = await world.connect("alice")
        enable(alice, "IMAP4REV2")
        await alice.ok("CREATE old")
        assert (await alice.ok("RENAME old new/"))[0] == b'* LIST (\\HasNoChildren) "/" new ("OLDNAME" (old))'
        assert b'* LIST (\\HasNoChildren) "/" new ("OLDNAME" (new/))' in await alice.ok("SELECT new/")


async def test_names_are_utf8_for_who_speaks_it() -> None:
    async with World() as world:
        alice, bob = await world.connect("alice"), await world.connect("bob")
        await alice.ok("CREATE Entw&APw-rfe")
        await alice.ok("SETACL Entw&APw-rfe bob lra")
        await bob.ok('SUBSCRIBE "Other Users/alice/Entw&APw-rfe"')
        for enabled in ((), ("UTF8=ACCEPT",)):
            enable(bob, *enabled)
            spelled = "Entwürfe" if enabled else "Entw&APw-rfe"
            name, shown = f'"Other Users/alice/{spelled}"', spelled.encode()
            for command, lines in (
                ('LIST "" "Other Users/alice/%" RETURN (STATUS (MESSAGES) MYRIGHTS METADATA (/shared/comment))', 4),
                ('LSUB "" Other*', 1),
                (f"STATUS {name} (MESSAGES)", 1),
                (f"GETACL {name}", 1),
                (f"LISTRIGHTS {name} carol", 1),
                (f"MYRIGHTS {name}", 1),
                (f"GETQUOTAROOT {name}", 1),
                (f"GETMETADATA {name} /shared/comment", 1),
            ):
                answer = await bob.ok(command)
                assert sum(shown in line for line in answer) == lines, answer


async def test_groups_are_looked_at_with_every_command() -> None:
    async with World() as world:
        alice, bob = await world.connect("alice"), await world.connect("bob")
        await alice.ok("SETACL INBOX group:staff lrs")
        await bob.ok('SELECT "Other Users/alice/INBOX"')
        world.people.members["staff"].clear()
        assert (await bob.command("SEARCH ALL"))[-1].startswith(b"t NO [NOPERM]")
        assert (await bob.command("STATUS {32+}\r\nOther Users/alice/INBOX (MESSAGES)"))[-1].startswith(b"t BAD")
        assert await bob.ok('LIST "" "Other*"') == [b"t OK LIST completed"]
        world.people.members["staff"].add(BOB)
        await bob.ok("SEARCH ALL")
        await bob.ok("CLOSE")


async def test_who_left_the_group_is_not_told_what_happens_in_its_mailbox() -> None:
    async with World() as world:
        bob = await world.connect("bob")
        await world.mail.set_acl(TEAM, "INBOX", "group:staff", "lrs")
        await bob.ok("SELECT Shared/team/INBOX")
        world.people.members["staff"].clear()
        for command in ("NOOP", "STATUS INBOX (MESSAGES)", "CHECK"):
            await world.deliver(message(), TEAM)
            assert not any(line.endswith(b"EXISTS") for line in await bob.ok(command)), command
        world.people.members["staff"].add(BOB)
        assert b"* 3 EXISTS" in await bob.ok("NOOP")
        await bob.ok("LOGOUT")


@pytest.mark.parametrize(
    ("waits", "ends"),
    [("IDLE", "DONE"), ("NOTIFY SET (SELECTED (MessageNew MessageExpunge FlagChange))", "t NOOP")],
)
async def test_who_left_the_group_hears_nothing_unasked(waits: str, ends: str) -> None:
    """RFC 4314 5.1.1. The directory tells nobody of its changes: it is asked before anything is said."""
    async with World() as world:
        bob = await world.connect("bob")
        await world.mail.set_acl(TEAM, "INBOX", "group:staff", "lrs")
        await bob.ok("SELECT Shared/team/INBOX")
        bob.send(b"t " + waits.encode() + b"\r\n")
        assert await bob.line() in (b"+ idling", b"t OK NOTIFY completed")
        await world.deliver(message(), TEAM)
        assert await bob.line() == b"* 1 EXISTS"
        assert (await bob.line()).endswith(b" RECENT")
        world.people.members["staff"].clear()
        await world.deliver(message(), TEAM)
        assert await bob.quiet(), bob.pipe.received
        world.people.members["staff"].add(BOB)
        await world.deliver(message(), TEAM)
        assert await bob.line() == b"* 3 EXISTS"
        assert (await bob.line()).endswith(b" RECENT")
        bob.send(ends.encode() + b"\r\n")
        assert (await bob.line()).startswith(b"t OK")


async def test_what_is_not_reached_is_not_asked_for() -> None:
    async with World() as world:
        bob = await world.connect("bob")
        for account, name in ((ALICE, "INBOX"), (TEAM, "INBOX")):
            await world.mail.set_acl(account, name, "anyone", "lr")
        asked: list[int] = []
        tree = world.mail.tree

        async def counted(account: int, who: object = None) -> object:
            asked.append(account)
            return await tree(account, who)  # type: ignore[arg-type]

        world.mail.tree = counted  # type: ignore[method-assign, assignment]
        for patterns, accounts in (
            ("INBOX", set()),
            ("A*", set()),
            ("Shared/%", {TEAM}),
            ('"Other Users/alice/%"', {ALICE}),
            ('"Other Users/bo*"', set()),
            ("%", {ALICE, TEAM}),
            ("*", {ALICE, TEAM}),
            ('("Shared/%/%" "Other Users")', {ALICE, TEAM}),
        ):
            asked.clear()
            await bob.ok(f'LIST "" {patterns}')
            assert set(asked) - {BOB} == accounts, patterns
        asked.clear()
        await bob.ok('LIST (SUBSCRIBED) "" *')
        assert set(asked) == {BOB}


async def test_of_many_that_share_one_is_enough_to_show_the_level() -> None:
    async with World() as world:
        bob = await world.connect("bob")
        for number in range(100, 140):
            world.people.accounts[f"p{number}"] = Person(number, f"p{number}")
            await world.mail.set_acl(number, "INBOX", "anyone", "lr")
        asked: list[int] = []
        tree = world.mail.tree

        async def counted(account: int, who: object = None) -> object:
            asked.append(account)
            return await tree(account, who)  # type: ignore[arg-type]

        world.mail.tree = counted  # type: ignore[method-assign, assignment]
        lines = await bob.ok('LIST "" %')
        assert b'* LIST (\\Noselect \\HasChildren) "/" "Other Users"' in lines
        assert len(asked) == 2
        assert len(await bob.ok('LIST "" "Other Users/%"')) == 41


async def test_all_mailboxes_that_an_account_may_have_are_listed_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    async with World() as world:
        alice, bob = await world.connect("alice"), await world.connect("bob")
        await alice.ok("SETACL INBOX bob lr")
        for number in range(MAILBOXES_MAX - 6):
            await world.mail.create(ALICE, f"INBOX/{number}" if number % 2 else f"{number}")
        turns = 0
        ticks = itertools.count()

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        monkeypatch.setattr(world.clock, "monotonic", lambda: next(ticks) / 1000)  # a millisecond a look
        lines = await alice.ok(
            'LIST "" * RETURN (STATUS (MESSAGES UNSEEN MAILBOXID DELETED) MYRIGHTS METADATA (/shared/comment))'
        )
        counting.cancel()
        assert len(lines) == 4 * MAILBOXES_MAX + 1
        assert turns > MAILBOXES_MAX / _BATCH
        assert len(await bob.ok('LIST "" "Other Users/alice/*"')) == MAILBOXES_MAX // 2 - 3 + 1 + 1
