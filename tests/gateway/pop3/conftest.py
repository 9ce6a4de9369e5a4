"""A real POP3 server on loopback sockets, on both event loops; what it stands on is the world of the unit tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cluster.certificates import server_context
from gateway.pop3.server import Pop3Server
from tests.gateway.imap.conftest import Address, certificate, listening, pytest_asyncio_loop_factories
from tests.unit.gateway.pop3.world import World

__all__ = ["address", "certificate", "pytest_asyncio_loop_factories", "world"]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """The services."""
    mechanisms = ("SCRAM-SHA-256-PLUS", "PLAIN")
    async with World(plaintext_login=False, mechanisms=mechanisms, connections_per_ip_max=3) as world:
        yield world


@pytest.fixture
async def address(world: World, certificate: Path) -> AsyncIterator[Address]:
    """A server with an STLS and a TLS listener."""
    server = Pop3Server(world.pop3, server_context(certificate, certificate))
    async with listening(server, certificate) as address:
        yield address
