"""What reports are made over: a ledger in memory, a DNS in a dictionary, a post that keeps what it is given."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry

from actors.report import keys
from actors.report.client import Ledger
from actors.report.types import DMARC, TLS
from cluster.clock import ManualClock
from cluster.errors import Trouble
from cluster.meta.memory import MemoryStore
from gateway.reports.counting import Noted
from gateway.reports.schedule import Daily
from gateway.reports.sending import Reporter
from gateway.reports.settings import ReportSettings
from gateway.trust.verdict import Envelope, Verdict
from mail.trust.author import Author
from mail.trust.dmarc import DmarcResult
from mail.trust.dmarc_record import read
from mail.trust.spf import SpfResult
from tests.unit.gateway.trust.resolving import Resolver

NOON_MS = 1_700_000_000_000 // keys.DAY_MS * keys.DAY_MS + 12 * 3_600_000
DAY = keys.day_of(NOON_MS)
RECORD = b"v=DMARC1; p=reject; sp=quarantine; rua=mailto:dmarc@x.test; ruf=mailto:ruf@x.test"


class Signature(NamedTuple):
    """Of gateway.trust.verdict.Dkim."""

    result: str
    domain: str
    selector: str = "s1"
    algorithm: str = "rsa-sha256"
    why: str = ""
    b: str = ""


def verdict(
    result: Any = "fail",
    *,
    domain: str = "x.test",
    ip: str = "192.0.2.1",
    sender: str = "bounce@y.test",
    record: bytes = RECORD,
    dkim: Sequence[Signature] = (),
    spf: Any = "fail",
    spf_record: str = "v=spf1 -all",
    **of_dmarc: Any,
) -> Verdict:
    """What the checks found out."""
    checked = SpfResult(spf, sender.rpartition("@")[2] or "helo.y.test", record=spf_record)
    dmarc = DmarcResult(result, domain, policy_domain="x.test", record=read(record), **of_dmarc)
    envelope = Envelope(ip, "helo.y.test", sender, None, None, checked)
    return Verdict(
        envelope, Author((domain,)), tuple(dkim), None, dmarc, b"Authentication-Results: mx.test; dmarc=fail\r\n", ()
    )


class Problem(NamedTuple):
    kind: str
    failure: str
    why: str = ""


class TlsPolicy(NamedTuple):
    kind: str = "sts"
    domain: str = "x.test"
    strings: tuple[str, ...] = ("version: STSv1", "mode: enforce", "mx: mx.x.test", "max_age: 86400")
    patterns: tuple[str, ...] = ("mx.x.test",)
    problems: tuple[Problem, ...] = ()


class Session(NamedTuple):
    """Of gateway.outbound.tlspolicy.TlsOutcome."""

    failure: str = ""
    why: str = ""
    domain: str = "x.test"
    host: str = "mx.x.test"
    ip: str = "192.0.2.9"
    source: str = "198.51.100.1"
    policy: TlsPolicy = TlsPolicy()


class Posted(NamedTuple):
    recipient: str
    sender: str
    name: bytes
    tls_optional: bool
    message: bytes


class Box:
    """Post: what was handed over, each name once, as a queue has it. `trouble`: what happens to the next ones."""

    def __init__(self) -> None:
        self.kept: dict[bytes, Posted] = {}
        self.trouble: Trouble | None = None
        self.asked = 0

    async def post(
        self, message: bytes, recipient: str, *, sender: str, name: bytes, tls_optional: bool = False
    ) -> None:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        self.kept.setdefault(name, Posted(recipient, sender, name, tls_optional, message))

    @property
    def recipients(self) -> list[str]:
        return sorted(one.recipient for one in self.kept.values())


class Signing:
    """Signer: a field in front."""

    async def sign(self, message: bytes, sender: str) -> bytes:
        return b"DKIM-Signature: for " + sender.encode() + b"\r\n" + message


class Web:
    """Poster."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []
        self.why = ""

    async def __call__(self, uri: str, body: bytes) -> str:
        if not self.why:
            self.taken.append((uri, body))
        return self.why


class World:
    """All of it, at noon of DAY."""

    def __init__(self, records: dict[str, dict[str, list[Any]]] | None = None, **settings: Any) -> None:
        self.clock = ManualClock(NOON_MS)
        self.store = MemoryStore(clock=self.clock)
        self.settings = ReportSettings(**settings)
        self.registry = CollectorRegistry()
        self.ledger = Ledger(self.store, self.clock, self.registry)
        self.resolver = Resolver(
            {"_dmarc.x.test": {"TXT": [RECORD]}, "_smtp._tls.x.test": {"TXT": [b"v=TLSRPTv1; rua=mailto:tls@x.test"]}}
            | (records or {}),
            wait_s=0,
        )
        self.box = Box()
        self.web = Web()
        self.noted = Noted(self.ledger, self.settings)

    def reporter(self) -> Reporter:
        return Reporter(
            self.ledger, self.resolver, self.box, self.settings, "mx.test", signer=Signing(), https=self.web
        )

    def daily(self) -> Daily:
        return Daily(self.ledger, self.reporter(), self.clock, self.settings, "mx.test")

    async def count(self, *verdicts: Verdict, sessions: Sequence[Session] = ()) -> None:
        for one in verdicts:
            self.noted.dmarc(one, "reject" if one.dmarc and one.dmarc.result == "fail" else "none")
        for session in sessions:
            self.noted.tls(session)
        await self.ledger.stop()

    async def left(self) -> list[tuple[bytes, str]]:
        """What has counts of DAY."""
        return [(kind, domain) for kind in (DMARC, TLS) async for domain in self.ledger.domains(kind, DAY)]
