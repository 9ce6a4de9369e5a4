"""The world of the IMAP tests (alice, bob, carol, the shared team, the group staff), with JMAP on its mailboxes; and
dora, who is of another domain."""

import base64
import random
from dataclasses import replace
from typing import Any

import orjson
from prometheus_client import CollectorRegistry

from gateway.access.ids import account_id
from gateway.jmap.cache import Fragments
from gateway.jmap.dispatch import carry_out
from gateway.jmap.metrics import Metrics
from gateway.jmap.parts import Services
from gateway.jmap.session import capabilities
from gateway.jmap.settings import JmapSettings, Principals
from gateway.jmap.turn import Turn
from mail.jmap.limits import Limits
from mail.jmap.request import decode, response
from tests.strict.jmap import answers
from tests.unit.gateway.imap import world as imap
from tests.unit.gateway.imap.indexed import IndexedWorld as IndexedImapWorld
from tests.unit.gateway.imap.world import ALICE, BOB, CAROL, TEAM, Person

DORA = 15
ACCOUNTS = {"alice": ALICE, "bob": BOB, "carol": CAROL, "team": TEAM, "dora": DORA}
LOGINS = {"dora": "dora@else.test"}


class World(imap.World):
    """`jmap` are what all requests share."""

    limits = Limits()

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.people.accounts["dora@else.test"] = self.people.people["dora"] = Person(DORA, "dora@else.test")
        self.jmap = Services(
            self.mail,
            self.people,
            self.limits,
            Metrics(CollectorRegistry()),
            self.clock,
            random.Random(3),
            self.log,
            Fragments(),
            indexes=self.indexes,
        )

    def knowing(self, principals: Principals) -> None:
        """From now on users are told of these principals."""
        self.jmap = replace(self.jmap, settings=JmapSettings(principals=principals))

    def turn(self, login: str, using: frozenset[str] | None = None) -> Turn:
        """A request of somebody's."""
        known = frozenset(capabilities(self.limits)) if using is None else using
        return Turn(self.jmap, ACCOUNTS[login], LOGINS.get(login, login), known, None)

    async def ask(self, login: str, request: Any) -> Any:
        """What is answered to a whole Request, or to an array of calls with all capabilities: always as it may be."""
        known = capabilities(self.limits)
        whole = {"using": list(known), "methodCalls": request} if isinstance(request, list) else request
        read = decode(orjson.dumps(whole), self.limits, known)
        turn = Turn(self.jmap, ACCOUNTS[login], LOGINS.get(login, login), read.using, read.created_ids)
        responses = await carry_out(turn, read)
        told = orjson.loads(orjson.dumps(response(responses, "", turn.created.json())))
        answers.read(whole, told)
        return told

    async def call(self, login: str, name: str, **arguments: Any) -> Any:
        """The arguments of the answer to one call, on the caller's own account where none is said; an error as it is
        told."""
        arguments.setdefault("accountId", account_id(ACCOUNTS[login]))
        ((_said, answer, _call),) = (await self.ask(login, [[name, arguments, "c"]]))["methodResponses"]
        return answer


class IndexedWorld(World, IndexedImapWorld):
    """Whose accounts have the indexes that a test makes."""


def basic(login: str, password: str = imap.PASSWORD) -> str:
    """An Authorization header's value."""
    return "Basic " + base64.b64encode(f"{login}:{password}".encode()).decode()
