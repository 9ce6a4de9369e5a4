"""A directory of three people and an intake that keeps all in memory, both of which can be told to fail."""

import asyncio
import base64
import random
from collections.abc import Awaitable

from prometheus_client import CollectorRegistry

from actors.directory.types import Local, NotLocal, Principal, Resolution, Target, Unknown, Why
from actors.queue.outbox import Kept
from actors.queue.types import Envelope
from actors.throttle.memory import MemoryTallies
from actors.trace.types import Note
from cluster.clock import ManualClock
from cluster.errors import Trouble
from gateway.logins import CountedLogins, LoginSettings
from gateway.smtp.memory import Memory
from gateway.smtp.metrics import ListenerMetrics, Metrics
from gateway.smtp.offering import Offering
from gateway.smtp.partly import Partly
from gateway.smtp.session import Session
from gateway.smtp.settings import SmtpSettings
from gateway.smtp.world import World
from mail.sasl import ScramKeys, derive_scram
from mail.smtp.machine import Server
from mail.smtp.states import Role

ALICE = Principal(account=1, login="alice@example.test", credential="password:1")
PLAIN = base64.b64encode(b"\0alice@example.test\0demo").decode()
_KEYS = derive_scram("demo", b"0123456789abcdef", 4096)


class FakeDirectory:
    """example.test is ours: alice (1), bob (2), carol (3), list (1 2 3), away (1 and
    far@elsewhere.test); the password of alice is demo."""

    def __init__(self) -> None:
        self.trouble: Trouble | None = None
        self.takes_tokens = False
        self.revoked: set[str] = set()

    async def stands(self, number: int, credential: str) -> bool:
        self._fail()
        return credential not in self.revoked

    def token_help(self, service: str) -> tuple[str, str]:
        return "mail", ""

    def _fail(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    async def resolve(self, address: str, *, loosely: bool = False) -> Resolution:
        self._fail()
        local, _, domain = address.partition("@")
        if domain not in {"example.test", ""}:
            return NotLocal(domain)
        name, _, detail = local.lower().partition("+")
        known = {"alice": (1,), "bob": (2,), "carol": (3,), "list": (1, 2, 3), "postmaster": (1,)}
        if name == "away":
            return Local((Target(1, "alice@example.test"),), detail, (), ("far@elsewhere.test",))
        if name not in known:
            return Unknown(Why.NO_SUCH_ADDRESS)
        return Local(tuple(Target(account, f"{name}@example.test") for account in known[name]), detail)

    async def verify(self, login: str, password: str, service: str = "") -> Principal | None:
        self._fail()
        return ALICE if (login, password) == (ALICE.login, "demo") else None

    async def scram(self, login: str, service: str = "") -> ScramKeys | None:
        self._fail()
        return _KEYS if login == ALICE.login else None

    async def principal(self, login: str, credential: str = "") -> Principal | None:
        return ALICE if login == ALICE.login else None

    async def token(self, login: str, token: str, service: str = "") -> Principal | None:
        self._fail()
        return ALICE if token == "alices.token" and login in {"", ALICE.login} else None

    async def members(self, address: str) -> tuple[str, ...] | None:
        self._fail()
        return ("alice@example.test", "bob@example.test") if address in {"list", "list@example.test"} else None

    async def may_send_as(self, principal: Principal, address: str) -> bool:
        return address.lower() in {principal.login, "al@example.test"}


class FakeIntake:
    """Keeps (account, raw) in `stored`; `troubles` are raised by account, the first first."""

    def __init__(self) -> None:
        self.stored: list[tuple[int, bytes]] = []
        self.mailboxes: list[str] = []
        self.troubles: dict[int, list[Trouble]] = {}
        self.seen: set[tuple[int, bytes]] = set()
        self.full: set[int] = set()
        self.gate: asyncio.Event | None = None
        self.waiting = asyncio.Event()

    def prepare(self, raw: bytes) -> Awaitable[bytes]:
        return self._prepare(raw)

    async def _prepare(self, raw: bytes) -> bytes:
        if 0 in self.troubles:
            raise self.troubles[0][0]
        if self.gate is not None:
            self.waiting.set()
            await self.gate.wait()
        return raw

    async def deliver(self, account: int, prepared: bytes, *, idem: bytes, mailbox: str = "INBOX") -> None:
        if self.troubles.get(account):
            raise self.troubles[account].pop(0)
        if (account, idem) not in self.seen:
            self.seen.add((account, idem))
            self.stored.append((account, prepared))
            self.mailboxes.append(mailbox)

    async def has_room(self, account: int, size: int) -> bool:
        return account not in self.full

    @property
    def accounts(self) -> list[int]:
        return [account for account, _ in self.stored]


class FakeOutgoing:
    """Keeps (mail, body, idem) in `queued`; `troubles` are raised by domain, the first first."""

    def __init__(self) -> None:
        self.queued: list[tuple[Envelope, bytes, bytes]] = []
        self.due: list[int] = []
        self.holds: list[str] = []
        self.troubles: dict[str, list[Trouble]] = {}
        self.seen: set[tuple[str, bytes]] = set()

    async def keep(self, raw: bytes) -> Kept:
        return Kept(b"", len(raw), raw, 0)

    def name_of(self, domain: str, idem: bytes) -> bytes:
        return domain.encode() + idem

    async def send(self, mail: Envelope, kept: Kept, *, idem: bytes, due_ms: int = 0, hold: str = "") -> bytes:
        if self.troubles.get(mail.domain):
            raise self.troubles[mail.domain].pop(0)
        if (mail.domain, idem) not in self.seen:
            self.seen.add((mail.domain, idem))
            self.queued.append((mail, kept.packed or b"", idem))
            self.due.append(due_ms)
            self.holds.append(hold)
        return idem


class FakeTraces:
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[Note] = []

    async def note(self, note: Note) -> None:
        self.notes.append(note)

    def tell(self, note: Note) -> None:
        self.notes.append(note)


class FakeLog:
    """Keeps the lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []

    def info(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields))

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields))


class Fakes:
    """A world, and its parts to look at."""

    def __init__(self, **settings: object) -> None:
        self.directory = FakeDirectory()
        self.intake = FakeIntake()
        self.outgoing = FakeOutgoing()
        self.traces = FakeTraces()
        self.log = FakeLog()
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        base: dict[str, object] = {"auth_pause_s": 0, "deliver_pause_s": 0}
        self.settings = SmtpSettings(**(base | settings))  # type: ignore[arg-type]
        self.memory = Memory(self.settings.memory_bytes_max)
        self.world = World(
            self.directory,
            self.intake,
            self.settings,
            self.log,
            ManualClock(),
            random.Random(1),
            "mx.example.test",
            Partly(),
            b"secret of tests!",
            self.outgoing,
            self.traces,
            logins=CountedLogins(
                LoginSettings(), MemoryTallies(ManualClock()), ManualClock(), random.Random(2), CollectorRegistry()
            ),
        )

    def count(self, name: str, outcome: str) -> float:
        """The value of a counter."""
        return self.registry.get_sample_value(f"rookery_smtp_{name}_total", {"listener": "t", "outcome": outcome}) or 0


class Talk:
    """A session that is spoken to without a network."""

    def __init__(
        self, fakes: Fakes, role: str = "smtp", *, tls: bool = False, ip: str = "192.0.2.7", bound: bool = False
    ) -> None:
        world = fakes.world
        offering = Offering(world.settings, Role(role), world.directory, world.clock, starttls=True, bound=bound)
        self.machine = Server(
            Role(role),
            fakes.world.host_name,
            offers=offering.plain if offering.is_plain else None,
            limits=offering.limits,
            newlines=fakes.settings.newlines(),
            tls=tls,
        )
        metrics = ListenerMetrics(fakes.metrics, "t")
        by_rule = None if offering.is_plain else offering
        self.session = Session(self.machine, world, metrics, fakes.memory, ip=ip, ident="c1", by_rule=by_rule)

    async def say(self, *lines: bytes | str) -> list[str]:
        """Send lines, the answers' lines."""
        for line in lines:
            self.machine.receive((line.encode() if isinstance(line, str) else line) + b"\r\n")
            for event in self.machine.events():
                await self.session.answer(event)
        return self.machine.outgoing().decode().splitlines()

    async def send(self, sender: str, recipients: list[str], text: bytes) -> list[str]:
        """A whole transaction; only the answers behind the final dot."""
        await self.say(f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{name}>" for name in recipients), "DATA")
        return await self.say(text.replace(b"\n", b"\r\n") + b"\r\n.")


async def mx(fakes: Fakes) -> Talk:
    """Another server, that has said EHLO."""
    talk = Talk(fakes)
    await talk.say("EHLO client.example")
    return talk


async def submitter(fakes: Fakes) -> Talk:
    """Alice, logged in."""
    talk = Talk(fakes, "submission", tls=True)
    assert (await talk.say("EHLO laptop", f"AUTH PLAIN {PLAIN}"))[-1] == "235 2.7.0 Authentication succeeded"
    return talk
