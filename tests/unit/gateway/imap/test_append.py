"""gateway/imap/append.py: what is put together, and what is no text."""

import random
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from actors.mailbox.client import Message
from tests.unit.gateway.imap.world import ALICE, TEAM, World, message


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as world:
        yield world


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


async def test_many_messages_that_are_more_than_one_commit_holds_are_added_at_once(world: World) -> None:
    alice = await world.connect("alice")
    bodies = [random.Random(number).randbytes(40_000).hex().encode() for number in range(200)]  # packs to half of it
    command = b"".join(b" {%d+}\r\n%b" % (len(body), body) for body in bodies)
    alice.send(b"t APPEND INBOX" + command + b"\r\n")
    assert re.match(rb"t OK \[APPENDUID \d+ 1:200\]", await alice.line())
    await alice.ok("SELECT INBOX")
    for number in (1, 200):
        lines = await alice.ok(f"FETCH {number} BODY.PEEK[]")
        assert lines[1].startswith(bodies[number - 1])


async def test_so_many_intricate_messages_that_no_commit_holds_them_are_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.imap.append.ADD_BYTES_MAX", 20_000)
    alice = await world.connect("alice")
    field = b"To: " + b", ".join(b"%040d@example.test" % n for n in range(40)) + b"\r\n\r\n"
    alice.send(b"t APPEND INBOX" + b" {%d+}\r\n%b" % (len(field), field) * 10 + b"\r\n")
    assert (await alice.line()).startswith(b"t NO [LIMIT]")
    await alice.ok("APPEND INBOX {1+}\r\nx")


async def test_what_is_refused_is_not_stored_before(world: World) -> None:
    await world.mail.set_acl(TEAM, "INBOX", f"user:{ALICE:x}", "lr")
    world.people.accounts["alice"].quota_bytes = 150_000
    alice = await world.connect("alice")
    large = random.Random(1).randbytes(100_000).hex().encode()
    literal = b" {%d+}\r\n%b\r\n" % (len(large), large)
    for command, code in ((b"APPEND INBOX", b"OVERQUOTA"), (b"APPEND Nowhere", b"TRYCREATE")):
        alice.send(b"t " + command + literal)
        assert (await alice.line()).startswith(b"t NO [%b]" % code)
    alice.send(b't APPEND "Shared/team/INBOX"' + literal)
    assert (await alice.line()).startswith(b"t NO [NOPERM]")
    assert [blob async for blob in world.mail._blobs.list()] == []


class _Measured(bytes):
    """A message that knows how much was copied of it."""

    copied = 0

    def __getitem__(self, key: Any) -> Any:
        piece = super().__getitem__(key)
        type(self).copied += len(piece) if isinstance(piece, bytes) else 0
        return piece


async def test_urls_of_little_of_a_large_part_copy_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Measured, "copied", 0)
    async with World() as world:
        await world.deliver(message(body="x" * 1_000_000))
        client = await world.connect("alice")
        content = world.mail.content

        async def measured(one: Message) -> bytes:
            return _Measured(await content(one))

        monkeypatch.setattr(world.mail, "content", measured)
        urls = " ".join(f'URL "/INBOX/;UID=1/;SECTION=TEXT/;PARTIAL={at}.10"' for at in range(500))
        await client.ok(f"APPEND INBOX CATENATE ({urls} URL /INBOX/;UID=1/;SECTION=TEXT/;PARTIAL=999999)")
        assert _Measured.copied < 10_000
        monkeypatch.setattr(world.mail, "content", content)
        await client.ok("SELECT INBOX")
        assert b"* 2 FETCH (RFC822.SIZE 5001)" in await client.ok("FETCH 2 RFC822.SIZE")
