"""A courier with peers on loopback, on both loops."""

import asyncio
import datetime as dt
import random
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
import uvloop
from prometheus_client import CollectorRegistry

from actors.queue.types import Envelope, Recipient, Result
from cluster.certificates import self_signed, server_context
from cluster.clock import SystemClock
from cluster.dns.resolver import Answer, Resolver
from gateway.facts import AtOutbound
from gateway.outbound.metrics import Metrics
from gateway.outbound.policysettings import TlsSettings, Wish
from gateway.outbound.remote import Remote
from gateway.outbound.settings import OutboundSettings, Route, Timeouts
from gateway.outbound.tls import Policies, TlsOutcome
from tests.gateway.outbound.peer import Handler, Peer
from tests.unit.gateway.outbound.settled import settled

BODY = b"Subject: x\r\n\r\nHello\r\n.\r\nbye\r\n"


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Both loops: they differ in what STARTTLS and closing do."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class Table:
    """Answers from a dictionary; all else does not exist."""

    def __init__(self, answers: dict[tuple[str, str], Answer]) -> None:
        self.answers = answers

    async def ask(self, name: str, kind: str) -> Answer:
        return self.answers.get((name, kind), Answer("nxdomain"))


class Lines:
    """A log that is kept."""

    def __init__(self) -> None:
        self.lines: list[dict[str, object]] = []

    def info(self, event: str, **fields: object) -> None:
        self.lines.append({"event": event, **fields})


class Office:
    """A courier and its peers."""

    def __init__(self) -> None:
        self.outcomes: list[TlsOutcome] = []
        self.log = Lines()
        self.peers: list[Peer] = []
        self.couriers: list[Remote] = []

    async def peer(self, *offers: str, handler: Handler | None = None, path: str = "", **kinds: Any) -> Peer:
        """A peer that listens."""
        made = Peer(*offers, **kinds)
        await made.start(handler, path)
        self.peers.append(made)
        return made

    def courier(
        self,
        *,
        level: Wish = "opportunistic",
        policies: Policies | None = None,
        answers: dict[tuple[str, str], Answer] | None = None,
        resolver: Resolver | None = None,
        **settings: Any,
    ) -> Remote:
        """A courier; times are short."""
        timeouts = Timeouts(connect_s=5, greeting_s=0.2, hello_s=0.2, mail_s=0.2, rcpt_s=0.2, data_s=0.2, end_s=0.2)
        usual: dict[str, Any] = {"timeouts": timeouts, "loopback": True}
        usual["tls"] = TlsSettings(level=AtOutbound.of(level))
        chosen = OutboundSettings(**(usual | settings))
        made = Remote(
            chosen,
            hostname="me.example",
            resolver=resolver or Table(answers or {}),
            policies=policies or settled(SystemClock()),
            clock=SystemClock(),
            dice=random.Random(1),
            log=self.log,
            metrics=Metrics(CollectorRegistry()),
            observe=self.outcomes.append,
            sweep_s=0.05,
        )
        self.couriers.append(made)
        return made

    def to(self, peer: Peer, **route: Any) -> dict[str, Any]:
        """Settings that send all mail to a peer."""
        fields: dict[str, Any] = {"name": "r", "host": "127.0.0.1", "port": peer.port or 1} | route
        return {"route": (Route(**fields),), "routes": {"*": "r"}}


@pytest.fixture(scope="session")
def server_tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A self-signed certificate for another name."""
    certificate, key = self_signed(tmp_path_factory.mktemp("tls"), ["peer.example"], dt.datetime.now(dt.UTC))
    return server_context(certificate, key)


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    made = Office()
    yield made
    for courier in made.couriers:
        await courier.close()
    for peer in made.peers:
        await peer.stop()


def mail(*recipients: str, **fields: Any) -> Envelope:
    """An envelope."""
    who = tuple(Recipient(one) for one in recipients or ("b@x.test",))
    usual: dict[str, Any] = {"domain": "x.test", "sender": "a@me.example", "recipients": who, "digest": b"", "size": 0}
    return Envelope(**(usual | fields))


async def send(courier: Remote, envelope: Envelope | None = None, body: bytes = BODY) -> tuple[Result, ...]:
    """To all recipients."""
    chosen = envelope or mail()
    return await courier.send(chosen, tuple(range(len(chosen.recipients))), body)
