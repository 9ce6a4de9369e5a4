"""Plays a script against a whole server in one event loop, and holds what it answers against what must always hold.

Promises, whatever clients ask:
- nothing is logged as a defect, no call fails by the server, and each ends within a bounded time;
- a request is answered or refused as the standards have it (tests/strict/jmap);
- what only reads changes nothing; a state never goes back.
"""

import asyncio
import json
import random
import re
from typing import Any, Final

import orjson

from actors.mailbox.rights import of_account
from gateway.access.ids import account_id
from gateway.jmap import uploads
from gateway.jmap.dispatch import carry_out
from gateway.jmap.session import capabilities
from gateway.jmap.turn import Turn
from mail.jmap.errors import RequestError
from mail.jmap.limits import Limits
from mail.jmap.methods.table import METHODS
from mail.jmap.request import decode, response
from tests.fuzz.jmap_session.script import Step
from tests.fuzz.session.words import message
from tests.strict.jmap import answers
from tests.unit.gateway.jmap.world import ACCOUNTS, World

RUNNING_S_MAX: Final = 30.0  # of one request: far above what the slowest needs
KNOWN_MAX: Final = 200  # ids of a kind that a player remembers
_ID: Final = re.compile(r"(?:A[0-9a-f]+_)?([EFTM])(?:A[0-9a-f]+_)?[EFT]?[0-9a-f]+[-0-9a-f]*")
_PLACE: Final = re.compile(r"@([EFTMASXO])([0-9]*)")
_SHARED: Final = (
    ("alice", "INBOX", "bob", "lrswitek"),
    ("alice", "Archive", "carol", "lr"),
    ("team", "INBOX", "bob", "lrswitekxa"),
)
LIMITS: Final = Limits(size_upload_max_bytes=100_000, objects_get_max=100, objects_set_max=50)


class Player:
    """One script on a world of its own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[str, dict[str, dict[str, None]]] = {}  # by login, by kind
        self._modseqs: dict[int, int] = {}

    async def begin(self) -> None:
        """What is shared, and an upload each."""
        world = self._world
        for owner, name, other, rights in _SHARED:
            await world.mail.set_acl(ACCOUNTS[owner], name, of_account(ACCOUNTS[other]), rights)
        for login, number in ACCOUNTS.items():
            if login != "team":
                made = await uploads.keep(world.jmap, number, message(random.Random(number)), "message/rfc822")
                self._known.setdefault(login, {})["M"] = {made: None}

    async def step(self, step: Step) -> None:
        """One more. Raises AssertionError."""
        world = self._world
        if step.calls is None:
            await world.deliver(message(random.Random(step.seed)), ACCOUNTS[step.login])
            return
        known = capabilities(LIMITS)
        request: dict[str, Any] = {"using": list(known), "methodCalls": self.filled(step.calls, step.login)}
        if step.created is not None:
            request["createdIds"] = self.filled(step.created, step.login)
        before = {number: await self._modseq(number) for number in ACCOUNTS.values()}
        try:
            read = decode(json.dumps(request).encode(), LIMITS, known)
        except RequestError as problem:
            answers.read_problem(problem.problem())
            return
        turn = Turn(world.jmap, ACCOUNTS[step.login], step.login, read.using, read.created_ids)
        async with asyncio.timeout(RUNNING_S_MAX):
            responses = await carry_out(turn, read)
        told = orjson.loads(orjson.dumps(response(responses, "s", turn.created.json())))
        defects = [line for line in world.log.lines if line["event"] == "jmap.defect"]
        assert not defects, defects
        answers.read(request, told)
        self.learn(step.login, told)
        after = {number: await self._modseq(number) for number in ACCOUNTS.values()}
        assert all(after[number] >= before[number] for number in before)
        if not any(METHODS[name].writes for name, _arguments, _call in step.calls if name in METHODS):
            assert after == before, "what only reads changed something"

    async def _modseq(self, number: int) -> int:
        return (await self._world.mail.mirror(number)).account.modseq

    def filled(self, value: Any, login: str) -> Any:
        """With what stands for ids replaced."""
        if isinstance(value, str):
            found = _PLACE.fullmatch(value)
            return self._meant(found[1], int(found[2] or 0), login) if found else value
        if isinstance(value, list):
            return [self.filled(one, login) for one in value]
        if isinstance(value, dict):
            return {self._path(name, login): self.filled(one, login) for name, one in value.items()}
        return value

    def _path(self, name: str, login: str) -> str:
        return "/".join(str(self.filled(part, login)) for part in name.split("/"))

    def _meant(self, kind: str, number: int, login: str) -> str:
        if kind == "O":
            return account_id(ACCOUNTS[login])
        if kind == "A":
            return account_id(list(ACCOUNTS.values())[number % len(ACCOUNTS)])
        known = list(self._known.get(login, {}).get(kind, ()))
        return known[number % len(known)] if known else "x"

    def learn(self, login: str, value: Any) -> None:
        """The ids and states in an answer."""
        known = self._known.setdefault(login, {})

        def keep(kind: str, text: str) -> None:
            if len(kept := known.setdefault(kind, {})) < KNOWN_MAX:
                kept[text] = None

        def walk(one: Any, name: str = "") -> None:
            if isinstance(one, dict):
                for key, inner in one.items():
                    walk(key)
                    walk(inner, key)
            elif isinstance(one, list):
                for inner in one:
                    walk(inner, name)
            elif isinstance(one, str):
                found = _ID.fullmatch(one)
                if found:
                    keep(found[1], one)
                elif name.endswith("tate"):
                    keep("S", one)
                elif name == "id":
                    keep("X", one)

        walk(value["methodResponses"])


class SmallWorld(World):
    """With limits that scripts meet."""

    limits = LIMITS


class FarWorld(SmallWorld):
    """With the shard across the data plane."""

    far = True


async def play(steps: list[Step], *, far: bool = False) -> None:
    """Raises AssertionError for a broken promise."""
    async with FarWorld() if far else SmallWorld() as world:
        player = Player(world)
        await player.begin()
        for step in steps:
            await player.step(step)
