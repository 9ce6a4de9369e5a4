"""Two gateways of one cluster, and a client whose requests reach now one and now the other: each answer includes what
was answered before, while its account moves from process to process and processes die."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any, Final

import orjson
import pytest
from prometheus_client import CollectorRegistry

from cluster.meta.memory import MemoryStore
from gateway.access.ids import account_id
from gateway.jmap.cache import Fragments
from gateway.jmap.dispatch import carry_out
from gateway.jmap.metrics import Metrics
from gateway.jmap.parts import Services
from gateway.jmap.session import capabilities
from gateway.jmap.turn import Turn
from mail.jmap.limits import Limits
from mail.jmap.request import decode, response
from tests.strict.jmap import answers
from tests.unit.actors.mailbox.conftest import Place
from tests.unit.actors.mailbox.town import Town
from tests.unit.gateway.imap.world import ALICE, SilentLog
from tests.unit.gateway.jmap.sending import Post

ACCOUNT: Final = account_id(ALICE)
STEPS: Final = 40
MOVE_EVERY: Final = 4
TRIES: Final = 20  # of a request that is told to come later
EMAIL: Final = ("mailboxIds", "keywords", "subject")
Thing = dict[str, Any]


class Alternating:
    """A client that reaches another gateway each time, and knows what it was told."""

    def __init__(self, town: Town) -> None:
        self._gateways = [
            Services(
                town.gateway(),
                Post(),
                Limits(),
                Metrics(CollectorRegistry()),
                town.place.clock,
                random.Random(number),
                SilentLog(),
                Fragments(),
            )
            for number in range(2)
        ]
        self._turns = 0
        self.emails: dict[str, Thing] = {}
        self.boxes: list[str] = []
        self.state = ""
        self.delays = 0

    async def ask(self, name: str, **arguments: Any) -> Thing:
        """What is answered; who has to wait waits, and hears nothing worse."""
        for _ in range(TRIES):
            self._turns += 1
            services = self._gateways[self._turns % 2]
            known = capabilities(services.limits)
            request = {"using": list(known), "methodCalls": [[name, {"accountId": ACCOUNT, **arguments}, "c"]]}
            read = decode(orjson.dumps(request), services.limits, known)
            turn = Turn(services, ALICE, "alice", read.using, None)
            told = orjson.loads(orjson.dumps(response(await carry_out(turn, read), "", None)))
            answers.read(request, told)
            ((said, answer, _call),) = told["methodResponses"]
            if said != "error":
                return dict(answer)
            assert answer["type"] == "serverUnavailable", answer
            self.delays += 1
        raise AssertionError(f"{name} was put off {TRIES} times")

    async def begin(self) -> None:
        """What there is."""
        self.boxes = [one["id"] for one in (await self.ask("Mailbox/get", ids=None))["list"]]
        self.state = (await self.ask("Email/get", ids=[]))["state"]

    async def step(self, dice: random.Random) -> None:
        """Change something, and look at it through the other."""
        name = dice.choice(list(self.emails)) if self.emails and dice.random() < 0.7 else ""
        if not name:
            wanted = {"mailboxIds": {dice.choice(self.boxes): True}, "keywords": {}, "subject": f"s{self._turns}"}
            told = await self.ask("Email/set", create={"new": wanted})
            name = told["created"]["new"]["id"]
            self.emails[name] = {"id": name, **wanted}
        elif dice.random() < 0.2:
            told = await self.ask("Email/set", destroy=[name])
            gone = (told["notDestroyed"] or {}).get(name, {}).get("type") == "notFound"  # done before it was put off
            assert told["destroyed"] == [name] or gone, told
            del self.emails[name]
        else:
            word = dice.choice([one for one in "abc" if one not in self.emails[name]["keywords"]])
            patch = {"mailboxIds": {dice.choice(self.boxes): True}, "keywords": {word: True}}
            told = await self.ask("Email/set", update={name: patch})
            assert name in told["updated"], told
            self.emails[name] |= patch
        await self.look(name)

    async def look(self, name: str) -> None:
        """Its own write, and the states."""
        shown = await self.ask("Email/get", ids=[name], properties=EMAIL)
        assert shown["list"] == ([self.emails[name]] if name in self.emails else [])
        changes = await self.ask("Email/changes", sinceState=self.state)
        told = {*changes["created"], *changes["updated"], *changes["destroyed"]}
        assert name in told or name not in self.emails
        assert int(changes["newState"]) >= int(shown["state"]) >= int(self.state)
        self.state = changes["newState"]

    async def check(self) -> None:
        """All that it knows, and nothing twice."""
        shown = await self.ask("Email/get", ids=None, properties=EMAIL)
        mine = [self.emails[name] for name in sorted(self.emails)]
        theirs = sorted(shown["list"], key=lambda one: str(one["id"]))
        if self.delays:  # what was put off may have been done, and was then done again
            theirs = [one for one in theirs if one["id"] in self.emails]
        assert theirs == mine


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    made = Town(Place(MemoryStore()))
    await made.start("a")
    yield made
    await made.close()
    for shard in made.place.shards:
        await shard.stop()


@pytest.mark.parametrize("seed", range(4))
async def test_a_client_sees_its_own_writes(town: Town, seed: int) -> None:
    dice = random.Random(seed)
    client = Alternating(town)
    await client.begin()
    for _ in range(STEPS):
        await client.step(dice)
    await client.check()
    assert not client.delays


@pytest.mark.parametrize("seed", range(4))
async def test_while_the_account_moves_and_processes_die(town: Town, seed: int) -> None:
    dice = random.Random(seed)
    client = Alternating(town)
    await client.begin()
    here, there = "a", "b"
    for number in range(STEPS):
        if number % MOVE_EVERY:
            await client.step(dice)
            continue
        await asyncio.gather(client.step(dice), _move(town, dice, here, there))
        here, there = there, here
    await client.check()


async def _move(town: Town, dice: random.Random, here: str, there: str) -> None:
    """To another process, in good order or because the one that has it is not there any more."""
    for _ in range(dice.randrange(30)):
        await asyncio.sleep(0)
    await town.start(there)
    if dice.random() < 0.5:
        await town.move(ALICE, there)
        return
    town.kill(here)
    for _ in range(dice.randrange(30)):
        await asyncio.sleep(0)
    town.map.owner, town.map.epoch = there, town.map.epoch + 10
    town.map.moved.clear()
    town.tell()
