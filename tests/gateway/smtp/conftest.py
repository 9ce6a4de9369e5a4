"""A server on loopback with a self-signed certificate, and the fakes behind it."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cluster.certificates import server_context
from cluster.hosting.sockets import listen
from gateway.proxy import Relays, relays
from gateway.smtp.server import SmtpServer, Tls
from mail.smtp.states import Role
from tests.unit.gateway.smtp.fakes import Fakes

LISTENERS: Mapping[str, tuple[Role, Tls]] = {
    "mx": (Role.SMTP, "starttls"),
    "submission": (Role.SUBMISSION, "starttls"),
    "submissions": (Role.SUBMISSION, "implicit"),
    "lmtp": (Role.LMTP, "none"),
}
RELAYED: Mapping[str, tuple[Role, Tls, Relays | None]] = {
    "relayed": (Role.SMTP, "starttls", relays(["127.0.0.0/8"])),
    "relayed-submissions": (Role.SUBMISSION, "implicit", relays(["127.0.0.0/8"])),
    "others": (Role.SMTP, "none", relays(["10.0.0.0/8"])),
    "others-direct": (Role.SUBMISSION, "implicit", relays(["10.0.0.0/8"], "direct")),
}

Start = Callable[..., Awaitable["Running"]]


class Running:
    """A started server: its fakes, and the port of each listener by name."""

    def __init__(self, server: SmtpServer, fakes: Fakes) -> None:
        self.server = server
        self.fakes = fakes
        self.port: dict[str, int] = {}


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Both loops: they differ in what STARTTLS and closing do."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with key and certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + built.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def client_tls(certificate: Path) -> ssl.SSLContext:
    """A client that trusts the certificate."""
    return ssl.create_default_context(cafile=str(certificate))


@pytest.fixture
async def start(certificate: Path) -> AsyncIterator[Start]:
    """Start servers with given settings; they are stopped at the end."""
    running: list[Running] = []
    context = server_context(certificate, certificate)

    async def begin(**settings: object) -> Running:
        fakes = Fakes(**settings)
        server = SmtpServer(fakes.world, fakes.metrics, tls=context)
        made = Running(server, fakes)
        for name, (role, tls) in LISTENERS.items():
            sock = listen("127.0.0.1", 0)
            made.port[name] = sock.getsockname()[1]
            await server.listen(sock, role, tls)
        for name, (role, tls, behind) in RELAYED.items():
            sock = listen("127.0.0.1", 0)
            made.port[name] = sock.getsockname()[1]
            await server.listen(sock, role, tls, behind=behind)
        running.append(made)
        return made

    yield begin
    for one in running:
        await one.server.close()
