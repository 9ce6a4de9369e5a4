"""A real IMAP server on loopback sockets.

What it stands on is one fixture, `world`: swap it to test another hosting.
"""

import asyncio
import datetime as dt
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.access.server import Server
from gateway.imap.server import ImapServer
from tests.unit.gateway.imap.world import World


class Address(NamedTuple):
    """Where the server listens, and the context that trusts its certificate."""

    host: str
    port: int
    tls_port: int
    trust: ssl.SSLContext


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Both event loops a server may run on: they differ in TLS and in when a write goes out."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1 in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + cert.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture(params=["near", "far"])
async def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """The services: the mailbox client, and the shard on the memory store beside it or across the data plane."""
    monkeypatch.setattr(World, "far", request.param == "far")
    async with World(plaintext_login=False) as world:
        yield world


@pytest.fixture
async def address(world: World, certificate: Path) -> AsyncIterator[Address]:
    """A server with a STARTTLS and a TLS listener."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with listening(ImapServer(world.services, context), certificate) as address:
        yield address


@asynccontextmanager
async def listening(server: Server, certificate: Path) -> AsyncIterator[Address]:
    """The server on both kinds of listener, until the end."""
    clear, tls = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    ports = clear.getsockname()[1], tls.getsockname()[1]
    await server.listen(clear)
    await server.listen(tls, implicit_tls=True)
    trust = ssl.create_default_context(cafile=certificate)
    yield Address("127.0.0.1", *ports, trust)
    await server.close()
