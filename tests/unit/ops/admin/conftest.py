"""The admin service over a real socket, on a store in memory."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from cluster.blobs.memory import MemoryBlobs
from cluster.clock import ManualClock
from cluster.meta.memory import MemoryStore
from ops.admin.server import SOCKET, AdminServer
from ops.cli.connect import Admin, connect
from ops.core import Core, over
from wire import admin_pb2 as pb

ALICE = "alice@example.org"


@pytest.fixture
async def parts() -> AsyncIterator[Core]:
    clock = ManualClock()
    stores = MemoryStore(clock=clock), MemoryBlobs(clock=clock)
    async with over(*stores, clock, random.Random(1), None, CollectorRegistry()) as made:
        yield made


@pytest.fixture
async def admin(parts: Core, tmp_path: Path) -> AsyncIterator[Admin]:
    server = AdminServer.over(parts, tmp_path / SOCKET, version="1.2.3", drain_s=1)
    await server.start()
    async with connect(tmp_path) as client:
        yield client
    await server.stop()


@pytest.fixture
async def alice(admin: Admin) -> pb.Account:
    await admin.directory.AddDomain(pb.AddDomainRequest(name="example.org"))
    return await admin.directory.AddAccount(pb.AddAccountRequest(login=ALICE, password="correct horse"))
