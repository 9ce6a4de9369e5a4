"""One server of ours, the peers around it, and users on both sides."""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.authorities import Certified
from tests.peers import texts, world
from tests.peers.exim import Exim
from tests.peers.opensmtpd import OpenSmtpd
from tests.peers.peer import HOST, Peer
from tests.peers.postfix import Postfix
from tests.peopled import SETTINGS, Peopled, peopled
from tests.running import free_ports

KINDS: tuple[type[Peer], ...] = (Postfix, Exim, OpenSmtpd)
ROUTE = """
[[outbound.route]]
name = "{domain}"
host = "{host}"
port = {port}
tls = "{tls}"
domains = ["{domain}"]
"""


@dataclass
class Neighbourhood:
    """Our server and where each peer is to listen."""

    ours: Peopled
    ports: dict[str, tuple[int, int]]
    folder: Path
    root: Certified

    def peer(self, kind: type[Peer]) -> Peer:
        """One of that kind, not started."""
        folder = self.folder / kind.name
        folder.mkdir()
        key = rsa.generate_private_key(65537, 2048)
        certified = self.root.server(f"mx.{kind.name}.test", now=dt.datetime.now(dt.UTC), key=key)
        next_port, trusted = self.ours.ports["smtp"], self.ours.certificate
        return kind(folder / "world", self.ports[kind.name], next_port, certified.write(folder), trusted)


@pytest.fixture(scope="module")
def neighbourhood(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neighbourhood]:
    """Ours runs, with routes to each peer; mail to those that have TLS never goes without. A module of tests may have
    SMTP, lines for the table [smtp]."""
    free = iter(free_ports(2 * len(KINDS)))
    ports = {kind.name: (next(free), next(free)) for kind in KINDS}
    settings = SETTINGS.replace("[smtp]\n", "[smtp]\n" + getattr(request.module, "SMTP", ""))
    settings += "".join(_route(kind, *ports[kind.name]) for kind in KINDS)
    with peopled(tmp_path_factory.mktemp("ours"), settings) as ours:
        now = dt.datetime.now(dt.UTC)
        yield Neighbourhood(ours, ports, tmp_path_factory.mktemp("peers"), Certified.root(now=now))


def _route(kind: type[Peer], *ports: int) -> str:
    tls = "encrypt" if kind.has_tls else "opportunistic"
    domains = (f"{kind.name}.test", f"data.{kind.name}.test")
    return "".join(
        ROUTE.format(domain=domain, host=HOST, port=port, tls=tls) for domain, port in zip(domains, ports, strict=True)
    )


def of(kind: type[Peer], *more: str) -> Any:
    """A parameter for the fixture `peer`, and others."""
    return pytest.param(kind, *more, id="-".join((kind.name, *more)), marks=pytest.mark.part(kind.part))


def everything() -> list[Any]:
    """Each peer with each text that it can carry: parameters `peer` and `name`."""
    carried = [(kind, name) for kind in KINDS for name, text in texts.ALL.items() if kind.can.carry(text)]
    return [of(kind, name) for kind, name in carried]


@pytest.fixture(scope="module")
def started(neighbourhood: Neighbourhood) -> Iterator[Callable[[type[Peer]], Peer]]:
    """The peer of a kind, started when it is first asked for."""
    running: dict[str, Peer] = {}

    def start(kind: type[Peer]) -> Peer:
        if kind.name not in running:
            made = neighbourhood.peer(kind)
            made.start()
            running[kind.name] = made
        return running[kind.name]

    yield start
    for made in running.values():
        made.world.close()


@pytest.fixture(params=[of(kind) for kind in KINDS])
def peer(request: pytest.FixtureRequest, started: Callable[[type[Peer]], Peer]) -> Peer:
    """One of them, running."""
    if not world.can_make():
        pytest.skip("needs root, and a kernel or container that lets root make mount and process namespaces")
    return started(request.param)


@pytest.fixture
def ours(neighbourhood: Neighbourhood) -> Peopled:
    """Our server."""
    return neighbourhood.ours


@pytest.fixture
def login(ours: Peopled) -> str:
    """A user of ours who has no mail yet."""
    return ours.account()
