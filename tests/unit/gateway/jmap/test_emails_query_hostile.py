"""Tests of queries that are made to cost much: what they may cost is bounded, and is said."""

import asyncio
from typing import Any

import numpy as np
import pytest

from cluster.clock import ManualClock
from gateway.access.ids import account_id
from gateway.jmap import searching
from gateway.jmap.email_filters import TERMS_MAX
from gateway.jmap.email_order import Before
from gateway.jmap.results import Kept, Results
from tests.unit.gateway.imap.world import ALICE, message
from tests.unit.gateway.jmap.world import IndexedWorld, World

MAIL = account_id(ALICE)


class Ticking(ManualClock):
    """Time passes whenever somebody looks: a millisecond each time."""

    def monotonic(self) -> float:
        self.ms += 1
        return self.ms / 1000


async def _query(world: World, tree: Any, **arguments: Any) -> Any:
    return await world.call("alice", "Email/query", accountId=MAIL, filter=tree, **arguments)


async def test_too_much_to_look_for() -> None:
    async with World() as world:
        most = " ".join(f"w{number}" for number in range(TERMS_MAX // 2))
        within: dict[str, Any] = {"operator": "AND", "conditions": [{"text": most}, {"body": most}]}
        assert (await _query(world, within))["ids"] == []
        beyond = {"operator": "OR", "conditions": [within, {"subject": "one"}]}
        assert (await _query(world, beyond))["type"] == "unsupportedFilter"
        arguments = {"accountId": MAIL, "filter": beyond}
        assert (await world.call("alice", "SearchSnippet/get", emailIds=[], **arguments))["type"] == "unsupportedFilter"
        deep: dict[str, Any] = {}
        for _ in range(50):
            deep = {"operator": "NOT", "conditions": [deep]}
        assert (await _query(world, deep))["type"] == "unsupportedFilter"


async def test_a_search_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.unit.gateway.imap.world.ManualClock", Ticking)
    monkeypatch.setattr(searching, "SEARCH_S_MAX", 0.03)
    async with World() as world:
        for number in range(450):
            await world.deliver(message(f"letter {number}"))
        assert (await _query(world, {"body": "nothing"}))["type"] == "serverUnavailable"
        assert (await _query(world, None, sort=[{"property": "subject", "collation": "i;octet"}]))["type"] == (
            "serverUnavailable"
        )
        assert len((await _query(world, None))["ids"]) == 450


async def test_others_have_their_turn_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.unit.gateway.imap.world.ManualClock", Ticking)
    async with World() as world:
        for number in range(60):
            await world.deliver(message(f"letter {number}"))
        conditions = [{"notKeyword": f"k{number}"} for number in range(400)]
        for tree in ({"operator": "AND", "conditions": conditions}, {"body": "nothing"}):
            asking = asyncio.create_task(_query(world, tree))
            turns = 0
            while not asking.done():
                await asyncio.sleep(0)
                turns += 1
            assert turns > 10
            assert "ids" in asking.result()


async def test_the_index_is_asked_and_little_is_read() -> None:
    async with IndexedWorld() as world:
        for number in range(40):
            await world.deliver(message(f"letter {number}", f"word{number}\r\n"))
        mirror = await world.mail.mirror(ALICE)
        emails = [
            email for box in mirror.account.mailboxes.values() if box.index for email in box.index.emails.tolist()
        ]
        index = await world.index_emails(sorted(emails))
        found = await _query(world, {"text": "word7"}, sort=[{"property": "subject"}])
        assert len(found["ids"]) == 1
        assert index.asked == [("text", "word7")]
        assert len((await _query(world, {"hasAttachment": False}, sort=[{"property": "sentAt"}]))["ids"]) == 40
        assert world.mail.read <= 1
        assert world.mail.opened <= 1


def test_what_is_kept_of_results_is_bounded() -> None:
    results, none = Results(), np.empty(0, np.int64)
    for number in range(1000):
        results.put(number, Kept((1,), np.arange(number), Before(none, none)), room=24_000)
    assert [number for number in range(1000) if results.get(number) is not None] == [998, 999]
    results.put("large", Kept((1,), np.arange(4000), Before(none, none)), room=24_000)
    assert results.get("large") is None
    for number in range(1000):
        results.put(number, Kept((1,), none, Before(none, none)), room=10**6)
    assert results.get(899) is None
    assert results.get(900) is not None
