"""SEARCH and its kin in the modes that ENABLE begins, in others' mailboxes, and while they take long."""

from typing import cast

import pytest

from gateway.imap import multisearch
from gateway.imap.session import Session
from tests.unit.gateway.imap.world import ALICE, BOB, TEAM, Client, World, message


async def _filled(world: World, *enabled: str) -> Client:
    for number in range(4):
        await world.deliver(message(f"letter {number}"))
    client = await world.connect("alice")
    await client.ok("SELECT INBOX")
    cast("Session", client.connection._session).enabled = frozenset(enabled)
    return client


async def test_imap4rev2_is_answered_esearch() -> None:
    """RFC 9051 6.4.4."""
    async with World() as world:
        client = await _filled(world, "IMAP4REV2")
        assert (await client.ok("SEARCH 2:3"))[0] == b'* ESEARCH (TAG "t") ALL 2:3'
        assert (await client.ok("UID SEARCH SUBJECT nothing"))[0] == b'* ESEARCH (TAG "t") UID'
        assert (await client.ok("SORT (DATE) UTF-8 2:3"))[0] == b"* SORT 2 3"


@pytest.mark.parametrize(
    "command",
    [
        "SEARCH ALL",
        "UID SEARCH 1",
        "UID SEARCH NOT (SEEN FUZZY 1:2)",
        "SORT (DATE) UTF-8 ALL",
        "UID SORT (DATE) UTF-8 1",
        "THREAD REFS UTF-8 ALL",
        "UID THREAD REFS UTF-8 OR 1 SEEN",
        "ESEARCH IN (personal) 1",
    ],
)
async def test_uidonly_takes_no_sequence_numbers(command: str) -> None:
    """RFC 9586 3."""
    async with World() as world:
        client = await _filled(world, "UIDONLY")
        await client.ok("UID SEARCH RETURN (SAVE) UID 2:3")
        lines = await client.command(command)
        assert lines == [lines[0]]
        assert lines[0].startswith(b"t BAD [UIDREQUIRED]")
        assert (await client.ok("UID SEARCH $"))[0] == b"* SEARCH 2 3"


async def _shared(world: World) -> Client:
    """bob may look into some of alice's mailboxes, and staff into the team's."""
    await world.mail.create(ALICE, "plans")
    await world.mail.create(ALICE, "hidden")
    await world.mail.create(ALICE, "names")
    for name in ("plans", "hidden", "names"):
        await world.mail.deliver(ALICE, await world.mail.prepare(message(f"{name} of alice")), mailbox=name)
    await world.mail.deliver(TEAM, await world.mail.prepare(message("question of somebody")))
    await world.mail.deliver(BOB, await world.mail.prepare(message("letter of bob")))
    await world.mail.set_acl(ALICE, "plans", f"user:{BOB:x}", "lr")
    await world.mail.set_acl(ALICE, "hidden", f"user:{BOB:x}", "r")
    await world.mail.set_acl(ALICE, "names", f"user:{BOB:x}", "l")
    await world.mail.set_acl(TEAM, "INBOX", "group:staff", "lr")
    return await world.connect("bob")


async def _boxes(client: Client, command: str) -> list[str]:
    lines = (await client.ok(command))[:-1]
    return [line.decode().partition("MAILBOX ")[2].partition(" UIDVALIDITY")[0] for line in lines]


async def test_what_others_share_is_searched_with_the_right_r() -> None:
    """RFC 7377 2.2: and with l too where it is not named."""
    async with World() as world:
        client = await _shared(world)
        tree = '"Other Users/alice/plans"'
        assert await _boxes(client, "ESEARCH IN (personal) ALL") == ["INBOX"]
        assert await _boxes(client, 'ESEARCH IN (subtree ("Other Users" Shared)) ALL') == [tree, "Shared/team/INBOX"]
        assert await _boxes(client, 'ESEARCH IN (subtree-one "Other Users/alice") SUBJECT of') == [tree]
        named = '("Other Users/alice/hidden" "Other Users/alice/names" "Shared/team/inbox" "Shared/nobody/INBOX" INBOX)'
        assert await _boxes(client, f"ESEARCH IN (mailboxes {named}) ALL") == [
            '"Other Users/alice/hidden"',
            "Shared/team/INBOX",
            "INBOX",
        ]
        await world.mail.subscribe(BOB, "Other Users/alice/plans", on=True)
        await world.mail.subscribe(BOB, "Other Users/alice/hidden", on=True)
        assert tree in await _boxes(client, "ESEARCH IN (subscribed) ALL")
        assert '"Other Users/alice/hidden"' not in await _boxes(client, "ESEARCH IN (subscribed) ALL")


async def test_nobody_holds_what_was_searched() -> None:
    async with World() as world:
        client = await _shared(world)
        await client.ok('ESEARCH IN (personal subtree ("Other Users" Shared)) ALL')
        assert len(world.mail._views) == 0


async def test_too_many_mailboxes_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multisearch, "MAILBOXES_MAX", 2)
    async with World() as world:
        client = await _shared(world)
        for name in ("a", "b"):
            await client.ok(f"CREATE {name}")
        assert (await client.command("ESEARCH IN (personal) ALL"))[-1].startswith(b"t NO [LIMIT]")
        await client.ok("ESEARCH IN (mailboxes (a b a b)) ALL")


async def test_a_long_search_tells_its_progress() -> None:
    """RFC 9585: `done` never goes back, also where one thing is done after another."""
    async with World() as world:
        for number in range(450):
            await world.deliver(message(f"letter {number}"))
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        progress = cast("Session", client.connection._session).progress
        counts: list[tuple[bytes, int, int]] = []

        async def look() -> None:
            counts.append((progress.tag, progress.done, progress.goal))

        world.mail.meanwhile = look
        await client.ok("SEARCH BODY nowhere")
        assert counts == [(b"t", 0, 450), (b"t", 200, 450), (b"t", 400, 450)]
        counts.clear()
        await client.ok("SORT (SUBJECT) UTF-8 BODY text")
        assert [done for _tag, done, _goal in counts] == [0, 200, 400, 450, 650, 850]
        assert counts[-1][2] == 900
        counts.clear()
        await client.ok("CREATE other")
        await client.ok("COPY 1:3 other")
        await client.ok("ESEARCH IN (mailboxes (INBOX other)) BODY nowhere")
        assert [count[1:] for count in counts[-4:]] == [(0, 2), (0, 2), (0, 2), (1, 2)]


async def test_ids_of_a_message() -> None:
    """RFC 8474 6: EMAILID and THREADID find what FETCH tells."""
    async with World() as world:
        client = await _filled(world)
        lines = await client.ok("FETCH 1:4 (EMAILID THREADID)")
        for number, line in enumerate(lines[:-1], 1):
            email, thread = (part.split(b")")[0].decode() for part in line.split(b"ID (")[1:])
            assert (await client.ok(f"SEARCH EMAILID {email}"))[0] == b"* SEARCH %d" % number
            assert (await client.ok(f"SEARCH THREADID {thread}"))[0] == b"* SEARCH %d" % number
            assert (await client.ok(f"SEARCH EMAILID {thread}"))[0] == b"* SEARCH"
        await client.ok("CREATE copies")
        await client.ok("COPY 2 copies")
        await client.ok("EXAMINE copies")
        email = lines[1].split(b"EMAILID (")[1].split(b")")[0].decode()
        assert (await client.ok(f"SEARCH EMAILID {email}"))[0] == b"* SEARCH 1"
