"""One server of ours, the peers around it, and users on both sides."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.authorities import Certified
from tests.peers import world
from tests.peers.exim import Exim
from tests.peers.opensmtpd import OpenSmtpd
from tests.peers.peer import HOST, Peer
from tests.peers.postfix import Postfix
from tests.peopled import SETTINGS, Peopled, peopled
from tests.running import free_ports

KINDS: tuple[type[Peer], ...] = (Postfix, Exim, OpenSmtpd)
ROUTE = """
[[outbound.route]]
name = "{name}"
host = "{host}"
port = {port}
tls = "{tls}"
domains = ["{name}.test"]
"""


@dataclass
class Neighbourhood:
    """Our server and where each peer is to listen."""

    ours: Peopled
    ports: dict[str, int]
    folder: Path
    root: Certified


@pytest.fixture(scope="module")
def neighbourhood(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neighbourhood]:
    """Ours runs, with a route to each peer; mail to those that have TLS never goes without."""
    ports = dict(zip((kind.name for kind in KINDS), free_ports(len(KINDS)), strict=True))
    routes = "".join(
        ROUTE.format(
            name=kind.name, host=HOST, port=ports[kind.name], tls="encrypt" if kind.has_tls else "opportunistic"
        )
        for kind in KINDS
    )
    with peopled(tmp_path_factory.mktemp("ours"), SETTINGS + routes) as ours:
        now = dt.datetime.now(dt.UTC)
        yield Neighbourhood(ours, ports, tmp_path_factory.mktemp("peers"), Certified.root(now=now))


@pytest.fixture(
    scope="module", params=[pytest.param(kind, id=kind.name, marks=pytest.mark.part(kind.part)) for kind in KINDS]
)
def peer(request: pytest.FixtureRequest, neighbourhood: Neighbourhood) -> Iterator[Peer]:
    """One of them, running."""
    if not world.can_make():
        pytest.skip("needs root, and a kernel or container that lets root make mount and process namespaces")
    kind: type[Peer] = request.param
    folder = neighbourhood.folder / kind.name
    folder.mkdir()
    key = rsa.generate_private_key(65537, 2048)
    certified = neighbourhood.root.server(f"mx.{kind.name}.test", now=dt.datetime.now(dt.UTC), key=key)
    ours = neighbourhood.ours.ports["smtp"]
    trusted = neighbourhood.ours.certificate
    made = kind(folder / "world", neighbourhood.ports[kind.name], ours, certified.write(folder), trusted)
    made.start()
    yield made
    made.world.close()


@pytest.fixture
def ours(neighbourhood: Neighbourhood) -> Peopled:
    """Our server."""
    return neighbourhood.ours


@pytest.fixture
def login(ours: Peopled) -> str:
    """A user of ours who has no mail yet."""
    return ours.account()
