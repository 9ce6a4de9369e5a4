"""What a mail client's commonest requests over JMAP cost in a mailbox of 100,000 messages: in this process without
HTTP, and the commonest of them over HTTPS from a server of its own.

The law: every answer is checked before anything is timed. A request is what a client sends, octets in and octets out.
In this process times are those of one request after the other, and so is the CPU. Over HTTPS a few clients ask all the
time, each on a connection that stays; the CPU is the server's alone.
"""

import asyncio
import base64
import re
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
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
from gateway.jmap.session import API, capabilities
from gateway.jmap.turn import Turn
from mail.jmap import capabilities as uri
from mail.jmap.limits import Limits
from mail.jmap.request import decode, encode
from ops.bench import processes
from ops.bench.delivery import Scratch, Told
from ops.bench.figures import Value
from ops.bench.imap import loop_factory
from ops.bench.peers import HOST, OURS, PASSWORD, Rookery, address, free_ports
from ops.bench.services import free_port
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
CLIENTS: Final = 4
SECONDS: Final = 5.0
SECONDS_QUICK: Final = 0.5
WARM_S: Final = 0.5
ARRIVALS: Final = 20
_LENGTH: Final = re.compile(rb"content-length: *([0-9]+)", re.IGNORECASE)
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


@dataclass
class OverHttps(Rookery):
    """With JMAP."""

    https: int = 0

    @property
    def settings(self) -> str:
        """A certificate is made by the server."""
        listener = f'[[listen]]\nprotocol = "https"\nport = {self.https}\n'
        return super().settings.replace("[[listen]]", listener + "[[listen]]", 1)


def measure(_make: object, scratch: Scratch, rounds: int, *, quick: bool, told: Told) -> Iterator[Value]:
    """Fill once."""
    mailbox = Mailbox(MESSAGES_QUICK if quick else MESSAGES)
    with asyncio.Runner(loop_factory=loop_factory) as runner, scratch() as directory:
        server = OverHttps(directory, free_ports(), https=free_port())
        told("jmap: filling")
        server.furnish(1)
        server.fill_varied(mailbox)
        body = runner.run(_page(directory))
        for number in range(rounds):
            told(f"jmap: round {number + 1} of {rounds}, over HTTPS")
            with server.running() as roots:
                yield from runner.run(_over_https(server.https, body, roots, SECONDS_QUICK if quick else SECONDS))
        yield from runner.run(_all(directory, mailbox, rounds, told, quick=quick))


async def _page(directory: Path) -> bytes:
    """The request for one."""
    async with opened(directory / "data", StoreSettings()) as core:
        requests = await _requests(core)
        return requests.request(*requests.page())


async def _requests(core: Core) -> Requests:
    account = (await core.directory.get_account(address(0))).id
    requests = Requests(core, account)
    boxes = (await core.mailboxes.tree(account)).mailboxes
    requests.inbox = mailbox_id(account, next(box.id for box in boxes if box.name == INBOX))
    return requests


async def _over_https(port: int, body: bytes, roots: list[int], seconds: float) -> list[Value]:
    """Each client waits for an answer before it asks again."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    basic = base64.b64encode(f"{address(0)}:{PASSWORD}".encode()).decode()
    head = f"POST {API} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Basic {basic}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    until, count = 0.0, 0

    async def client() -> None:
        nonlocal count
        reader, writer = await asyncio.open_connection(HOST, port, ssl=context, limit=1 << 20)
        while time.perf_counter() < until:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            if not head.startswith(b"HTTP/1.1 200") or length is None:
                raise RuntimeError(f"the server answered {head!r}")
            answer = await reader.readexactly(int(length[1]))
            if b'"Email/get"' not in answer:
                raise RuntimeError(f"the server answered {answer[:200]!r}")
            count += 1
        writer.close()

    until = time.perf_counter() + WARM_S
    await client()
    count, cpu_s, began = 0, processes.cpu_s(roots), time.perf_counter()
    until = began + seconds
    await asyncio.gather(*[client() for _ in range(CLIENTS)])
    spent_s, cpu_s = time.perf_counter() - began, processes.cpu_s(roots) - cpu_s
    what = f"Email/query of {PAGE}, newest first, and Email/get, over HTTPS, {CLIENTS} clients"
    return [
        Value(what, "requests/s", OURS, count / spent_s),
        Value(f"{what}: CPU", "ms/request", OURS, cpu_s / count * 1000),
    ]


async def _all(directory: Path, mailbox: Mailbox, rounds: int, told: Told, *, quick: bool) -> list[Value]:
    async with opened(directory / "data", StoreSettings()) as core:
        requests = await _requests(core)
        account = (await core.directory.get_account(address(0))).id
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
        patches = {email_id(account, email): {"keywords/$flagged": value} for email in range(1, SET + 1)}
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
