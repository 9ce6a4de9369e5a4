"""A gateway's process: every protocol on the ports of the settings, the admin service, and the way to all shards.

The law: it keeps nothing. It takes no connection before it knows the cluster, and leaves by finishing what it promised.
"""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from actors.directory.client import DirectoryClient
from actors.mailbox.client import MailboxClient
from actors.mailbox.remote import RemoteOwner
from actors.queue.client import QueueClient
from cluster.hosting.ray.place import Place
from cluster.rpc.router import Router
from ops.admin.cluster import ClusterParts
from ops.admin.server import SOCKET, AdminServer
from ops.cli.version import current
from ops.core import MESSAGE_THREADS, Core
from ops.gateways import bind, given_certificate, serve_gateways
from ops.roles.ground import Announced, founded
from ops.settings import Settings


@asynccontextmanager
async def gateway(settings: Settings, place: Place) -> AsyncIterator[Announced]:
    """Serve as a gateway. Raises Misconfigured, Unavailable."""
    bound = bind(settings.listen, shared=True)
    tls = given_certificate(settings)
    async with founded(settings, place) as ground, AsyncExitStack() as stack:
        router = Router(ground.watching, ground.dialer, ground.clock, ground.dice)
        stack.push_async_callback(router.close)
        directory = DirectoryClient(ground.store, ground.clock, ground.dice, settings.directory)
        stack.callback(directory.close)
        threads = stack.enter_context(ThreadPoolExecutor(MESSAGE_THREADS, thread_name_prefix="message"))
        owners = RemoteOwner(router, ground.dice)
        mailboxes = MailboxClient(owners, ground.store, ground.blobs, ground.clock, threads, ground.packs)
        core = Core(ground.store, directory, mailboxes, ground.clock, ground.dice, ground.metrics, ground.ready)
        admin = AdminServer.over(
            core,
            Path(ground.settings.data) / SOCKET,
            version=current(),
            settings=ground.settings.admin,
            cluster=ClusterParts(settings.cluster.name, ground.registry, ground.layout, ground.watching),
            queue=QueueClient(router, ground.store, ground.blobs),
        )
        stack.push_async_callback(admin.stop)
        await admin.start()
        session = ground.session(f"{place.host}:{admin.port}" if admin.port else "")
        stack.push_async_callback(session.resign)
        await serve_gateways(stack, core, ground.settings, bound, tls)
        session.start()
        yield Announced(session)
