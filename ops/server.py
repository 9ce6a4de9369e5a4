"""A whole server in one process: core, gateways, admin service and metrics, put together from settings.

The law: ports are bound first, then root is given up, then data is opened; only when everything serves is the server
called started. Leaving goes the other way: gateways finish what they promised before their mailboxes stop.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from cluster.hosting import privileges
from cluster.observe.metrics import new_registry
from ops.admin.server import SOCKET, AdminServer
from ops.cli.version import current
from ops.core import Core, opened
from ops.gateways import bind, given_certificate, serve_gateways, shown
from ops.settings import Settings


@asynccontextmanager
async def serving(settings: Settings, furnish: Callable[[Core], Awaitable[None]] | None = None) -> AsyncIterator[Core]:
    """A server from its first port to its last promise; `furnish` runs before anyone is served.

    Raises Misconfigured, Corrupt, StoreFull.
    """
    bound = bind(settings.listen)
    tls = given_certificate(settings)  # its key may be readable by root only
    if settings.run_as:
        privileges.drop(settings.run_as)
    data = Path(settings.data)
    registry = new_registry()
    async with AsyncExitStack() as stack:
        core = await stack.enter_async_context(
            opened(data, settings.store, settings.directory, registry, settings.traces)
        )
        if furnish is not None:
            await furnish(core)
        await serve_gateways(stack, core, settings, bound, tls)
        admin = AdminServer.over(core, data / SOCKET, version=current(), settings=settings.admin, shown=shown(settings))
        stack.push_async_callback(admin.stop)
        await admin.start()
        yield core
