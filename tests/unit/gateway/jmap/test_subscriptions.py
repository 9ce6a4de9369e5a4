"""PushSubscription (RFC 8620 7.2): what is told of them, and what becomes of their codes."""

from dataclasses import replace
from typing import Any, cast

from cluster.errors import OverLimit
from gateway.push.desk import Desk
from mail.jmap.subscriptions import SUBSCRIPTIONS_MAX, Subscription
from tests.unit.gateway.jmap.world import World

KEYS = {
    # Of RFC 8291 5.
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}
ASKED = {"deviceClientId": "phone", "url": "https://push.example.net/1", "keys": KEYS, "types": ["Email"]}


class Secretary:
    """Stands in for the desk: notes what it is told."""

    def __init__(self) -> None:
        self.codes: list[Subscription] = []
        self.verified_ids: list[str] = []
        self.many = False

    async def server_key(self) -> str:
        return "BServerKey"

    async def making(self, account: int) -> None:
        if self.many:
            raise OverLimit("Too many.")

    def made(self, account: int, subscription: Subscription) -> None:
        self.codes.append(subscription)

    async def verified(self, account: int, subscription: Subscription) -> None:
        self.verified_ids.append(subscription.id)


def seated(world: World) -> Secretary:
    desk = Secretary()
    world.jmap = replace(world.jmap, desk=cast("Desk", desk))
    return desk


async def ask(world: World, login: str, verb: str, **arguments: Any) -> Any:
    answer = await world.ask(login, [[f"PushSubscription/{verb}", arguments, "c"]])
    ((_name, told, _call),) = answer["methodResponses"]
    return told


async def test_the_life_of_one() -> None:
    async with World() as world:
        desk = seated(world)
        made = await ask(world, "alice", "set", create={"new": ASKED})
        assert made["notCreated"] is None
        name = made["created"]["new"]["id"]
        assert made["created"]["new"].keys() == {"id", "expires"}
        (pushed,) = desk.codes
        assert (pushed.id, pushed.url, pushed.types) == (name, ASKED["url"], ("Email",))

        (shown,) = (await ask(world, "alice", "get", ids=None))["list"]
        assert shown.keys() == {"id", "deviceClientId", "verificationCode", "expires", "types"}
        assert shown["verificationCode"] is None

        wrong = await ask(world, "alice", "set", update={name: {"verificationCode": "wrong"}})
        assert wrong["notUpdated"][name] == {
            "type": "invalidProperties",
            "properties": ["verificationCode"],
            "description": wrong["notUpdated"][name]["description"],
        }
        assert not desk.verified_ids
        told = await ask(world, "alice", "set", update={name: {"verificationCode": pushed.code, "types": None}})
        assert told["updated"] == {name: None}
        assert desk.verified_ids == [name]
        (shown,) = (await ask(world, "alice", "get", ids=[name], properties=["types", "verificationCode"]))["list"]
        assert shown == {"id": name, "types": None, "verificationCode": pushed.code}

        # Who has not heard that it was taken may say it again; what never changes may not be taken away either.
        whole = {key: value for key, value in ASKED.items() if key != "types"} | {"verificationCode": pushed.code}
        assert (await ask(world, "alice", "set", update={name: whole}))["updated"] == {name: None}
        for gone in ({"keys": None}, {"verificationCode": None}, {"verificationCode": "wrong"}):
            refused = (await ask(world, "alice", "set", update={name: gone}))["notUpdated"][name]
            assert refused["properties"] == [*gone]
        assert desk.verified_ids == [name]

        # Nobody else has it, and nobody reads where it goes.
        assert (await ask(world, "bob", "get", ids=[name]))["notFound"] == [name]
        assert "notFound" in (await ask(world, "bob", "set", destroy=[name]))["notDestroyed"][name]["type"]
        assert (await ask(world, "alice", "get", ids=None, properties=["url"]))["type"] == "forbidden"
        assert (await ask(world, "alice", "set", destroy=[name]))["destroyed"] == [name]
        assert (await ask(world, "alice", "get", ids=None))["list"] == []


async def test_what_cannot_be_one() -> None:
    async with World() as world:
        seated(world)
        for changed, wrong in (
            ({"url": "http://push.example.net/"}, "url"),
            ({"url": "https://user@push.example.net/"}, "url"),
            ({"keys": {"p256dh": "x", "auth": "y"}}, "keys"),
            ({"deviceClientId": ""}, "deviceClientId"),
            ({"expires": "2001-01-01T00:00:00Z"}, "expires"),
            ({"verificationCode": "x"}, "verificationCode"),
        ):
            answer = await ask(world, "alice", "set", create={"new": {**ASKED, **changed}})
            assert answer["notCreated"]["new"]["properties"] == [wrong]


async def test_there_are_not_too_many() -> None:
    async with World() as world:
        desk = seated(world)
        for _ in range(SUBSCRIPTIONS_MAX):
            assert (await ask(world, "alice", "set", create={"new": ASKED}))["created"]
        answer = await ask(world, "alice", "set", create={"new": ASKED})
        assert answer["notCreated"]["new"]["type"] == "rateLimit"
        desk.many = True
        answer = await ask(world, "bob", "set", create={"new": ASKED})
        assert answer["notCreated"]["new"]["type"] == "rateLimit"


async def test_what_has_ended_is_there_no_more_and_leaves_room() -> None:
    async with World() as world:
        seated(world)
        for _ in range(SUBSCRIPTIONS_MAX):
            await ask(world, "alice", "set", create={"new": ASKED})
        world.clock.advance(15 * 86_400)
        assert (await ask(world, "alice", "get", ids=None))["list"] == []
        assert (await ask(world, "alice", "set", create={"new": ASKED}))["created"]


async def test_a_server_that_pushes_nothing_says_so() -> None:
    async with World() as world:
        answer = await ask(world, "alice", "set", create={"new": ASKED})
        assert answer["notCreated"]["new"]["type"] == "forbidden"
