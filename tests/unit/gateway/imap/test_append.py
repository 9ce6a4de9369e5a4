"""gateway/imap/append.py: what is put together, and what is no text."""

import random
import re
from collections.abc import AsyncIterator

import pytest

from tests.unit.gateway.imap.world import World, message


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


async def test_so_many_intricate_messages_that_no_commit_holds_them_are_refused(world: World) -> None:
    alice = await world.connect("alice")
    field = b"To: " + b", ".join(b"%040d@example.test" % n for n in range(400)) + b"\r\n\r\n"
    alice.send(b"t APPEND INBOX" + b" {%d+}\r\n%b" % (len(field), field) * 200 + b"\r\n")
    assert (await alice.line()).startswith(b"t NO [LIMIT]")
    await alice.ok("APPEND INBOX {1+}\r\nx")
