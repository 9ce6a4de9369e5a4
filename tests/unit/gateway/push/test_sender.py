"""Subscriptions that are pushed to: from when, to when, by whom, and what of failures."""

import asyncio
import random
from typing import Any

import pytest
from msgspec.structs import replace

from actors.mailbox.rights import of_account
from actors.push.client import IDLE_MS, PushClient, slot_of
from cluster.clock import ManualClock
from cluster.errors import OverLimit
from cluster.meta.memory import MemoryStore
from gateway.https import Answer
from gateway.push import desk as desks
from gateway.push import routes
from gateway.push.desk import Desk
from gateway.push.pusher import Pusher, pieces, topic_of
from gateway.push.sender import RETRY_S, SLOTS_S, Sender
from gateway.push.settings import PushSettings
from gateway.push.watcher import Watcher
from mail.jmap import subscriptions as subs
from mail.jmap.push import read_mark
from mail.jmap.subscriptions import KIND, Asked, Subscription
from tests.unit.gateway.push.service import Service
from tests.unit.gateway.push.world import ALICE, BOB, TEAM, Mail, People, Time
from tests.webpush import Agent

ORIGIN = "https://push.example.net"


class Process:
    """One of a cluster: a watcher, a sender and a desk."""

    def __init__(self, world: "World", slots: set[int]) -> None:
        self.slots = slots
        clock, client = world.clock, PushClient(world.store, world.clock)
        settings = PushSettings(contact="mailto:post@example.org", key_days=100, old_key_days=14)
        self.client = client
        self.watcher = Watcher(world.mail, People(), world.time)
        self.pusher = Pusher(world.service, client, clock, random.Random(len(slots)), settings)
        mine = lambda: self.slots  # noqa: E731
        self.sender = Sender(client, world.mail, self.watcher, self.pusher, clock, mine, world.stands, world.time)
        self.desk = Desk(client, self.pusher, self.watcher, clock)
        self._world = world

    def kill(self) -> None:
        """It is gone, with all that was not written."""
        self.watcher.close()
        self._world.processes.remove(self)


class World:
    """`run` lets all that is due happen."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.time = Time(self.clock)
        self.mail, self.store = Mail(), MemoryStore()
        self.service = Service(self.clock.now_ms() / 1000)
        self.processes: list[Process] = []
        self.revoked: set[str] = set()

    async def stands(self, account: int, credential: str) -> bool:
        return credential not in self.revoked

    def process(self, slots: set[int] | None = None) -> Process:
        self.processes.append(Process(self, set(range(4096)) if slots is None else slots))
        return self.processes[-1]

    async def rest(self) -> None:
        for _ in range(300):
            await asyncio.sleep(0)

    async def run(self, seconds: float = 2.0) -> None:
        for process in self.processes:
            await process.sender.poll()
        await self.rest()
        for _ in range(4):
            self.time.pass_(seconds / 4)
            await self.rest()

    async def subscribe(
        self, process: Process, account: int = ALICE, name: str = "P1", types: list[str] | None = None, **change: Any
    ) -> Subscription:
        """A client makes a subscription, is told its code, and tells it."""
        agent = self.service.agents[f"/{name}"] = Agent()
        keys = (agent.keys["p256dh"], agent.keys["auth"])
        asked = Asked("device", f"{ORIGIN}/{name}", keys, None, types)
        await process.desk.making(account)
        key = await process.desk.server_key()
        new = subs.made(asked, name, self.clock.now_ms(), random.Random(name).randbytes(24), server_key=key)
        new = replace(new, **change)
        await self.mail.put_objects(account, [(KIND, name, subs.encode(new))])
        process.desk.made(account, new)
        await self.rest()
        assert self.service.taken[-1].path == f"/{name}"
        told = self.service.taken.pop().content
        assert told["@type"] == "PushVerification"
        assert told["pushSubscriptionId"] == name
        new = subs.told_code(new, told["verificationCode"])
        await self.mail.put_objects(account, [(KIND, name, subs.encode(new))])
        await process.desk.verified(account, new)
        return new


@pytest.fixture
def world() -> World:
    return World()


def state(account: str = "A1f", **states: str) -> dict[str, Any]:
    return {"@type": "StateChange", "changed": {account: states}}


async def test_a_subscription_is_pushed_to(world: World) -> None:
    process = world.process()
    await world.subscribe(process, types=["Email"])
    await world.run()
    assert world.service.content() == []
    world.mail[ALICE].change("flags")
    await world.run()
    [message] = world.service.taken
    assert message.content == state(Email="4")
    assert (message.fields["TTL"], message.fields["Urgency"]) == ("86400", "low")
    assert message.key == await process.desk.server_key()


async def test_nothing_is_pushed_before_the_code_is_told(world: World) -> None:
    process = world.process()
    verified = await world.subscribe(process)
    await world.mail.put_objects(ALICE, [(KIND, "P1", subs.encode(replace(verified, code="x")))])
    await world.run()
    world.mail[ALICE].change("new")
    await world.run()
    assert world.service.content() == []
    assert world.mail[ALICE].subscriptions.keys() == {"P1"}


async def test_what_happened_before_the_sender_knew_is_pushed(world: World) -> None:
    process = world.process()
    await world.subscribe(process, types=["Email"])
    world.mail[ALICE].change("new")
    await world.run()
    assert world.service.content() == [state(Email="4")]


async def test_changes_while_it_waits_are_one_push(world: World) -> None:
    process = world.process()
    await world.subscribe(process, types=["Email", "Mailbox"])
    await world.run()
    for _ in range(500):
        world.mail[ALICE].change("flags")
    await world.run(0.4)
    assert world.service.content() == [state(Email="503", Mailbox="503")]
    world.mail[ALICE].change("role")
    await world.run(0.4)
    world.mail[ALICE].change("flags")
    await world.run(0.1)
    assert world.service.content() == []
    await world.run(1)
    assert world.service.content() == [state(Email="505", Mailbox="505")]


async def test_what_others_share(world: World) -> None:
    world.mail[TEAM].make(2, ((of_account(ALICE), "lr"),))
    process = world.process()
    await world.subscribe(process, types=["EmailDelivery"])
    await world.run()
    world.mail[TEAM].change("new", 2)
    world.mail[TEAM].change("new", 1)
    await world.run()
    [message] = world.service.taken
    assert message.content == state("A22", EmailDelivery="4")
    assert message.fields["Urgency"] == "normal"


async def test_it_ends(world: World) -> None:
    process = world.process()
    await world.subscribe(process, expires_ms=world.clock.now_ms() + 60_000)
    await world.run(70)
    world.mail[ALICE].change("new")
    await world.run()
    assert world.service.content() == []
    await process.sender.tend()
    await world.rest()
    assert world.mail[ALICE].subscriptions == {}
    assert len(process.sender) == 0
    assert len(process.watcher) == 0


@pytest.mark.parametrize("status", [404, 410])
async def test_one_that_is_gone_is_removed(world: World, status: int) -> None:
    process = world.process()
    await world.subscribe(process)
    await world.run()
    world.service.answers["/P1"] = [Answer(status)]
    world.mail[ALICE].change("new")
    await world.run()
    assert world.mail[ALICE].subscriptions == {}
    assert len(process.sender) == 0


async def test_a_url_of_our_own_network_is_removed(world: World) -> None:
    process = world.process()
    await world.subscribe(process)
    await world.run()
    world.service.answers["/P1"] = [Answer(0, why="10.0.0.1 is no public address", forbidden=True)]
    world.mail[ALICE].change("new")
    await world.run()
    assert world.mail[ALICE].subscriptions == {}


async def test_a_failure_is_tried_again_with_what_is_the_newest_then(world: World) -> None:
    process = world.process()
    await world.subscribe(process, types=["Email"])
    await world.run()
    world.service.answers["/P1"] = [Answer(503), Answer(0, why="no route")]
    world.mail[ALICE].change("flags")
    await world.run(routes.AGAIN_S - 1)
    assert world.service.content() == []
    world.mail[ALICE].change("flags")
    await world.run(routes.AGAIN_S)
    await world.run(2 * routes.AGAIN_S)
    assert world.service.content() == [state(Email="5")]
    await world.run(1000)
    assert world.service.content() == []


async def test_retry_after_is_kept_to(world: World) -> None:
    process = world.process()
    await world.subscribe(process, types=["Email"])
    await world.run()
    asked = world.service.asked
    world.service.answers["/P1"] = [Answer(429, "120")]
    world.mail[ALICE].change("flags")
    await world.run(1)
    await world.run(100)
    assert world.service.asked == asked + 1
    await world.run(40)
    assert world.service.content() == [state(Email="4")]


async def test_who_says_too_many_is_asked_less_often_until_he_takes_it(world: World) -> None:
    process = world.process()
    await world.subscribe(process, types=["Email"])
    await world.run()
    world.service.answers["/P1"] = [Answer(429)] * 6
    asked = world.service.asked
    world.mail[ALICE].change("flags")
    for _ in range(31):
        await world.run(1)
    assert asked + 2 <= world.service.asked <= asked + 5
    for _ in range(107):
        await world.run(1)
    assert world.service.content() == [state(Email="4")]
    world.mail[ALICE].change("flags")
    await world.run(10)
    assert world.service.content() == [], "pushes to it are further apart than before"
    await world.run(100)
    assert world.service.content() == [state(Email="5")]


async def test_who_refuses_for_days_is_given_up(world: World) -> None:
    process = world.process()
    await world.subscribe(process, types=["Email"])
    await world.run()
    world.service.answers["/P1"] = [Answer(403)] * 1000
    world.mail[ALICE].change("flags")
    for _ in range(30):
        await world.run(routes.GIVE_UP_MS / 1000 / 36)
    assert world.mail[ALICE].subscriptions.keys() == {"P1"}
    for _ in range(12):
        await world.run(routes.GIVE_UP_MS / 1000 / 36)
    assert world.mail[ALICE].subscriptions == {}


async def test_what_is_too_large_is_cut(world: World) -> None:
    for number in range(100, 160):
        world.mail[number].make(2, ((of_account(ALICE), "lr"),))
    process = world.process()
    await world.subscribe(process)
    await world.run()
    for number in range(100, 160):
        world.mail[number].change("new", 2)
    await world.run()
    whole = world.service.content()
    assert len(whole) == 2
    assert sum(len(one["changed"]) for one in whole) == 60
    world.service.room = 2000
    for number in range(100, 160):
        world.mail[number].change("new", 2)
    await world.run(10)
    changed = {account for one in world.service.content() for account in one["changed"]}
    assert changed == {f"A{number:x}" for number in range(100, 160)}


async def test_types_and_end_may_change(world: World) -> None:
    process = world.process()
    verified = await world.subscribe(process, types=["Email"])
    await world.run()
    changed = replace(verified, types=("Mailbox",))
    await world.mail.put_objects(ALICE, [(KIND, "P1", subs.encode(changed))])
    await world.run()
    world.service.content()
    world.mail[ALICE].change("flags")
    await world.run()
    assert world.service.content() == [state(Mailbox="5")]
    await world.mail.put_objects(ALICE, [(KIND, "P1", None)])
    await world.run()
    world.mail[ALICE].change("flags")
    await world.run()
    assert world.service.content() == []
    assert len(process.watcher) == 0


async def test_without_keys_it_is_not_encrypted(world: World) -> None:
    process = world.process()
    verified = await world.subscribe(process)
    seen: list[tuple[bytes, dict[str, str]]] = []

    async def post(url: str, body: bytes, fields: Any) -> Answer:
        seen.append((body, dict(fields)))
        return Answer(201)

    process.pusher._post = post
    await process.pusher.tell(replace(verified, p256dh="", auth=""), {"A1f": {"Email": "1"}})
    [(body, fields)] = seen
    assert body == b'{"@type":"StateChange","changed":{"A1f":{"Email":"1"}}}'
    assert "Content-Encoding" not in fields


# processes


async def test_each_account_is_one_process_to_push_for(world: World) -> None:
    one = world.process(set(range(4096)) - {slot_of(BOB)})
    two = world.process({slot_of(BOB)})
    await world.subscribe(one, ALICE, "P1", ["Email"])
    await world.subscribe(one, BOB, "P2", ["Email"])
    await world.run()
    assert (len(one.sender), len(two.sender)) == (1, 1)
    world.mail[ALICE].change("flags")
    world.mail[BOB].change("flags")
    await world.run()
    assert sorted(message.path for message in world.service.taken) == ["/P1", "/P2"]


async def test_a_slot_moves_with_what_was_pushed(world: World) -> None:
    one, two = world.process(), world.process(set())
    await world.subscribe(one, types=["Email"])
    await world.run()
    world.mail[ALICE].change("flags")
    await world.run()
    world.mail[ALICE].change("role")  # which it does not want
    await world.run()
    assert len(world.service.content()) == 1
    one.slots, two.slots = two.slots, one.slots
    world.time.pass_(SLOTS_S)
    await world.run()
    await world.run()
    assert (len(one.sender), len(two.sender)) == (0, 1)
    assert world.service.content() == [], "what was told before is not told again"
    world.mail[ALICE].change("flags")
    await world.run()
    assert world.service.content() == [state(Email="6")]


async def test_after_a_crash_what_was_missed_is_pushed(world: World) -> None:
    one = world.process()
    await world.subscribe(one, types=["Email"])
    await world.run()
    await one.sender.keep()
    one.kill()
    world.mail[ALICE].change("flags")
    world.process()
    await world.run()
    await world.run()
    assert world.service.content() == [state(Email="4")]


async def test_after_an_orderly_stop_nothing_is_pushed_twice(world: World) -> None:
    one = world.process()
    await world.subscribe(one, types=["Email"])
    await world.run()
    world.mail[ALICE].change("flags")
    await world.run()
    world.mail[ALICE].change("role")
    await one.sender.stop()
    one.kill()
    assert len(world.service.content()) == 1
    world.process()
    await world.run()
    await world.run()
    assert world.service.content() == []


async def test_an_account_that_cannot_be_read_is_tried_again(world: World) -> None:
    process = world.process()
    await world.subscribe(process, types=["Email"])
    world.mail.failing.add(ALICE)
    await world.run()
    assert len(process.sender) == 0
    world.mail.failing.clear()
    world.mail[ALICE].change("flags")
    await world.run(RETRY_S + 1)
    await world.run()
    assert world.service.content() == [state(Email="4")]


async def test_an_account_without_subscriptions_is_forgotten(world: World) -> None:
    process = world.process()
    await process.desk.making(ALICE)
    await world.run()
    assert await process.client.accounts(0, 4095) == [ALICE]
    world.clock.advance(IDLE_MS / 1000 + 1)
    process.sender.load(ALICE)
    await world.rest()
    assert await process.client.accounts(0, 4095) == []


# codes


async def test_codes_are_bounded(world: World) -> None:
    process = world.process()
    for _ in range(desks.CODES_MAX):
        await process.desk.making(ALICE)
    with pytest.raises(OverLimit):
        await process.desk.making(ALICE)
    await process.desk.making(BOB)
    world.clock.advance(desks.CODES_S + 1)
    await process.desk.making(ALICE)


async def test_a_code_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desks, "TRIES_S", (0.0, 0.0, 0.0))
    world.service.answers["/P1"] = [Answer(503), Answer(0, why="no route")]
    await world.subscribe(world.process())
    world.service.answers["/P2"] = [Answer(403), Answer(201)]
    with pytest.raises((AssertionError, IndexError)):
        await world.subscribe(world.processes[0], name="P2")
    assert len(world.service.answers["/P2"]) == 1, "who refuses is not asked again"


async def test_the_mark_of_a_verified_one_has_all_accounts(world: World) -> None:
    world.mail[TEAM].make(2, ((of_account(ALICE), "lr"),))
    process = world.process()
    await world.subscribe(process)
    assert read_mark((await process.client.marks(ALICE))["P1"]).keys() == {ALICE, TEAM}


# messages


def test_topics_are_of_what_is_told_not_of_its_state() -> None:
    one = topic_of({"A1": {"Email": "1", "Mailbox": "1"}})
    assert one == topic_of({"A1": {"Mailbox": "2", "Email": "2"}})
    assert one != topic_of({"A1": {"Email": "1"}})
    assert one != topic_of({"A2": {"Email": "1", "Mailbox": "1"}})
    assert len(one) == 32


def test_pieces() -> None:
    changed = {f"A{number}": {"Email": "1"} for number in range(10)}
    assert pieces(changed) == [changed]
    cut = pieces(changed, 120)
    assert len(cut) > 1
    assert {account: states for one in cut for account, states in one.items()} == changed
    assert pieces(changed, 1) == [{account: states} for account, states in changed.items()]
