"""What a mail client's commonest requests over JMAP cost in a mailbox of 100,000 messages: in this process, without
HTTP.

The law: every answer is checked before anything is timed. A request is what a client sends, octets in and octets out;
times are those of one request after the other, and so is the CPU, which is this process's.
"""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson
import structlog
from prometheus_client import CollectorRegistry

from actors.mailbox.types import FLAGGED, INBOX, EmailEdit, Item
from gateway.access.ids import account_id, email_id, mailbox_id
from gateway.jmap.cache import Fragments
from gateway.jmap.dispatch import carry_out
from gateway.jmap.metrics import Metrics
from gateway.jmap.parts import Services
from gateway.jmap.session import capabilities
from gateway.jmap.turn import Turn
from mail.jmap import capabilities as uri
from mail.jmap.limits import Limits
from mail.jmap.request import decode, encode
from ops.bench.delivery import Scratch, Told
from ops.bench.figures import Value
from ops.bench.filling import add_accounts, add_varied
from ops.bench.imap import loop_factory
from ops.bench.peers import OURS, address
from ops.bench.texts import letters
from ops.bench.varied import Mailbox
from ops.core import Core, opened
from ops.settings import StoreSettings

MESSAGES: Final = 100_000
MESSAGES_QUICK: Final = 1000
PAGE: Final = 50
TIMES: Final = 200
TIMES_QUICK: Final = 5
CHANGES: Final = 1000
SET: Final = 500
ARRIVALS: Final = 20
_USING: Final = [uri.CORE, uri.MAIL]
_PROPERTIES: Final = [
    "threadId", "mailboxIds", "keywords", "from", "to", "subject", "receivedAt", "size", "preview", "hasAttachment",
]  # fmt: skip


class Requests:
    """Sends requests of one person's."""

    def __init__(self, core: Core, account: int) -> None:
        self.account = account_id(account)
        self.inbox = ""
        self._account = account
        self._limits = Limits()
        self._known = capabilities(self._limits)
        self._services = Services(
            core.mailboxes,
            core.directory,
            self._limits,
            Metrics(CollectorRegistry()),
            core.clock,
            core.dice,
            structlog.get_logger(),
            Fragments(),
        )

    def request(self, *calls: tuple[str, dict[str, Any]]) -> bytes:
        """As it is sent; calls are named by their place."""
        named = [[name, {"accountId": self.account, **said}, str(place)] for place, (name, said) in enumerate(calls)]
        return orjson.dumps({"using": _USING, "methodCalls": named})

    async def send(self, body: bytes) -> bytes:
        """The answer."""
        request = decode(body, self._limits, self._known)
        turn = Turn(self._services, self._account, address(0), request.using, request.created_ids)
        return encode(await carry_out(turn, request), "state", turn.created.json())

    async def ask(self, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
        """What the calls answer."""
        answers: list[Any] = orjson.loads(await self.send(self.request(*calls)))["methodResponses"]
        if wrong := [answer for answer in answers if answer[0] == "error"]:
            raise RuntimeError(f"{wrong[0]}")
        return [answer[1] for answer in answers]

    def page(self, **query: Any) -> tuple[tuple[str, dict[str, Any]], ...]:
        """The newest of a mailbox, as a list of them shows them."""
        asked = {
            "filter": {"inMailbox": self.inbox},
            "sort": [{"property": "receivedAt", "isAscending": False}],
            "limit": PAGE,
            **query,
        }
        ids = {"resultOf": "0", "name": "Email/query", "path": "/ids"}
        return ("Email/query", asked), ("Email/get", {"#ids": ids, "properties": _PROPERTIES})


def measure(_make: object, scratch: Scratch, rounds: int, *, quick: bool, told: Told) -> Iterator[Value]:
    """Fill once; all in this process."""
    with asyncio.Runner(loop_factory=loop_factory) as runner, scratch() as directory:
        told("jmap: filling")
        yield from runner.run(_all(directory, rounds, told, quick=quick))


async def _all(directory: Path, rounds: int, told: Told, *, quick: bool) -> list[Value]:
    mailbox = Mailbox(MESSAGES_QUICK if quick else MESSAGES)
    async with opened(directory / "data", StoreSettings()) as core:
        await add_accounts(core, 1)
        account = (await core.directory.get_account(address(0))).id
        await add_varied(core, mailbox.count)
        requests = Requests(core, account)
        boxes = (await core.mailboxes.tree(account)).mailboxes
        requests.inbox = mailbox_id(account, account, next(box.id for box in boxes if box.name == INBOX))
        await _check(requests, mailbox)
        values: list[Value] = []
        for number in range(rounds):
            told(f"jmap: round {number + 1} of {rounds}")
            values += await _pages(core, requests, account, TIMES_QUICK if quick else TIMES)
            values += await _changed(core, requests, account, mailbox.count)
            values += await _set(requests, account)
        return values


async def _check(requests: Requests, mailbox: Mailbox) -> None:
    """Raises RuntimeError where an answer is not what it must be."""
    newest = sorted(mailbox.letters(), key=lambda one: (one.arrived_s, one.number), reverse=True)
    threads = list({one.thread: one for one in reversed(newest)}.values())
    for collapses, wanted in ((False, newest), (True, sorted(threads, key=newest.index) if len(newest) < PAGE else [])):
        found, shown = await requests.ask(*requests.page(calculateTotal=True, collapseThreads=collapses))
        names = [one["subject"].removeprefix("Re: ") for one in shown["list"]]
        if wanted and (names != [one.subject for one in wanted[:PAGE]] or found["total"] != len(wanted)):
            raise RuntimeError(f"Email/query and /get: {names[:3]} are not {[one.subject for one in wanted[:3]]}")


async def _pages(core: Core, requests: Requests, account: int, times: int) -> list[Value]:
    values = []
    what = f"Email/query of {PAGE}, newest first, and Email/get"
    for name, query in {what: {}, f"{what}, threads collapsed": {"collapseThreads": True}}.items():
        body = requests.request(*requests.page(**query))
        await requests.send(body)
        values += await _timed(name, requests, [body] * times)
    message = await core.mailboxes.prepare(letters()[0])
    body = requests.request(*requests.page())
    spent_s = cpu_s = 0.0
    for _ in range(ARRIVALS):
        await core.mailboxes.add(account, INBOX, [Item(message, core.clock.now_ms())])
        began, cpu = time.perf_counter(), time.process_time()
        await requests.send(body)
        spent_s += time.perf_counter() - began
        cpu_s += time.process_time() - cpu
    values.append(Value(f"{what}: when one has come", "ms", OURS, spent_s / ARRIVALS * 1000))
    values.append(Value(f"{what}: when one has come, CPU", "ms/request", OURS, cpu_s / ARRIVALS * 1000))
    return values


async def _changed(core: Core, requests: Requests, account: int, count: int) -> list[Value]:
    """Each change by itself."""
    (before,) = await requests.ask(("Email/get", {"ids": [], "properties": ["id"]}))
    emails = range(count, max(0, count - CHANGES), -1)
    for email in emails:
        await core.mailboxes.edit(account, [EmailEdit(email, set=FLAGGED)])
        await core.mailboxes.edit(account, [EmailEdit(email, clear=FLAGGED)])
    (told,) = await requests.ask(("Email/changes", {"sinceState": before["state"]}))
    if len(told["updated"]) != len(emails):
        raise RuntimeError(f"Email/changes: {len(told['updated'])} are told, {len(emails)} have changed")
    body = requests.request(("Email/changes", {"sinceState": before["state"]}))
    return await _timed(f"Email/changes after {2 * CHANGES:,} changes", requests, [body] * 5)


async def _set(requests: Requests, account: int) -> list[Value]:
    bodies = []
    for value in (True, None) * 2:
        patches = {email_id(account, account, email): {"keywords/$flagged": value} for email in range(1, SET + 1)}
        bodies.append(requests.request(("Email/set", {"update": patches})))
    return await _timed(f"Email/set of {SET}", requests, bodies)


async def _timed(what: str, requests: Requests, bodies: list[bytes]) -> list[Value]:
    began, cpu = time.perf_counter(), time.process_time()
    for body in bodies:
        await requests.send(body)
    spent_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    return [
        Value(what, "ms", OURS, spent_s / len(bodies) * 1000),
        Value(f"{what}: CPU", "ms/request", OURS, cpu_s / len(bodies) * 1000),
    ]
