"""Event sources: pieces of text, pings, and their end."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from gateway.push import streams
from gateway.push.watcher import Watcher
from mail.jmap.push import EventSource
from tests.unit.gateway.push.world import ALICE, Mail, People


@pytest.fixture
def mail() -> Mail:
    return Mail()


@pytest.fixture
def watcher(mail: Mail) -> Watcher:
    return Watcher(mail, People())


async def piece(stream: AsyncGenerator[bytes, None]) -> bytes:
    async with asyncio.timeout(20):
        return await anext(stream)


async def test_states_follow_each_other(mail: Mail, watcher: Watcher) -> None:
    stream = streams.events(watcher, ALICE, EventSource(frozenset({"Email"}), close_after_state=False, ping=0))
    assert await piece(stream) == streams.HELLO
    mail[ALICE].change("flags")
    assert b'"Email":"2"' in await piece(stream)
    mail[ALICE].change("flags")
    mail[ALICE].change("flags")
    assert b'"Email":"4"' in await piece(stream)
    await stream.aclose()
    assert len(watcher) == 0


async def test_it_ends_after_a_state(mail: Mail, watcher: Watcher) -> None:
    stream = streams.events(watcher, ALICE, EventSource(None, close_after_state=True, ping=0))
    assert await piece(stream) == streams.HELLO
    mail[ALICE].change("new")
    assert b"event: state" in await piece(stream)
    with pytest.raises(StopAsyncIteration):
        await piece(stream)
    assert len(watcher) == 0


async def test_what_was_missed_is_told_first(mail: Mail, watcher: Watcher) -> None:
    mail[ALICE].change("new")
    stream = streams.events(watcher, ALICE, EventSource(frozenset({"Email"}), close_after_state=False, ping=0), "1f-1")
    assert await piece(stream) == streams.HELLO
    assert b'id: 1f-2\nevent: state\ndata: {"@type":"StateChange","changed":{"A1f":{"Email":"2"}}}' in await piece(
        stream
    )
    await stream.aclose()


async def test_pings(mail: Mail, watcher: Watcher) -> None:
    stream = streams.events(watcher, ALICE, EventSource(None, close_after_state=False, ping=1))
    assert await piece(stream) == streams.HELLO
    assert await piece(stream) == b'event: ping\ndata: {"interval":1}\n\n'
    await stream.aclose()


async def test_a_client_that_goes_while_it_waits_leaves_nothing(mail: Mail, watcher: Watcher) -> None:
    stream = streams.events(watcher, ALICE, EventSource(None, close_after_state=False, ping=0))
    await piece(stream)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(watcher) == 0
    assert mail[ALICE].follows == []
