"""gateway/imap/urlauth.py, urls.py: what URLs let others read."""

import re
from collections.abc import AsyncIterator

import pytest

from tests.unit.gateway.imap.world import ALICE, BOB, Client, World, message


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
