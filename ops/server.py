"""A whole server in one process: core, gateways, admin service and metrics, put together from settings.

The law: ports are bound first, then root is given up, then data is opened; only when everything serves is the server
called started. Leaving goes the other way: gateways finish what they promised before their mailboxes stop.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from actors.directory.key_tender import KeyTender
from cluster.hosting import privileges
from cluster.observe.metrics import new_registry
from cluster.placement.slots import SLOTS
from ops.admin.server import SOCKET, AdminServer
from ops.cli.version import current
from ops.core import Core, Parts, opened, while_open
from ops.delivery import delivering
from ops.gateways import bind, given_certificate, serve_gateways, shown
from ops.outbound import hands
from ops.pushing import pushing, sending_pushes
from ops.reporting import sending_daily
from ops.rules import ruling
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
        parts = Parts(
            settings.queue, settings.traces, settings.throttling, settings.dns, settings.reports, settings.search
        )
        core = await stack.enter_async_context(opened(data, settings.store, settings.directory, registry, parts))
        if furnish is not None:
            await furnish(core)
        rules = await ruling(stack, core, settings)
        assert core.outbox is not None
        every, make = range(SLOTS), hands(rules)
        await delivering(stack, core, settings, make, core.outbox, core.queue, lambda: every, recall=True)
        tender = KeyTender(core.directory, core.resolver, core.clock, settings.dkim)
        while_open(stack, "dkim keys", tender.run(lambda: True))
        send_reports = sending_daily(stack, core, settings, lambda: True)
        push = pushing(stack, core, settings)
        sending_pushes(stack, core, push, lambda: every)
        admin = AdminServer.over(
            core,
            data / SOCKET,
            version=current(),
            settings=settings.admin,
            shown=shown(settings),
            send_reports=send_reports,
        )
        await serve_gateways(stack, core, settings, bound, tls, rules, push, admin)
        stack.push_async_callback(admin.stop)
        await admin.start()
        yield core
