"""NOTIFY (RFC 5465) beside its conversations: others' mailboxes and rights, bounds, silence, and what goes wrong."""

import asyncio
import contextvars
import random
from typing import cast

import pytest

from actors.mailbox.rights import of_account, of_group
from actors.mailbox.types import Item
from cluster.errors import Unavailable
from gateway.imap import notices
from gateway.imap.session import Session
from tests.unit.gateway.imap.picture import Picture
from tests.unit.gateway.imap.world import ALICE, ANSWER_S, BOB, TEAM, Client, World, message

EVERYTHING = "(MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange MailboxMetadataChange)"


async def _told(client: Client) -> list[str]:
    """What the client is told unasked until it is quiet."""
    lines = []
    for _ in range(3):
        while not await client.quiet():
            lines.append((await client.line()).decode())
    return lines


async def _share(
    world: World, mailbox: str, rights: str, identifier: str = of_account(BOB), account: int = ALICE
) -> None:
    await world.mail.set_acl(account, mailbox, identifier, rights)


async def _add(world: World, mailbox: str, account: int = ALICE) -> None:
    await world.mail.add(account, mailbox, [Item(await world.mail.prepare(message("x")), 0)])


async def test_what_others_share_is_told_as_far_as_it_may_be_known() -> None:
    async with World() as world:
        for name in ("work", "secret", "half"):
            await world.mail.create(ALICE, name)
        await _share(world, "work", "lr")
        await _share(world, "half", "l")
        bob = await world.connect("bob")
        lines = await bob.ok(f'NOTIFY SET STATUS (SUBTREE "Other Users" {EVERYTHING})')
        assert [line.decode() for line in lines[:-1]] == [
            '* LIST (\\NoAccess \\HasNoChildren) "/" "Other Users/alice/half"',
            lines[1].decode(),
        ]
        assert lines[1].startswith(b'* STATUS "Other Users/alice/work" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY ')
        for name in ("work", "secret", "half"):
            await _add(world, name)
            await world.mail.annotate(ALICE, name, [("/shared/comment", b"x"), ("/private/comment", b"y")])
        told = await _told(bob)
        assert told == [
            '* STATUS "Other Users/alice/work" (MESSAGES 1 UIDNEXT 2 UNSEEN 1)',
            '* METADATA "Other Users/alice/work" /shared/comment',
        ]


async def test_rights_are_those_of_the_moment() -> None:
    """RFC 5465 5.4, 5.9: given and taken, to people and to groups."""
    async with World() as world:
        await world.mail.create(ALICE, "work")
        bob = await world.connect("bob")
        await bob.ok(f'NOTIFY SET (MAILBOXES ("Other Users/alice/work" "Other Users/nobody/x") {EVERYTHING})')
        await _add(world, "work")
        assert await _told(bob) == []
        await _share(world, "work", "l")
        assert await _told(bob) == ['* LIST (\\NoAccess \\HasNoChildren) "/" "Other Users/alice/work"']
        await _add(world, "work")
        assert await _told(bob) == []
        await _share(world, "work", "lr")
        assert await _told(bob) == ['* LIST (\\HasNoChildren) "/" "Other Users/alice/work"']
        await _add(world, "work")
        assert await _told(bob) == ['* STATUS "Other Users/alice/work" (MESSAGES 3 UIDNEXT 4 UNSEEN 3)']
        await _share(world, "work", "")
        assert await _told(bob) == ['* LIST (\\NonExistent \\HasNoChildren) "/" "Other Users/alice/work"']
        await _add(world, "work")
        assert await _told(bob) == []
        await _share(world, "work", "lr", of_group("staff"))
        assert await _told(bob) == ['* LIST (\\HasNoChildren) "/" "Other Users/alice/work"']
        world.people.members["staff"].clear()
        await _add(world, "work")
        assert await _told(bob) == ['* LIST (\\NonExistent \\HasNoChildren) "/" "Other Users/alice/work"']
        world.people.members["staff"].add(BOB)
        await _add(world, "work")
        assert await _told(bob) == [
            '* LIST (\\HasNoChildren) "/" "Other Users/alice/work"',
            '* STATUS "Other Users/alice/work" (MESSAGES 6 UIDNEXT 7 UNSEEN 6)',
        ]


async def test_a_shared_accounts_mailboxes() -> None:
    async with World() as world:
        await _share(world, "INBOX", "lr", account=TEAM)
        bob = await world.connect("bob")
        await bob.ok("NOTIFY SET (SUBTREE Shared/team (MessageNew MessageExpunge MailboxName))")
        await _add(world, "INBOX", TEAM)
        assert await _told(bob) == ["* STATUS Shared/team/INBOX (MESSAGES 1 UIDNEXT 2)"]
        await world.mail.rename(TEAM, "Archive", "Old")
        assert await _told(bob) == []
        await bob.ok("NOTIFY SET (SUBTREE Shared (MessageNew MessageExpunge))")
        await _add(world, "INBOX", TEAM)
        assert await _told(bob) == ["* STATUS Shared/team/INBOX (MESSAGES 2 UIDNEXT 3)"]


async def test_what_others_share_may_be_subscribed_to() -> None:
    async with World() as world:
        await world.mail.create(ALICE, "work")
        await _share(world, "work", "lr")
        bob = await world.connect("bob")
        await bob.ok("NOTIFY SET (SUBSCRIBED (MessageNew MessageExpunge SubscriptionChange))")
        await _add(world, "work")
        assert await _told(bob) == []
        await world.mail.subscribe(BOB, "Other Users/alice/work", on=True)
        assert await _told(bob) == ['* LIST (\\HasNoChildren \\Subscribed) "/" "Other Users/alice/work"']
        await _add(world, "work")
        assert await _told(bob) == ['* STATUS "Other Users/alice/work" (MESSAGES 2 UIDNEXT 3)']


async def test_who_shares_something_later_is_seen_when_the_client_asks_for_news() -> None:
    async with World() as world:
        bob = await world.connect("bob")
        await bob.ok('NOTIFY SET (SUBTREE "Other Users" (MessageNew MessageExpunge MailboxName))')
        await _share(world, "Archive", "lr")
        assert await _told(bob) == []
        await bob.ok("NOOP")
        assert await _told(bob) == [], "looking costs something, and is done from time to time"
        world.clock.advance(notices.LOOK_S)
        await bob.ok("NOOP")
        assert await _told(bob) == ['* LIST (\\HasNoChildren) "/" "Other Users/alice/Archive"']
        await _add(world, "Archive")
        assert await _told(bob) == ['* STATUS "Other Users/alice/Archive" (MESSAGES 1 UIDNEXT 2)']


async def test_annotations_of_the_mailbox_and_of_the_server() -> None:
    """RFC 5465 5.6, 5.7."""
    async with World() as world:
        client = await world.connect("alice")
        await client.ok("NOTIFY SET (PERSONAL (MailboxMetadataChange ServerMetadataChange))")
        await world.mail.annotate(ALICE, "INBOX", [("/shared/comment", b"x"), ("/private/comment", b"y")])
        assert await _told(client) == ["* METADATA INBOX /shared/comment /private/comment"]
        await world.mail.annotate(ALICE, "INBOX", [("/shared/comment", None)])
        assert await _told(client) == ["* METADATA INBOX /shared/comment"]
        await world.mail.annotate(ALICE, "", [("/private/comment", b"y")])
        assert await _told(client) == ['* METADATA "" /private/comment']
        await client.ok("NOTIFY SET (PERSONAL (MailboxMetadataChange))")
        await world.mail.annotate(ALICE, "", [("/private/comment", b"z")])
        assert await _told(client) == []


async def test_mod_sequences_for_who_has_enabled_them() -> None:
    async with World() as world:
        client = await world.connect("alice")
        cast("Session", client.connection._session).enabled = frozenset({"CONDSTORE"})
        await client.ok("NOTIFY SET (MAILBOXES INBOX (MessageNew MessageExpunge FlagChange))")
        await world.deliver(message("x"))
        (told,) = await _told(client)
        modseq = (await world.mail.tree(ALICE)).find("INBOX").modseq  # type: ignore[union-attr]
        assert told == f"* STATUS INBOX (MESSAGES 1 UIDNEXT 2 UNSEEN 1 HIGHESTMODSEQ {modseq})"
        hold = await world.mail.select(ALICE, "INBOX", read_only=True, changed=lambda: None)
        await hold.set_flags(((1, 1),), "add", 4)
        (told,) = await _told(client)
        validity = hold.info.uidvalidity
        assert told == f"* STATUS INBOX (UIDVALIDITY {validity} HIGHESTMODSEQ {modseq + 1})"
        await hold.close()


async def test_what_a_client_does_itself_is_not_told() -> None:
    """RFC 5465 5: also what a command changes in a mailbox it does not name."""
    async with World() as world:
        for number in range(4):
            await world.deliver(message(f"m{number}"))
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        await client.ok(f"NOTIFY SET (SELECTED (MessageNew (UID) MessageExpunge FlagChange)) (PERSONAL {EVERYTHING})")
        for command in (
            "COPY 1 Archive",
            "MOVE 1 Archive",
            "APPEND Trash {5+}\r\na: b\n",
            "UID REPLACE 2 Drafts {5+}\r\na: b\n",
            "COPY 1 INBOX",
            "STORE 1 +FLAGS.SILENT (\\Deleted)",
            "EXPUNGE",
            "CREATE x/y",
            "SUBSCRIBE x/y",
            "RENAME x z",
        ):
            lines = await client.ok(command)
            assert not any(b"STATUS" in line or b"LIST" in line for line in lines), lines
            assert await _told(client) == [], command
        # What changes nothing hides nothing that others did.
        client.connection.pause_writing()
        await world.mail.subscribe(ALICE, "a", on=True)
        client.connection.clogged = False
        await client.ok("SUBSCRIBE INBOX")
        client.connection.resume_writing()
        assert [line.split()[-1] for line in await _told(client)] == ["a"]


async def test_nothing_is_told_while_a_command_runs() -> None:
    async with World() as world:
        await world.deliver(message("one"))
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        await client.ok(
            "NOTIFY SET (SELECTED (MessageNew (UID) MessageExpunge)) (MAILBOXES Archive (MessageNew MessageExpunge))"
        )
        # As somebody else: not within the command's own context.
        world.mail.meanwhile = lambda: asyncio.get_running_loop().create_task(
            _add(world, "Archive"), context=contextvars.Context()
        )
        lines = await client.ok("FETCH 1 ENVELOPE")
        world.mail.meanwhile = None
        assert len(lines) == 2
        assert await _told(client) == ["* STATUS Archive (MESSAGES 1 UIDNEXT 2)"]


async def test_who_does_not_read_is_told_nothing_and_then_how_it_is() -> None:
    async with World() as world:
        client = await world.connect("alice")
        await client.ok("NOTIFY SET (PERSONAL (MessageNew MessageExpunge MailboxName))")
        client.connection.pause_writing()
        for _ in range(10):
            await _add(world, "Archive")
        await world.mail.create(ALICE, "soon gone")
        await world.mail.create(ALICE, "kept")
        await world.mail.delete(ALICE, "soon gone")
        assert await _told(client) == []
        client.connection.resume_writing()
        assert await _told(client) == [
            "* STATUS Archive (MESSAGES 10 UIDNEXT 11)",
            '* LIST (\\HasNoChildren) "/" kept',
        ]


async def test_too_much_for_a_client_that_does_not_read_ends_notify(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 5465 5.8."""
    monkeypatch.setattr(notices, "PENDING_MAX", 5)
    async with World() as world:
        client = await world.connect("alice")
        await client.ok("NOTIFY SET (PERSONAL (MailboxName))")
        client.connection.pause_writing()
        for number in range(6):
            await world.mail.create(ALICE, f"n{number}")
        client.connection.resume_writing()
        (told,) = await _told(client)
        assert told.startswith("* OK [NOTIFICATIONOVERFLOW] ")
        await world.mail.create(ALICE, "more")
        assert await _told(client) == []
        assert not len(world.mail._followings)
        await client.ok("NOTIFY SET (PERSONAL (MailboxName))")
        await world.mail.create(ALICE, "again")
        assert await _told(client) == ['* LIST (\\HasNoChildren) "/" again']


async def test_what_waits_for_a_client_that_does_not_read_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """By names of annotations too, and when it is too much already."""
    monkeypatch.setattr(notices, "PENDING_MAX", 5)
    async with World() as world:
        client = await world.connect("alice")
        for event in ("MailboxMetadataChange", "ServerMetadataChange"):
            await client.ok(f"NOTIFY SET (PERSONAL ({event} MailboxName))")
            client.connection.pause_writing()
            where = "INBOX" if event.startswith("Mailbox") else ""
            for number in range(6):
                await world.mail.annotate(ALICE, where, [(f"/private/n{number}", b"x")])
            for number in range(6):
                await world.mail.create(ALICE, f"{event}{number}")
            assert isinstance(client.session.notices, notices.Notices)
            assert not client.session.notices._boxes
            client.connection.resume_writing()
            (told,) = await _told(client)
            assert told.startswith("* OK [NOTIFICATIONOVERFLOW] ")


async def test_more_accounts_than_a_session_may_follow_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 5465 3.1; what was asked for before goes on."""
    monkeypatch.setattr(notices, "FOLLOWED_MAX", 1)
    async with World() as world:
        await _share(world, "INBOX", "lr")
        bob = await world.connect("bob")
        await bob.ok("NOTIFY SET (PERSONAL (MailboxName))")
        lines = await bob.command('NOTIFY SET (SUBTREE "Other Users" (MailboxName))')
        assert lines[-1].startswith(b"t NO [NOTIFICATIONOVERFLOW] ")
        assert len(world.mail._followings) == 1
        await world.mail.create(BOB, "x")
        assert await _told(bob) == ['* LIST (\\HasNoChildren) "/" x']


@pytest.mark.parametrize("end", ["close", "NOTIFY NONE", "UNAUTHENTICATE", "LOGOUT", "NOTIFY SET (SELECTED NONE)"])
async def test_nobody_follows_for_who_is_gone(end: str) -> None:
    async with World() as world:
        client = await world.connect("alice")
        await client.ok("NOTIFY SET (PERSONAL (MailboxName))")
        assert len(world.mail._followings) == 1
        if end == "close":
            client.pipe.close()
        else:
            client.send(f"t {end}\r\n".encode())
        await client.quiet()
        assert not len(world.mail._followings)


async def test_a_client_that_leaves_while_notify_begins() -> None:
    async with World() as world:
        client = await world.connect("alice")
        client.send(b"t NOTIFY SET (PERSONAL (MailboxName))\r\n")
        await asyncio.sleep(0)
        client.pipe.close()
        await client.quiet()
        assert not len(world.mail._followings)


async def test_an_interrupted_way_to_the_account_loses_nothing() -> None:
    async with World() as world:
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        await client.ok(
            "NOTIFY SET (SELECTED (MessageNew (UID) MessageExpunge)) (PERSONAL (MessageNew MessageExpunge MailboxName))"
        )
        for number in range(3):
            world.lose_views()
            await world.mail.create(ALICE, f"n{number}")
            await _add(world, "Archive")
            await world.deliver(message(f"m{number}"))
        await world.settle()
        told: list[str] = []
        async with asyncio.timeout(ANSWER_S):
            while not ({f'* LIST (\\HasNoChildren) "/" n{n}' for n in range(3)} < set(told) and told[-1:]):
                told += await _told(client)
                await asyncio.sleep(0.01)
                if "* 3 FETCH (UID 3)" in told and any("MESSAGES 3 UIDNEXT 4" in line for line in told):
                    break
        assert [line for line in told if "FETCH" in line] == [f"* {n} FETCH (UID {n})" for n in (1, 2, 3)]
        assert [line for line in told if "LIST" in line] == [f'* LIST (\\HasNoChildren) "/" n{n}' for n in range(3)]
        assert not any("OVERFLOW" in line for line in told)


async def test_what_cannot_be_read_ends_notify_and_not_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    async with World() as world:
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        await client.ok("NOTIFY SET (SELECTED (MessageNew (ENVELOPE) MessageExpunge))")

        async def broken(*_: object) -> None:
            raise Unavailable("not now")

        with monkeypatch.context() as patch:
            patch.setattr(world.mail, "messages", broken)
            await world.deliver(message("x"))
            told = await _told(client)
        assert told[-1].startswith("* OK [NOTIFICATIONOVERFLOW] ")
        await client.ok("FETCH 1 ENVELOPE")


async def test_news_are_no_sign_of_life() -> None:
    async with World() as world:
        client = await world.connect("alice")
        await client.ok("NOTIFY SET (PERSONAL (MessageNew MessageExpunge))")
        deadline = client.connection.deadline
        world.clock.advance(1000.0)
        await world.deliver(message("x"))
        assert len(await _told(client)) == 1
        assert client.connection.deadline == deadline


async def test_a_deleted_mailbox_ends_the_session_that_has_it_selected() -> None:
    async with World() as world:
        await world.mail.create(ALICE, "work")
        client = await world.connect("alice")
        await client.ok("SELECT work")
        await client.ok("NOTIFY SET (PERSONAL (MailboxName))")
        await world.mail.delete(ALICE, "work")
        told = await _told(client)
        assert told[-1] == "* BYE The selected mailbox was deleted"
        assert client.pipe.closed


async def test_pipelined_commands_and_news_do_not_mix() -> None:
    async with World() as world:
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        await client.ok("NOTIFY SET (SELECTED (MessageNew (UID ENVELOPE) MessageExpunge FlagChange))")
        for number in range(20):
            client.send(b"".join(b"x%d UID FETCH 1:* (UID)\r\n" % n for n in range(5)))
            await world.deliver(message(f"m{number}"))
        lines = await _told(client)
        tagged = [line for line in lines if line.startswith("x")]
        assert len(tagged) == 100
        assert all("OK" in line for line in tagged)
        assert sum("ENVELOPE" in line for line in lines) == 20


@pytest.mark.parametrize("seed", range(3))
async def test_a_client_that_only_listens_has_the_right_picture(seed: int) -> None:
    """Whatever others do: EXISTS, FETCH and EXPUNGE tell all of it, without a command."""
    dice = random.Random(seed)
    async with World() as world:
        listener, worker = await world.connect("alice"), await world.connect("alice")
        picture = Picture(listener)
        await picture.select("INBOX")
        await picture.run("NOTIFY SET (SELECTED (MessageNew (UID FLAGS) MessageExpunge FlagChange))")
        await worker.ok("SELECT INBOX")
        for step in range(60):
            match dice.randrange(5):
                case 0 | 1:
                    await world.deliver(message(f"m{step}"))
                case 2:
                    await worker.command(f"UID STORE 1:{dice.randrange(1, 30)} +FLAGS.SILENT (\\Deleted k{step % 3})")
                case 3:
                    await worker.command("UID STORE 1:* -FLAGS.SILENT (\\Deleted)")
                case _:
                    await worker.command("EXPUNGE")
            if not dice.randrange(10):
                world.lose_views()
            for line in await _told(listener):
                picture.hear(line.encode())
        await world.settle()
        for line in await _told(listener):
            picture.hear(line.encode())
        hold = await world.mail.select(ALICE, "INBOX", read_only=True, changed=lambda: None)
        assert [uid for uid, _flags in picture.messages] == hold.view.index.uids.tolist()
        heard = list(picture.messages)
        await picture.run("UID FETCH 1:* (UID FLAGS)")
        assert picture.messages == heard
        await hold.close()
