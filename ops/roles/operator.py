"""A cluster's admin service for as long as one command runs: from the settings alone, with no gateway needed; and the
check of these settings before a cluster is started with them.

The law: what a command does here goes the same way as over any gateway, its record in the audit log included.
"""

import os
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from msgspec import structs

from cluster.hosting.ray.place import GATEWAY, Place
from cluster.observe.logs import LogSettings
from ops.admin.server import SOCKET
from ops.admin.settings import AdminSettings
from ops.gateways import given_certificate
from ops.roles.gateway import reaching
from ops.roles.ground import Ground, founded
from ops.settings import Settings

NAME: Final = "operator"
READY_S: Final = 10.0  # for the registry to answer: a person waits


@asynccontextmanager
async def operator(settings: Settings) -> AsyncIterator[Path]:
    """The socket of the service. Raises Misconfigured, Unavailable."""
    async with _standing(settings) as ground, AsyncExitStack() as stack:
        server = reaching(stack, ground).admin(ground.settings)
        stack.push_async_callback(server.stop)
        await server.start()
        yield Path(ground.settings.data) / SOCKET


async def check(settings: Settings) -> None:
    """Open and close all that a process of the cluster stands on, with the files of this machine: what is wrong is told
    here, and not in the logs of processes that cannot begin. Raises Misconfigured, Unavailable."""
    given_certificate(settings)
    async with _standing(settings):
        pass


@asynccontextmanager
async def _standing(settings: Settings) -> AsyncIterator[Ground]:
    # What it logs must not mix with the answer on standard output, and it is nobody that others should know of.
    quiet = LogSettings(level="error", form="console")
    place = Place(GATEWAY, f"{NAME}-{os.getpid()}", socket.gethostname(), "127.0.0.1")
    with tempfile.TemporaryDirectory(prefix="rookery-") as folder:
        alone = structs.replace(settings, data=folder, log=quiet, admin=AdminSettings())
        async with founded(alone, place, follows=False, ready_s=READY_S) as ground:
            yield ground
