"""A gateway's process: every protocol on the ports of the settings, the admin service, and the way to all shards.

The law: it keeps nothing. It takes no connection before it knows the cluster, and leaves by finishing what it promised.
"""

from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from actors.directory.client import DirectoryClient
from actors.mailbox.client import MailboxClient
from actors.mailbox.remote import RemoteOwner
from actors.queue.client import QueueClient
from actors.report.client import Ledger
from actors.search.client import SearchClient
from actors.shell.client import Near
from actors.trace.client import TraceClient
from cluster.dns.client import DnsResolver
from cluster.hosting.ray.place import Place
from cluster.rpc.router import Router
from cluster.rpc.service import Calling, Service
from ops.admin.cluster import ClusterParts
from ops.admin.server import SOCKET, AdminServer
from ops.cli.version import current
from ops.core import MESSAGE_THREADS, Core
from ops.gateways import bind, given_certificate, serve_gateways, shown
from ops.pushing import pushing
from ops.roles.ground import Announced, Ground, founded
from ops.rules import ruling
from ops.settings import Settings


class Reach(NamedTuple):
    """What may ask all shards."""

    core: Core
    cluster: ClusterParts

    def admin(self, settings: Settings) -> AdminServer:
        """The admin service over it, not yet started."""
        return AdminServer.over(
            self.core,
            Path(settings.data) / SOCKET,
            version=current(),
            settings=settings.admin,
            cluster=self.cluster,
            shown=shown(settings),
        )


@asynccontextmanager
async def gateway(settings: Settings, place: Place) -> AsyncIterator[Announced]:
    """Serve as a gateway. Raises Misconfigured, Unavailable."""
    bound = bind(settings.listen, shared=True)
    tls = given_certificate(settings)
    async with founded(settings, place) as ground, AsyncExitStack() as stack:
        reach = reaching(stack, ground)
        admin = reach.admin(ground.settings)
        stack.push_async_callback(admin.stop)
        await admin.start()
        session = ground.session(f"{place.host}:{admin.port}" if admin.port else "")
        stack.push_async_callback(session.resign)
        rules = await ruling(stack, reach.core, ground.settings)
        push = pushing(stack, reach.core, ground.settings)
        await serve_gateways(stack, reach.core, ground.settings, bound, tls, rules, push, admin)
        session.start()
        yield Announced(session)


def reaching(stack: AsyncExitStack, ground: Ground, here: Mapping[str, Service] | None = None) -> Reach:
    """The way to all shards, until the stack closes. `here`: shards of this process, which are asked directly."""
    router = Router(ground.watching, ground.dialer, ground.clock, ground.dice)
    stack.push_async_callback(router.close)
    directory = DirectoryClient(ground.store, ground.clock, ground.dice, ground.settings.directory)
    stack.callback(directory.close)
    threads = stack.enter_context(ThreadPoolExecutor(MESSAGE_THREADS, thread_name_prefix="message"))
    owners = RemoteOwner(router, ground.dice)
    mailboxes = MailboxClient(owners, ground.store, ground.blobs, ground.clock, threads, ground.packs)
    stack.callback(mailboxes.close)
    traces = TraceClient(ground.store, ground.clock, ground.settings.traces, ground.metrics)
    stack.push_async_callback(traces.stop)
    reports = Ledger(ground.store, ground.clock, ground.metrics)
    stack.push_async_callback(reports.stop)
    resolver = DnsResolver(ground.settings.dns, ground.clock, ground.dice)
    stack.push_async_callback(resolver.close)
    calling: Calling = Near(here, router) if here else router
    core = Core(
        ground.store,
        directory,
        mailboxes,
        ground.clock,
        ground.dice,
        ground.metrics,
        ground.ready,
        ground.blobs,
        threads,
        calling,
        QueueClient(calling, ground.store, ground.blobs),
        traces,
        reports,
        resolver,
        SearchClient(ground.store, ground.clock, ground.settings.search),
    )
    parts = ClusterParts(ground.settings.cluster.name, ground.registry, ground.layout, ground.watching)
    return Reach(core, parts)
