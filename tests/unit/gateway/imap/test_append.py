"""gateway/imap/append.py: what is put together, and what is no text."""

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
