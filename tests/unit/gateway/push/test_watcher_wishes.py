"""Nobody hears of what he does not wish to see (RFC 9670 1.4)."""

import asyncio

from actors.mailbox.rights import of_account
from gateway.push.audience import Listener
from tests.unit.gateway.push.test_watcher import World, taken
from tests.unit.gateway.push.world import BOB, TEAM

READS = ((of_account(BOB), "lr"),)


async def settle(world: World) -> None:
    while world.watcher._looks:
        await asyncio.sleep(0)


async def listening(*unwanted: int) -> tuple[World, Listener]:
    """bob, with two mailboxes of the team's, and one that he may not see."""
    world = World()
    team = world.mail[TEAM]
    team.share(1, READS)
    team.make(2, READS)
    team.make(3)
    team.unwanted[BOB] = set(unwanted)
    return world, await world.listen(BOB)


async def test_what_is_not_wished_for_is_not_told() -> None:
    world, listener = await listening(2)
    world.mail[TEAM].change("new", 2)
    assert taken(listener) is None
    world.mail[TEAM].change("new", 1)
    assert taken(listener) == {"A22": dict.fromkeys(("Mailbox", "Email", "Thread", "EmailDelivery"), "6")}


async def test_an_account_without_any_is_not_told_of() -> None:
    world, listener = await listening(1, 2)
    world.mail[TEAM].change("new", 1)
    world.mail[TEAM].make(4)
    world.mail[TEAM].lose()
    await settle(world)
    assert taken(listener) is None
    assert "22-" not in listener.mark


async def test_it_counts_at_once() -> None:
    world, listener = await listening()
    team = world.mail[TEAM]
    team.wish(BOB, 1, on=False)
    await settle(world)
    assert taken(listener) == {"A22": dict.fromkeys(("Mailbox", "Email", "Thread"), "5")}
    team.wish(BOB, 2, on=False)
    await settle(world)
    assert taken(listener) is None
    team.change("new", 2)
    assert taken(listener) is None
    team.wish(BOB, 2, on=True)
    await settle(world)
    assert taken(listener) == {"A22": dict.fromkeys(("Mailbox", "Email", "Thread"), "8")}


async def test_what_another_wishes_is_nothing_to_him() -> None:
    world, listener = await listening()
    world.mail[TEAM].wish(0x99, 1, on=False)
    await settle(world)
    assert taken(listener) == {"A22": {"Mailbox": "5"}}
    world.mail[TEAM].change("flags", 1)
    assert taken(listener) == {"A22": dict.fromkeys(("Mailbox", "Email"), "6")}


async def test_what_was_missed_of_it_is_not_told() -> None:
    world, listener = await listening(2)
    mark = listener.mark
    listener.close()
    world.mail[TEAM].change("new", 2)
    again = await world.listen(BOB, mark=mark)
    assert taken(again) is None


async def test_it_is_read_later_where_it_cannot_be_now() -> None:
    world, listener = await listening()
    team = world.mail[TEAM]
    world.mail.failing.add(TEAM)
    team.wish(BOB, 1, on=False)
    team.wish(BOB, 2, on=False)
    await settle(world)
    assert taken(listener) == {"A22": {"Mailbox": "6"}}
    world.mail.failing.clear()
    await world.watcher.look(BOB)
    team.change("new", 1)
    assert taken(listener) is None
