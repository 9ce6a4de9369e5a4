"""gateway/imap/urlauth.py, urls.py: what URLs let others read."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.unit.gateway.imap.world import ALICE, BOB, CAROL, Client, World, message


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as world:
        yield world


async def signed(client: Client, url: str) -> str:
    """The URL with its token."""
    line = (await client.ok(f'GENURLAUTH "{url}" INTERNAL'))[0].decode()
    found = re.fullmatch(r'\* GENURLAUTH "(.*:INTERNAL:[0-9a-f]{64,})"', line)
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


async def test_what_was_made_up_is_found_out_before_anything_is_looked_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.deliver(message("Hello"))
    alice, bob = await world.connect("alice"), await world.connect("bob")
    url = await signed(alice, "imap://alice@localhost/INBOX/;UID=1;URLAUTH=anonymous")
    looked: list[str] = []

    async def principal(login: str, credential: str = "") -> None:
        looked.append(login)

    monkeypatch.setattr(world.people, "principal", principal)
    for made_up in (url.replace("UID=1", "UID=2"), url.replace("INBOX", "Secret"), url.replace("alice", "nobody")):
        assert await fetched(bob, made_up) == [b"NIL"]
    assert looked == []


async def test_who_may_not_log_in_any_more_lets_nobody_read(world: World) -> None:
    await world.deliver(message("Hello"))
    alice, bob = await world.connect("alice"), await world.connect("bob")
    url = await signed(alice, "imap://alice@localhost/INBOX/;UID=1;URLAUTH=anonymous")
    assert await fetched(bob, url) != [b"NIL"]
    del world.people.people["alice"]
    assert await fetched(bob, url) == [b"NIL"]


async def test_one_maker_s_rights_are_not_another_s(world: World) -> None:
    await world.deliver(message("Hello"))
    bob, carol = await world.connect("bob"), await world.connect("carol")
    for reader in (BOB, CAROL):
        await world.mail.set_acl(ALICE, "INBOX", f"user:{reader:x}", "lr")
    path = "localhost/Other%20Users/alice/INBOX/;UID=1;URLAUTH=anonymous"
    first, second = await signed(bob, f"imap://bob@{path}"), await signed(carol, f"imap://carol@{path}")
    await world.mail.set_acl(ALICE, "INBOX", f"user:{CAROL:x}", "")
    lines = await bob.ok(f'URLFETCH "{first}" "{second}"')
    assert not lines[0].endswith(b" NIL")
    assert lines[-2] == f'* URLFETCH "{second}" NIL'.encode()


async def test_a_key_is_never_what_it_was_before_a_reset(world: World) -> None:
    alice = await world.connect("alice")
    await world.deliver(message("Hello"))
    url = "imap://alice@localhost/INBOX/;UID=1;URLAUTH=anonymous"
    made = {await signed(alice, url)}
    for _ in range(3):
        await alice.ok("RESETKEY INBOX")
        made.add(await signed(alice, url))
        await alice.ok("RESETKEY")
        made.add(await signed(alice, url))
    assert len(made) == 7


async def test_a_mailbox_that_is_made_again_has_another_key(world: World) -> None:
    alice = await world.connect("alice")

    async def filled() -> None:
        await alice.ok("CREATE Box")
        await world.mail.deliver(ALICE, await world.mail.prepare(message("Hello")), mailbox="Box")

    await filled()
    url = await signed(alice, "imap://alice@localhost/Box/;UID=1;URLAUTH=anonymous")
    assert await fetched(alice, url) != [b"NIL"]
    await alice.ok("RENAME Box Other")
    assert await fetched(alice, url) == [b"NIL"]
    await filled()
    assert await fetched(alice, url) == [b"NIL"]
    await alice.ok("DELETE Box")
    await alice.ok("RENAME Other Box")
    assert await fetched(alice, url) != [b"NIL"]


async def test_a_little_of_much_is_bounded() -> None:
    async with World(message_bytes_max=4096) as world:
        for subject in ("one", "two"):
            await world.deliver(message(subject, "x" * 3000))
        alice = await world.connect("alice")
        urls = [
            await signed(alice, f"imap://alice@localhost/INBOX/;UID={uid}/;PARTIAL=0.1;URLAUTH=anonymous")
            for uid in (1, 2)
        ]
        same = " ".join(f'"{urls[0]}"' for _ in range(100))
        await alice.ok(f"URLFETCH {same}")  # it is read once
        turns = " ".join(f'"{url}"' for _ in range(3) for url in urls)
        assert (await alice.command(f"URLFETCH {turns}"))[-1].startswith(b"t NO [LIMIT]")
        turns = " ".join(f'URL "/INBOX/;UID={uid}/;PARTIAL=0.1"' for _ in range(3) for uid in (1, 2))
        assert (await alice.command(f"APPEND Drafts CATENATE ({turns})"))[-1].startswith(b"t NO [LIMIT]")
        fields = " ".join(['URL "/INBOX/;UID=1/;SECTION=HEADER.FIELDS%20(Subject)"'] * 6)
        assert (await alice.command(f"APPEND Drafts CATENATE ({fields})"))[-1].startswith(b"t NO [LIMIT]")
        whole = " ".join(f'"{url}"' for url in urls)
        await alice.ok(f"URLFETCH {whole}")


async def test_two_resets_at_once_are_two(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.deliver(message("Hello"))
    first, second = await world.connect("alice"), await world.connect("alice")
    annotate = world.mail.annotate
    go = asyncio.Event()

    async def late(*args: Any) -> None:
        monkeypatch.undo()
        await go.wait()
        await annotate(*args)

    monkeypatch.setattr(world.mail, "annotate", late)
    first.send(b"t RESETKEY INBOX\r\n")
    assert await first.quiet()
    await second.ok("RESETKEY INBOX")
    url = await signed(second, "imap://alice@localhost/INBOX/;UID=1;URLAUTH=anonymous")
    go.set()
    assert (await first.line()).startswith(b"t OK")
    assert await fetched(second, url) == [b"NIL"]
