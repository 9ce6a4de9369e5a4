"""The HTTP API without a network: a small server, alone or of a cluster, with some of all there is to ask about."""

import base64
import random
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import msgspec
from prometheus_client import CollectorRegistry

from actors.queue.types import Envelope, Recipient
from actors.report.types import DMARC, Received
from actors.throttle.memory import MemoryTallies
from actors.trace.types import Fact, Note
from cluster.blobs.blobs import digest_of
from cluster.blobs.codec import pack
from cluster.blobs.memory import MemoryBlobs
from cluster.clock import ManualClock
from cluster.config import Secret
from cluster.membership.members import Layout, Member
from cluster.membership.memory import MemoryRegistry, MemoryRegistryServer
from cluster.meta.memory import MemoryStore
from cluster.placement.slotmap import PAGE_SLOTS, PAGES, Assignment, encode_page
from cluster.placement.watching import Watching
from gateway.logins import CountedLogins, LoginSettings
from gateway.reports.schedule import Round
from gateway.web.app import Application
from gateway.web.credentials import Credentials, Introspected
from gateway.web.metrics import WebMetrics
from gateway.web.parts import WebServices
from gateway.web.room import Room
from gateway.web.router import Router
from gateway.web.settings import WebSettings
from ops.admin.cluster import ClusterParts
from ops.admin.http.api import Api
from ops.admin.http.entrance import Entrance
from ops.admin.http.repeats import Repeats
from ops.admin.recording import Recorder
from ops.admin.server import AdminServer
from ops.admin.settings import ApiSettings
from ops.admin.signing import Shown
from ops.core import Core, over
from tests.unit.gateway.web.world import Log

ROOT: Final = "root@example.org"  # an administrator
ALICE: Final = "alice@example.org"  # none
PASSWORD: Final = "correct horse"
TOKEN: Final = "t" * 32
HOST: Final = "mx.example.org"
LAYOUT: Final = Layout("test")


def basic(login: str, password: str) -> str:
    """An Authorization header's value."""
    return f"Basic {base64.b64encode(f'{login}:{password}'.encode()).decode()}"


PROOFS: Final = {
    "root": basic(ROOT, PASSWORD),
    "alice": basic(ALICE, PASSWORD),
    "token": f"Bearer {TOKEN}",
    "stranger": f"Bearer {'x' * 32}",
}


class Response(NamedTuple):
    """What was answered."""

    status: int
    headers: dict[str, str]
    body: bytes


class Peer:
    """A connection of somebody's."""

    id = "c1"
    lost = stopping = False

    def __init__(self, ip: str, *, secure: bool) -> None:
        self.ip, self.secure = ip, secure
        self.room = Room(WebSettings().memory_bytes_max)

    def unfinished(self, scope: Any) -> bool:
        return False

    def attach(self, task: Any) -> None: ...

    def sent(self, count: int) -> None: ...

    def abort(self) -> None: ...


class World:
    """To be entered. `cluster`: it is part of one. `settings`: of [api]."""

    def __init__(self, *, cluster: bool = False, **settings: Any) -> None:
        self.settings = ApiSettings(**{"enabled": True, "writes": True, **settings})
        self.cluster = cluster
        self.clock = ManualClock()
        self.stack = AsyncExitStack()
        self.log = Log()
        self.ip, self.secure = "127.0.0.1", True
        self.entry = ""  # an id in the queue
        self.guesses = 0
        self.program = ""  # a password that an administrator has for a mail program
        self.core: Core
        self.application: Application

    async def __aenter__(self) -> Self:
        stores = MemoryStore(clock=self.clock), MemoryBlobs(clock=self.clock)
        made = over(*stores, self.clock, random.Random(1), None, CollectorRegistry())
        self.core = await self.stack.enter_async_context(made)
        cluster = await self._clustered() if self.cluster else None
        shown = Shown(HOST, routes=frozenset({"smart"}))
        admin = AdminServer.over(
            self.core, Path("unused"), version="1.2.3", cluster=cluster, shown=shown, send_reports=_send
        )
        logins = CountedLogins(
            LoginSettings(), MemoryTallies(self.clock), self.clock, random.Random(2), CollectorRegistry()
        )
        directory = self.core.directory
        credentials = Credentials(directory, logins, Introspected(directory), self.clock, random.Random(3))
        entrance = Entrance(self.settings, Secret(TOKEN), credentials, directory)
        repeats = Repeats(self.core.store, self.clock)
        self.api = Api(admin.service.servicers, Recorder(admin.audit), entrance, repeats, "1.2.3")
        router = Router()
        self.api.add_to(router)
        web = WebSettings(login_failure_delay_s=0.0, compress=False)
        services = WebServices(web, WebMetrics(CollectorRegistry()), self.clock, random.Random(4), self.log)
        self.application = Application(router, services)
        await self._people()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stack.aclose()

    async def ask(self, who: str, method: str, path: str, body: bytes = b"", **headers: str) -> Response:
        """One request."""
        path, _, query = path.partition("?")
        said = {"host": HOST, **headers}
        if proof := PROOFS.get(who) or self._guess(who):
            said["authorization"] = proof
        if body:
            said = {"content-type": "application/json", "content-length": str(len(body)), **said}
        scope = {
            "type": "http",
            "method": method,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in said.items()],
            "http_version": "1.1",
            "state": {"connection": Peer(self.ip, secure=self.secure)},
        }
        sent: list[Mapping[str, Any]] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.application(scope, receive, send)
        answered: dict[str, str] = {}
        for name, value in sent[0]["headers"]:
            before = answered.get(name.decode())
            answered[name.decode()] = f"{before}, {value.decode()}" if before else value.decode()
        return Response(sent[0]["status"], answered, b"".join(one["body"] for one in sent[1:]))

    def _guess(self, who: str) -> str:
        """Another wrong password each time, one for mail programs; empty for nobody."""
        if who == "program":
            return basic(ROOT, self.program)
        self.guesses += 1
        return basic(ROOT, f"guess{self.guesses}") if who == "wrong" else ""

    async def _people(self) -> None:
        """A domain, two accounts, mail that waits, a report, a trace."""
        directory = self.core.directory
        await directory.add_domain("example.org")
        for login in (ROOT, ALICE):
            await directory.add_account(login, PASSWORD)
        await directory.set_administrator(ROOT, True)
        await directory.add_app_password(ALICE, "phone", ["imap"])
        self.program = (await directory.add_app_password(ROOT, "tablet", ["imap", "jmap"])).password
        to = (Recipient("you@a.example"),)
        mail = Envelope("a.example", ALICE, to, digest_of(b"x"), 1)
        self.entry = (await self.core.queue.enqueue(mail, b"1", pack(b"x"))).hex()
        about = ("example.org", "Org", "y.test", "r1", 1, 2, 10, 3)
        report = Received(b"r" * 16, self.clock.now_ms(), "dmarc", *about, (("192.0.2.1", 3),), "i.1", ())
        await self.core.reports.keep(report)
        self.core.reports.count(DMARC, "x.test", b"row")
        await self.core.reports.flush()
        fact = Fact("spf", "pass", 3, {"record": "v=spf1 -all"})
        await self.core.traces.note(Note("i.1", "intake", 5, "m@x", "s@x", ("r@y",), (b"\1\2",), "accepted", (fact,)))

    async def _clustered(self) -> ClusterParts:
        registry = MemoryRegistry(MemoryRegistryServer(), self.clock)
        self.stack.push_async_callback(registry.close)
        for kind, node in (("mailbox", "a"), ("gateway", "b")):
            member = Member(name=f"{kind}-{node}-1", kind=kind, node=node, address=f"{node}:1", process=7)
            await registry.change({LAYOUT.member(member): msgspec.json.encode(member)})
        page = (Assignment("mailbox-a-1", 5),) * PAGE_SLOTS
        await registry.change({LAYOUT.page("mailbox", number): encode_page(number, page) for number in range(PAGES)})
        watching = Watching(registry, LAYOUT)
        watching.start()
        self.stack.push_async_callback(watching.close)
        await watching.ready(5)
        return ClusterParts("test", registry, LAYOUT, watching)


async def _send() -> Round:
    return Round(sent=2, nobody=1)
