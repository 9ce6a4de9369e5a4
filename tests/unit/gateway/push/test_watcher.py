"""Who is told of what, when, and in which words."""

import asyncio
import json
from collections.abc import Iterable

import pytest

from actors.mailbox.events import COPIED
from actors.mailbox.follow import CATCH_UP_MAX, Change, Follow, Kind, Told
from actors.mailbox.rights import of_account, of_group
from actors.mailbox.stamps import kinds_of
from actors.mailbox.types import DELETED, SEEN
from cluster.errors import OverLimit, Unavailable
from gateway.push import watcher as watching
from gateway.push.audience import Listener
from gateway.push.watcher import Watcher
from tests.unit.gateway.push.world import ALICE, BOB, CAROL, TEAM, Mail, People, Time, event_of, info


class World:
    def __init__(self) -> None:
        self.mail, self.people, self.time = Mail(), People(), Time()
        self.watcher = Watcher(self.mail, self.people, self.time)
        self.woken: list[str] = []

    async def listen(
        self, account: int = ALICE, types: Iterable[str] | None = None, mark: str = "", name: str = "a"
    ) -> Listener:
        return await self.watcher.listen(account, types, mark=mark, woken=lambda: self.woken.append(name))


@pytest.fixture
def world() -> World:
    return World()


def taken(listener: Listener) -> dict[str, dict[str, str]] | None:
    told = listener.take()
    return None if told is None else {number: dict(states) for number, states in told.changed.items()}


KINDS: dict[Kind, set[str]] = {
    "new": {"Mailbox", "Email", "Thread", "EmailDelivery", "Quota"},
    "flags": {"Mailbox", "Email"},
    "gone": {"Mailbox", "Email", "Thread", "Quota"},
    "made": {"Mailbox"},
    "renamed": {"Mailbox"},
    "removed": {"Mailbox", "Email", "Thread", "Quota"},
    "acl": {"Mailbox", "Email", "Thread"},
    "role": {"Mailbox"},
    "subscribed": {"Mailbox"},
    "annotated": {"Mailbox"},
}


@pytest.mark.parametrize("kind", KINDS)
async def test_what_each_kind_of_change_changes(world: World, kind: Kind) -> None:
    listener = await world.listen()
    world.mail[ALICE].change(kind)
    assert taken(listener) == {"A1f": dict.fromkeys(KINDS[kind], "2")}
    assert taken(listener) is None


@pytest.mark.parametrize("kind", KINDS)
def test_an_owner_is_told_of_every_state_that_is_another_one(kind: Kind) -> None:
    """What /get calls the state (stamps.py) is what the last StateChange has told (RFC 8620 7.1)."""
    box = info(1, "box")
    change = Change(kind, 1, box, box)
    assert set(kinds_of(event_of(change))) <= KINDS[kind]


@pytest.mark.parametrize("kind", ["Identity", "EmailSubmission", "VacationResponse", "PushSubscription"])
async def test_objects_are_of_their_type(world: World, kind: str) -> None:
    listener = await world.listen()
    world.mail[ALICE].put_object(kind)
    assert taken(listener) == {"A1f": {kind: "2"}}
    world.mail[ALICE].put_object("upload")
    assert taken(listener) is None


async def test_a_copy_is_no_delivery(world: World) -> None:
    listener = await world.listen()
    world.mail[ALICE].commit(Change("new", 1, None, world.mail[ALICE].boxes[1], came=COPIED))
    assert taken(listener) == {"A1f": dict.fromkeys(KINDS["new"] - {"EmailDelivery"}, "2")}


async def test_a_deleted_message_is_in_no_thread(world: World) -> None:
    listener = await world.listen(types=["Thread"])
    box = world.mail[ALICE].boxes[1]
    world.mail[ALICE].commit(Change("flags", 1, box, box, flags=SEEN))
    assert taken(listener) is None
    world.mail[ALICE].commit(Change("flags", 1, box, box, flags=SEEN | DELETED))
    assert taken(listener) == {"A1f": {"Thread": "3"}}


async def test_only_what_is_wanted(world: World) -> None:
    listener = await world.listen(types=["EmailDelivery", "CalendarEvent"])
    world.mail[ALICE].change("flags")
    world.time.pass_(1)
    assert world.woken == []
    assert taken(listener) is None
    world.mail[ALICE].change("new")
    world.time.pass_(1)
    assert world.woken == ["a"]
    assert taken(listener) == {"A1f": {"EmailDelivery": "3"}}


async def test_one_change_is_told_at_once_and_many_together(world: World) -> None:
    listener = await world.listen()
    world.mail[ALICE].change("flags")
    world.time.pass_(0)
    assert world.woken == ["a"]
    taken(listener)
    for _ in range(1000):
        world.mail[ALICE].change("flags")
        world.mail[ALICE].change("new")
    assert world.time.calls == 1
    world.time.pass_(watching.PAUSE_S / 2)
    assert world.woken == ["a"]
    world.time.pass_(watching.PAUSE_S / 2)
    assert world.woken == ["a", "a"]
    assert taken(listener) == {"A1f": dict.fromkeys(KINDS["new"], "2002")}


async def test_who_takes_nothing_is_told_once(world: World) -> None:
    listener = await world.listen()
    for _ in range(5):
        world.mail[ALICE].change("flags")
        world.time.pass_(1)
    assert world.woken == ["a"]
    assert taken(listener) == {"A1f": {"Mailbox": "6", "Email": "6"}}


async def test_states_are_of_the_moment_they_are_taken(world: World) -> None:
    listener = await world.listen()
    world.mail[ALICE].change("flags")
    world.mail[ALICE].change("role")
    assert taken(listener) == {"A1f": {"Mailbox": "3", "Email": "3"}}


async def test_many_listeners_are_one_follower_and_one_text(world: World) -> None:
    listeners = [await world.listen() for _ in range(100)]
    world.mail[ALICE].change("new")
    told = [listener.take() for listener in listeners]
    assert world.mail.asked == 1
    assert told[0] is not None
    assert all(one is told[0] for one in told)


async def test_the_words(world: World) -> None:
    listener = await world.listen(types=["Email"])
    world.mail[ALICE].change("flags")
    told = listener.take()
    assert told is not None
    head, _, rest = told.event.decode().partition("data: ")
    assert head == "id: 1f-2\nevent: state\n"
    assert json.loads(rest) == {"@type": "StateChange", "changed": {"A1f": {"Email": "2"}}}
    assert json.loads(told.data)["pushState"] == "1f-2"


# others' accounts


READS = ((of_account(BOB), "lr"),)
LOOKS = ((of_account(BOB), "l"),)


async def test_others_are_told_of_what_they_may_see(world: World) -> None:
    team = world.mail[TEAM]
    team.make(2, READS)
    team.make(3, LOOKS)
    bob, carol = await world.listen(BOB, name="bob"), await world.listen(CAROL, name="carol")
    team.change("new", 1)
    world.time.pass_(1)
    assert world.woken == []
    team.change("new", 3)
    assert taken(bob) == {"A22": {"Mailbox": "5"}}
    team.change("new", 2)
    assert taken(bob) == {"A22": dict.fromkeys(["Mailbox", "Email", "Thread", "EmailDelivery"], "6")}
    team.change("subscribed", 0)
    team.put_object("Identity")
    assert taken(bob) is None
    assert taken(carol) is None


async def test_rights_that_come_and_go(world: World) -> None:
    team = world.mail[TEAM]
    team.make(2, READS)
    bob = await world.listen(BOB)
    team.share(2, LOOKS)
    assert taken(bob) == {"A22": {"Mailbox": "3", "Email": "3", "Thread": "3"}}
    team.change("flags", 2)
    assert taken(bob) == {"A22": {"Mailbox": "4"}}
    team.share(2, ())
    assert taken(bob) is None, "of an account that he may not know of he hears nothing, not even that"
    assert bob.mark == "20-1"
    team.change("new", 2)
    assert taken(bob) is None
    team.share(2, READS)
    assert taken(bob) == {"A22": {"Mailbox": "7", "Email": "7", "Thread": "7"}}
    team.remove(2)
    assert taken(bob) is None


async def test_what_was_not_taken_before_rights_went_is_not_told(world: World) -> None:
    world.mail[TEAM].make(2, READS)
    bob = await world.listen(BOB)
    world.mail[TEAM].change("new", 2)
    world.mail[TEAM].share(2, ())
    assert taken(bob) is None


async def test_a_negative_right_takes_away(world: World) -> None:
    world.mail[TEAM].make(2, (*READS, ("-" + of_account(BOB), "l")))
    bob = await world.listen(BOB)
    world.mail[TEAM].change("new", 2)
    assert taken(bob) is None
    assert bob.mark == "20-1"


async def test_who_begins_to_share_is_heard_with_the_next_look(world: World) -> None:
    bob = await world.listen(BOB)
    world.mail[TEAM].make(2, READS)
    await world.watcher.look(BOB)
    assert taken(bob) == {"A22": {"Mailbox": "2", "Email": "2", "Thread": "2"}}
    world.mail[TEAM].share(2, ())
    await world.watcher.look(BOB)
    assert world.mail[TEAM].follows == []


async def test_who_is_notified_of_rights_hears_at_once(world: World) -> None:
    bob = await world.listen(BOB)
    world.mail[TEAM].make(2, READS)
    world.mail[BOB].put_object("ShareNotification")
    while world.watcher.following == 1:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert taken(bob) == {"A20": {"ShareNotification": "2"}, "A22": {"Mailbox": "2", "Email": "2", "Thread": "2"}}


async def test_who_leaves_while_a_look_is_under_way(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    bob = await world.listen(BOB)
    world.mail[CAROL].make(2, READS)
    world.mail[TEAM].make(2, READS)
    follow = world.mail.follow

    async def leaving(account: int, told: Told) -> Follow:
        found = await follow(account, told)
        if account == TEAM:
            bob.close()
        return found

    monkeypatch.setattr(world.mail, "follow", leaving)
    await world.watcher.look(BOB)
    assert world.watcher.following == 0
    assert world.mail[CAROL].follows == world.mail[TEAM].follows == []


async def test_groups_that_are_joined_and_left(world: World) -> None:
    world.mail[TEAM].make(2, ((of_group("staff@x"), "lr"),))
    world.mail[TEAM].make(3, READS)
    bob = await world.listen(BOB)
    world.mail[TEAM].change("new", 2)
    assert taken(bob) is None
    world.people.of[BOB] = ("staff@x",)
    await world.watcher.look(BOB)
    assert taken(bob) == {"A22": {"Mailbox": "4", "Email": "4", "Thread": "4"}}
    world.mail[TEAM].change("flags", 2)
    assert taken(bob) == {"A22": {"Mailbox": "5", "Email": "5"}}
    world.people.of[BOB] = ()
    await world.watcher.look(BOB)
    assert taken(bob) == {"A22": {"Mailbox": "5", "Email": "5", "Thread": "5"}}
    world.mail[TEAM].change("flags", 2)
    assert taken(bob) is None


async def test_an_account_that_cannot_be_followed_is_tried_again(world: World) -> None:
    world.mail[TEAM].make(2, READS)
    world.mail.failing.add(TEAM)
    bob = await world.listen(BOB)
    assert world.watcher.following == 1
    world.mail.failing.clear()
    await world.watcher.look(BOB)
    assert taken(bob) == {"A22": {"Mailbox": "2", "Email": "2", "Thread": "2"}}


async def test_when_nobody_knows_what_happened_all_has_changed(world: World) -> None:
    world.mail[TEAM].make(2, READS)
    bob = await world.listen(BOB, ["Email", "Identity"])
    world.mail[BOB].lose()
    world.mail[TEAM].lose()
    assert taken(bob) == {"A20": {"Email": "2", "Identity": "2"}, "A22": {"Email": "3"}}


# marks


async def test_going_on_from_a_mark(world: World) -> None:
    world.mail[TEAM].make(2, READS)
    first = await world.listen(BOB, ["Email"])
    mark = first.mark
    assert mark == "20-1.22-2"
    first.close()
    world.mail[TEAM].change("flags", 2)
    second = await world.listen(BOB, ["Email"], mark)
    assert taken(second) == {"A22": {"Email": "3"}}
    assert taken(second) is None
    assert taken(await world.listen(BOB, ["Email"], second.mark)) is None


async def test_what_was_missed_is_read_from_the_log(world: World) -> None:
    world.mail[TEAM].make(2, READS)
    world.mail[TEAM].make(3)
    mark = (await world.listen(BOB)).mark
    world.mail[BOB].change("role")
    world.mail[TEAM].change("flags", 2)
    world.mail[TEAM].change("new", 3)
    assert taken(await world.listen(BOB, mark=mark)) == {
        "A20": {"Mailbox": "2"},
        "A22": {"Mailbox": "5", "Email": "5"},
    }
    world.mail[TEAM].remove(2)
    world.mail[TEAM].share(3, READS)
    names = ["Mailbox", "Email", "Thread", "EmailDelivery"]
    assert taken(await world.listen(BOB, mark="20-2.22-5")) == {"A22": dict.fromkeys(names, "7")}


async def test_what_happens_while_the_log_is_read_is_told_too(world: World) -> None:
    held = await world.listen(ALICE, name="first")
    world.mail[ALICE].change("flags")
    coming = asyncio.ensure_future(world.listen(ALICE, ["EmailDelivery", "Email"], "1f-1"))
    await asyncio.sleep(0)
    world.mail[ALICE].change("new")
    assert taken(await coming) == {"A1f": {"Email": "3", "EmailDelivery": "3"}}
    held.close()


async def test_where_the_log_has_not_all_all_has_changed(world: World) -> None:
    world.mail[ALICE].lose()
    assert taken(await world.listen(ALICE, ["EmailDelivery"], "1f-1")) == {"A1f": {"EmailDelivery": "2"}}
    for _ in range(CATCH_UP_MAX + 1):
        world.mail[ALICE].change("role")
    assert taken(await world.listen(ALICE, ["EmailDelivery"], "1f-2")) == {"A1f": {"EmailDelivery": "5003"}}
    assert taken(await world.listen(ALICE, ["EmailDelivery"], "1f-3")) is None


async def test_who_leaves_while_the_log_is_read_leaves_nothing(world: World) -> None:
    world.mail[ALICE].change("flags")
    coming = asyncio.ensure_future(world.listen(ALICE, mark="1f-1"))
    while not len(world.watcher):
        await asyncio.sleep(0)
    coming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await coming
    assert (len(world.watcher), world.watcher.following) == (0, 0)


@pytest.mark.parametrize("mark", ["nonsense", "1-1"])
async def test_who_knows_nothing_is_told_all(world: World, mark: str) -> None:
    world.mail[TEAM].make(2, READS)
    bob = await world.listen(BOB, ["Email"], mark)
    assert taken(bob) == {"A20": {"Email": "1"}, "A22": {"Email": "2"}}


async def test_a_mark_of_a_process_that_is_ahead_is_no_miss(world: World) -> None:
    assert taken(await world.listen(BOB, mark="20-9")) is None


# coming and going


async def test_nothing_is_held_once_all_have_left(world: World) -> None:
    world.mail[TEAM].make(2, READS)
    listeners = [await world.listen(BOB), await world.listen(BOB)]
    assert (len(world.watcher), world.watcher.following) == (2, 2)
    for listener in listeners:
        listener.close()
        listener.close()
    assert (len(world.watcher), world.watcher.following) == (0, 0)
    assert world.mail[BOB].follows == world.mail[TEAM].follows == []
    world.mail[BOB].change("new")
    world.time.pass_(1)
    assert world.woken == []


async def test_many_who_come_at_once_begin_once(world: World) -> None:
    world.mail[TEAM].make(2, READS)
    coming = [world.listen(BOB) for _ in range(20)]
    await asyncio.gather(*coming)
    assert world.mail.asked == 2


async def test_a_beginning_that_fails_leaves_nothing(world: World) -> None:
    world.mail.failing.add(BOB)
    with pytest.raises(Unavailable):
        await world.listen(BOB)
    assert world.watcher.following == 0
    world.mail.failing.clear()
    await world.listen(BOB)


async def test_bounds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "OF_ONE_MAX", 2)
    monkeypatch.setattr(watching, "LISTENERS_MAX", 3)
    held = [await world.listen(ALICE), await world.listen(ALICE)]
    with pytest.raises(OverLimit):
        await world.listen(ALICE)
    await world.listen(BOB)
    with pytest.raises(Unavailable):
        await world.listen(CAROL)
    held[0].close()
    await world.listen(CAROL)


async def test_a_closed_watcher_tells_nobody(world: World) -> None:
    await world.listen(ALICE)
    world.watcher.close()
    assert world.mail[ALICE].follows == []
    with pytest.raises(Unavailable):
        await world.listen(ALICE)
