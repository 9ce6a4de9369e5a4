"""What was made with other credentials is not shown, nor changed (RFC 8620 8.6)."""

from typing import Any

from gateway.jmap.dispatch import carry_out
from gateway.jmap.turn import Turn
from mail.jmap.capabilities import CORE
from mail.jmap.request import Call, Request
from tests.unit.gateway.imap.world import ALICE
from tests.unit.gateway.jmap.test_subscriptions import ASKED, seated
from tests.unit.gateway.jmap.world import World


async def ask(world: World, credential: str, verb: str, **arguments: Any) -> Any:
    using = frozenset({CORE})
    turn = Turn(world.jmap, ALICE, "alice", using, None, credential)
    ((_name, told, _call),) = await carry_out(
        turn, Request(using, [Call(f"PushSubscription/{verb}", arguments, "c")], None)
    )
    return told


async def test_each_credential_has_its_own() -> None:
    async with World() as world:
        desk = seated(world)
        made = await ask(world, "app:1", "set", create={"new": ASKED})
        name = made["created"]["new"]["id"]
        assert desk.codes[0].credential == "app:1"
        assert [one["id"] for one in (await ask(world, "app:1", "get", ids=None))["list"]] == [name]
        for other in ("app:2", "password:1", ""):
            assert (await ask(world, other, "get", ids=None))["list"] == []
            told = await ask(world, other, "set", destroy=[name])
            assert told["notDestroyed"][name]["type"] == "notFound"
