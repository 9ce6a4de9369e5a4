"""A JMAP client of a gateway, of one account, without HTTP: requests go straight to where the gateway carries them out.

The law: as of load.py. It keeps a copy of the account by /changes alone; whenever that is as new as the log, it must be
what the log says.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Any, Final, Protocol

import orjson
import structlog
from prometheus_client import CollectorRegistry

from actors.mailbox.client import MailboxClient
from actors.mailbox.state import Mailbox
from actors.mailbox.types import DELETED, FLAGGED
from cluster.blobs.blobs import digest_of
from cluster.clock import Clock
from cluster.errors import Trouble, Unavailable
from gateway.access import ids
from gateway.jmap import uploads
from gateway.jmap.cache import Fragments
from gateway.jmap.dispatch import carry_out
from gateway.jmap.metrics import Metrics
from gateway.jmap.parts import Directory, Services
from gateway.jmap.session import capabilities
from gateway.jmap.turn import Turn
from mail.jmap.limits import Limits
from mail.jmap.request import decode, response
from ops.sim.load import THINK_S, Stage

UPLOAD_TRIES_MAX: Final = 32  # of uploads.py: that many entries at most
_GOT: Final[Mapping[str, tuple[str, ...]]] = {"Email": ("mailboxIds", "keywords"), "Mailbox": ("name",)}
Objects = dict[str, dict[str, Any]]


class _Nobody(Directory, Protocol):
    """Who has no account but his own asks no directory."""


class JmapClient:
    """One client: does one thing after another."""

    selected = None  # of the other clients

    def __init__(self, name: str, mailboxes: MailboxClient, clock: Clock, dice: Random, stage: Stage) -> None:
        self.name = name
        self._dice = dice
        self._account = dice.choice(stage.accounts)
        self._stage = stage
        self._made = 0
        self._states: dict[str, str] = {}
        self._copies: dict[str, Objects] = {"Email": {}, "Mailbox": {}}
        log: Any = structlog.get_logger()
        directory: Any = _Nobody
        metrics = Metrics(CollectorRegistry())
        self._services = Services(mailboxes, directory, Limits(), metrics, clock, dice, log, Fragments())
        self._known = frozenset(capabilities(self._services.limits))

    async def run(self, steps: int) -> None:
        """Do so many things."""
        kinds: tuple[Callable[[], Awaitable[None]], ...] = (
            self.look, self.look, self.look, self.flag, self.flag, self.import_, self.mailbox,
        )  # fmt: skip
        attempts = self._stage.attempts
        for _step in range(steps):
            await asyncio.sleep(self._dice.uniform(*THINK_S))
            kind = self._dice.choice(kinds)
            try:
                await kind()
                attempts.answered += 1
            except Trouble as trouble:
                attempts.unanswered += 1
                self._stage.trace("trouble", self.name, f"jmap {kind.__name__}", type(trouble).__name__)

    async def let_go(self) -> None:
        """Nothing is held open."""

    async def look(self) -> None:
        """/changes and /get; a first time, all."""
        ledger, account = self._stage.ledger, self._account
        before, floor = ledger.account(account).modseq, ledger.acknowledged.get(account, 0)
        for kind in _GOT:
            while await self._follow(kind):
                pass
        now = ledger.account(account)
        if floor and before == now.modseq:
            self._compare()

    async def flag(self) -> None:
        r"""Email/set of $flagged on some emails."""
        known = sorted(self._copies["Email"])
        some = self._dice.sample(known, min(len(known), 3))
        if not some:
            return
        on = self._dice.random() < 0.6
        places = len(self._stage.ledger.account(self._account).mailboxes) + 3  # and what is made meanwhile
        self._stage.attempts.ask(self._account, *["FlagsChanged"] * places * len(some))
        patch = {"keywords/$flagged": True if on else None}
        told = await self._ask("Email/set", update=dict.fromkeys(some, patch))
        self._answered(told)
        if int(told["newState"]) - int(told["oldState"]) > 1:  # others have changed something too
            return
        done = {self._number(name) for name in told["updated"] or ()}
        for box in self._stage.ledger.account(self._account).mailboxes.values():
            for email, modseq, flags in _rows(box):
                late = modseq > int(told["newState"])
                if email in done and not late and not flags & DELETED and bool(flags & FLAGGED) is not on:
                    self._broken(f"an Email/set of {email} that was answered is not in the log")

    async def import_(self) -> None:
        """An upload, and Email/import of it."""
        self._made += 1
        raw = b"Subject: %s %d\r\n\r\n%032x" % (self.name.encode(), self._made, self._dice.getrandbits(128))
        attempts, account = self._stage.attempts, self._account
        attempts.ask(account, *["ObjectsChanged"] * UPLOAD_TRIES_MAX)
        blob = await uploads.keep(self._services, account, raw, "message/rfc822")
        inbox = ids.mailbox_id(account, 1)
        attempts.delivered[account, digest_of(raw)] = False
        attempts.ask(account, "MessagesAdded")
        told = await self._ask("Email/import", emails={"k": {"blobId": blob, "mailboxIds": {inbox: True}}})
        if not told["created"]:
            self._broken(f"an Email/import was refused: {told['notCreated']}")
            return
        attempts.delivered[account, digest_of(raw)] = True
        self._answered(told)
        number = self._number(told["created"]["k"]["id"])
        if self._stage.ledger.digests.get((account, number or 0)) != digest_of(raw):
            self._broken("an email was told as created that is not in the log")

    async def mailbox(self) -> None:
        """Mailbox/set: a new one."""
        self._made += 1
        name = f"jmap-{self.name}-{self._made}"
        self._stage.attempts.ask(self._account, "MailboxCreated", "SubscriptionChanged")
        told = await self._ask("Mailbox/set", create={"k": {"name": name}})
        if not told["created"]:
            self._broken(f"a Mailbox/set was refused: {told['notCreated']}")
        elif name not in self._stage.ledger.account(self._account).by_name:
            self._broken(f"mailbox {name} was told as created and is not in the log")
        self._answered(told)

    async def _follow(self, kind: str) -> bool:
        """Whether there are more changes."""
        properties = list(_GOT[kind])
        if kind not in self._states:
            told = await self._ask(f"{kind}/get", ids=None, properties=properties)
            self._copies[kind] = {one["id"]: one for one in told["list"]}
            self._states[kind] = told["state"]
            return False
        told = await self._ask(f"{kind}/changes", sinceState=self._states[kind], maxChanges=20)
        if int(told["newState"].partition(".")[0]) < int(self._states[kind].partition(".")[0]):
            self._broken(f"{kind}/changes goes back from {self._states[kind]} to {told['newState']}")
        wanted = [*told["created"], *told["updated"]]
        shown = await self._ask(f"{kind}/get", ids=wanted, properties=properties) if wanted else None
        self._states[kind] = told["newState"]
        gone = shown["notFound"] if shown is not None else ()
        for name in (*told["destroyed"], *gone):
            self._copies[kind].pop(name, None)
        self._copies[kind] |= {one["id"]: one for one in (shown["list"] if shown is not None else ())}
        return bool(told["hasMoreChanges"])

    def _compare(self) -> None:
        account = self._stage.ledger.account(self._account)
        number = account.id
        if self._states["Mailbox"] == str(account.stamp("Mailbox")):
            boxes = {ids.mailbox_id(number, box) for box in account.mailboxes}
            if boxes != self._copies["Mailbox"].keys():
                self._broken(f"its mailboxes are {sorted(self._copies['Mailbox'])}, the log's {sorted(boxes)}")
        if self._states["Email"] != str(account.stamp("Email")):
            return
        there: dict[str, dict[str, bool]] = {}
        for place, box in account.mailboxes.items():
            for email, _modseq, flags in _rows(box):
                if not flags & DELETED:  # what has it is in no Mailbox
                    name = ids.email_id(number, email)
                    there.setdefault(name, {})[ids.mailbox_id(number, place)] = True
        copy = {name: one["mailboxIds"] for name, one in self._copies["Email"].items()}
        if copy != there:
            wrong = sorted(name for name in {*copy, *there} if copy.get(name) != there.get(name))
            self._broken(f"its emails are not the log's as of {self._states['Email']}: {wrong[:9]}")

    async def _ask(self, name: str, **arguments: Any) -> dict[str, Any]:
        """The answer to one call. Raises Unavailable where it is said to be."""
        call = [name, {"accountId": ids.account_id(self._account), **arguments}, "c"]
        request = decode(
            orjson.dumps({"using": sorted(self._known), "methodCalls": [call]}), self._services.limits, self._known
        )
        turn = Turn(self._services, self._account, self.name, request.using, None)
        said = orjson.loads(orjson.dumps(response(await carry_out(turn, request), "", None)))
        kind, answer, _call = said["methodResponses"][0]
        self._stage.trace("jmap", self.name, name, answer.get("newState", answer.get("state", answer.get("type"))))
        if kind == "error" and answer["type"] == "serverUnavailable":
            raise Unavailable(str(answer))
        if kind == "error":
            self._broken(f"{name}: {answer}")
            raise Unavailable("It was broken.")
        return dict(answer)

    def _answered(self, told: Mapping[str, Any]) -> None:
        self._stage.ledger.answered(self._account, int(told["newState"]))

    def _number(self, name: str) -> int | None:
        return ids.email_of(name, self._account)

    def _broken(self, what: str) -> None:
        self._stage.broken(f"{self.name}: account {self._account}: {what}")


def _rows(box: Mailbox) -> list[tuple[int, int, int]]:
    """Email, MODSEQ and flags of each message."""
    index = box.index
    if index is None:
        return []
    return list(zip(index.emails.tolist(), index.modseqs.tolist(), index.flags.tolist(), strict=True))
