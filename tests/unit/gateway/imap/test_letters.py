"""What URLs let others read, and messages that go from one account to another."""

import re
from collections.abc import AsyncIterator

import pytest

from tests.unit.gateway.imap.world import ALICE, BOB, TEAM, Client, World, message


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as world:
        yield world


async def signed(client: Client, url: str) -> str:
    """The URL with its token."""
    line = (await client.ok(f'GENURLAUTH "{url}" INTERNAL'))[0].decode()
    found = re.fullmatch(r'\* GENURLAUTH "(.*:INTERNAL:[0-9a-f]{66})"', line)
    assert found is not None, line
    assert found[1].startswith(url)
    return found[1]


async def fetched(client: Client, url: str) -> list[bytes]:
    """What URLFETCH says behind the URL."""
    lines = await client.ok(f'URLFETCH "{url}"')
    head = f'* URLFETCH "{url}" '.encode()
    assert lines[0].startswith(head), lines
    return [lines[0].removeprefix(head), *lines[1:-1]]


@pytest.mark.parametrize(
    ("access", "alice", "bob"),
    [("anonymous", True, True), ("authuser", True, True), ("user+bob", False, True), ("submit+bob", False, False)],
)
async def test_a_url_is_for_whom_it_says(world: World, access: str, alice: bool, bob: bool) -> None:
    await world.deliver(message("Hello"))
    first, second = await world.connect("alice"), await world.connect("bob")
    url = await signed(first, f"imap://alice@localhost/INBOX/;UID=1/;SECTION=TEXT;URLAUTH={access}")
    for client, may in ((first, alice), (second, bob)):
        assert (await fetched(client, url) == [b"{12}", b"Some text.", b""]) is may
    # Any other URL is not what was signed.
    for other in (url.replace("UID=1", "UID=2"), url.replace("TEXT", "HEADER"), url[:-1] + "0" * (url[-1] != "0")):
        assert await fetched(second, other) == [b"NIL"]


async def test_a_url_ends_with_its_key_its_date_and_the_rights_of_its_maker(world: World) -> None:
    await world.deliver(message("Hello"))
    alice, bob = await world.connect("alice"), await world.connect("bob")
    start = "imap://alice@localhost/INBOX/;UID=1"
    dated = await signed(alice, start + ";EXPIRE=2023-11-14T23:00:00Z;URLAUTH=anonymous")
    plain = await signed(alice, start + ";URLAUTH=anonymous")
    assert await fetched(bob, dated) != [b"NIL"]
    world.clock.advance(3600)
    assert await fetched(bob, dated) == [b"NIL"]
    assert await fetched(bob, plain) != [b"NIL"]
    await alice.ok("RESETKEY Sent")
    assert await fetched(bob, plain) != [b"NIL"]
    await alice.ok("RESETKEY INBOX")
    assert await fetched(bob, plain) == [b"NIL"]
    again = await signed(alice, start + ";URLAUTH=anonymous")
    await alice.ok("RESETKEY")
    assert await fetched(bob, again) == [b"NIL"]
    # of another's mailbox, while it is shared
    await world.mail.set_acl(ALICE, "INBOX", f"user:{BOB:x}", "lr")
    shared = await signed(bob, "imap://bob@localhost/Other%20Users/alice/INBOX/;UID=1;URLAUTH=anonymous")
    assert await fetched(alice, shared) != [b"NIL"]
    await world.mail.set_acl(ALICE, "INBOX", f"user:{BOB:x}", "l")
    assert await fetched(alice, shared) == [b"NIL"]


async def test_urlfetch_tells_parts_decoded_and_their_structure(world: World) -> None:
    raw = b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\naGk=\r\n"
    await world.deliver(raw)
    alice = await world.connect("alice")
    url = await signed(alice, "imap://alice@localhost/INBOX/;UID=1/;SECTION=1;URLAUTH=anonymous")
    lines = await alice.ok(f'URLFETCH ("{url}" BINARY BODYPARTSTRUCTURE)')
    assert b"\n".join(lines[:-1]) == (
        f'* URLFETCH "{url}" (BINARY {{2}}\nhi)'.encode()
        + b' (BODYPARTSTRUCTURE ("text" "plain" NIL NIL NIL "base64" 6 1 NIL NIL NIL NIL))'
    )
    (line, _) = await alice.ok(f'URLFETCH ("{url[:-1]}z" BODY)')
    assert line.endswith(b" NIL")


async def test_reset_counts_are_no_annotations_of_the_user(world: World) -> None:
    alice = await world.connect("alice")
    await alice.ok("RESETKEY")
    lines = await alice.command('GETMETADATA "" (/server)')
    assert not any(b"urlauth" in line for line in lines)


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


async def test_what_is_put_together_is_bounded() -> None:
    async with World(message_bytes_max=4096) as world:
        await world.deliver(message("Hello", "x" * 3000))
        alice = await world.connect("alice")
        url = '"/INBOX/;UID=1"'
        assert (await alice.command(f"APPEND Drafts CATENATE (URL {url} URL {url})"))[-1].startswith(b"t NO [TOOBIG]")
        lines = await alice.command(f"APPEND Drafts CATENATE (URL {url}) CATENATE (URL {url})")
        assert lines[-1].startswith(b"t NO [TOOBIG]")


async def test_utf8_data_needs_utf8_accept(world: World) -> None:
    alice = await world.connect("alice")
    alice.send(b"t APPEND Drafts UTF8 (~{3+}\r\nabc)\r\n")
    assert (await alice.line()).startswith(b"t BAD")


async def test_a_message_with_a_nul_comes_and_goes_as_it_is(world: World) -> None:
    alice = await world.connect("alice")
    alice.send(b"t APPEND INBOX ~{6+}\r\na\0\r\nbc\r\n")
    assert (await alice.line()).startswith(b"t OK")
    await alice.ok("SELECT INBOX")
    lines = await alice.ok("FETCH 1 (BINARY.PEEK[] BODY.PEEK[])")
    assert b"\r\n".join(lines[:-1]) == b"* 1 FETCH (BINARY[] ~{6}\r\na\0\r\nbc BODY[] {6}\r\na\x80\r\nbc)"
    alice.send(b"t APPEND INBOX {6+}\r\na\0\r\nbc\r\n")
    assert (await alice.line()).startswith(b"t BAD")
