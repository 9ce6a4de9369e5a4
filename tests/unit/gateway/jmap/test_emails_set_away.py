"""What Email/set tells of where the owner of the account goes away in the middle: never less than was done."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from actors.mailbox.types import Placed
from cluster.errors import Unavailable
from gateway.access.ids import mailbox_id
from tests.unit.gateway.imap.world import ALICE
from tests.unit.gateway.jmap.world import World

INBOX = mailbox_id(ALICE, 1)
AWAY = {"type": "rateLimit", "description": "The mailbox is away."}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as world:
        yield world


def leaves(world: World, monkeypatch: pytest.MonkeyPatch, name: str, after: int) -> None:
    """The owner does so many of these, and is away then."""
    do: Callable[..., Any] = getattr(world.mail, name)
    done = 0

    async def some(*arguments: Any, **more: Any) -> Placed:
        nonlocal done
        done += 1
        if done > after:
            raise Unavailable("The mailbox is away.")
        return await do(*arguments, **more)  # type: ignore[no-any-return]

    monkeypatch.setattr(world.mail, name, some)


def drafts(count: int) -> dict[str, Any]:
    return {f"k{number}": {"mailboxIds": {INBOX: True}, "subject": f"{number}"} for number in range(count)}


async def test_what_was_made_is_told_of(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    leaves(world, monkeypatch, "place", after=2)
    told = await world.call("alice", "Email/set", create=drafts(3))
    assert list(told["created"]) == ["k0", "k1"]
    assert told["notCreated"] == {"k2": AWAY}


async def test_where_nothing_was_made_the_call_may_be_made_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    leaves(world, monkeypatch, "place", after=0)
    assert (await world.call("alice", "Email/set", create=drafts(3)))["type"] == "serverUnavailable"


async def test_what_was_made_before_a_change_is_told_of(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = (await world.call("alice", "Email/set", create=drafts(2)))["created"]
    one, other = (each["id"] for each in made.values())
    leaves(world, monkeypatch, "edit", after=0)
    update = {one: {"keywords/$seen": True}}
    told = await world.call("alice", "Email/set", create=drafts(1), update=update, destroy=[other])
    assert list(told["created"]) == ["k0"]
    assert told["notUpdated"] == {one: AWAY}
    assert told["notDestroyed"] == {other: AWAY}
    assert told["oldState"] != told["newState"]
    told = await world.call("alice", "Email/set", update=update)
    assert told["type"] == "serverUnavailable"


async def test_a_state_that_cannot_be_had_is_the_old_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    place = world.mail.place

    async def last(*arguments: Any, **more: Any) -> Placed:
        placed = await place(*arguments, **more)
        leaves(world, monkeypatch, "mirror", after=0)
        return placed

    monkeypatch.setattr(world.mail, "place", last)
    told = await world.call("alice", "Email/set", create=drafts(1))
    assert told["created"]
    assert told["newState"] == told["oldState"]
    monkeypatch.undo()
    changes = await world.call("alice", "Email/changes", sinceState=told["newState"])
    assert changes["created"] == [told["created"]["k0"]["id"]]
