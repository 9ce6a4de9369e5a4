"""What every process of a cluster stands on: store, blobs, registry, what is known of the cluster, logs and metrics.

The law: nothing here is mail. What is opened is closed in the reverse order; a process that cannot reach its store or
the registry does not begin to serve.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, get_args

import structlog
from msgspec import structs
from prometheus_client import CollectorRegistry

from cluster.blobs.blobs import Blobs
from cluster.blobs.objects import Objects
from cluster.clock import Clock, Dice, SystemClock, system_dice
from cluster.disk import make_directory
from cluster.errors import Misconfigured, Unavailable
from cluster.hosting.ray.place import Place
from cluster.hosting.sockets import listen
from cluster.membership.etcd import EtcdRegistry
from cluster.membership.members import Layout, Member
from cluster.membership.registry import Registry
from cluster.membership.session import Session
from cluster.meta.store import Store
from cluster.observe import logs
from cluster.observe.logs import Level, Logs
from cluster.observe.metrics import new_registry, serve_metrics
from cluster.placement.claims import next_incarnation
from cluster.placement.watching import Watching
from cluster.rpc.grpc_link import GrpcDialer
from ops.core import open_stores
from ops.settings import Settings

LOOK_S: Final = 1.0  # whether a process still serves
READY_S: Final = 30.0  # for the registry to answer; then the process ends and is started again
LOCAL_STORES: Final = ("lmdb", "sqlite")


@dataclass
class Ground:
    """One a process."""

    settings: Settings
    place: Place
    store: Store
    blobs: Blobs
    packs: Objects | None
    registry: Registry
    layout: Layout
    watching: Watching
    clock: Clock
    dice: Dice
    metrics: CollectorRegistry
    incarnation: int
    dialer: GrpcDialer
    metrics_address: str = ""
    is_ready: Callable[[], bool] = field(default=lambda: True)

    def ready(self) -> bool:
        """Whether this process serves, for its health check."""
        return self.is_ready()

    def member(self, address: str = "") -> Member:
        """This process, as others shall know it."""
        return Member(
            name=self.place.name,
            kind=self.place.role,
            node=self.place.node,
            address=address,
            incarnation=self.incarnation,
            metrics=self.metrics_address,
            process=os.getpid(),
            started_ms=self.clock.now_ms(),
        )

    def session(self, address: str) -> Session:
        """The announcement of this process, not yet begun."""
        log = structlog.get_logger()
        return Session(
            self.registry,
            self.layout,
            self.member(address),
            clock=self.clock,
            ttl_s=self.settings.cluster.lease_s,
            on_state=lambda state: log.info("member_state", state=state),
        )


@asynccontextmanager
async def founded(
    settings: Settings, place: Place, *, follows: bool = True, ready_s: float = READY_S
) -> AsyncIterator[Ground]:
    """Open it all. `follows`: the log level that operators set counts here; `ready_s`: for the registry to answer.
    Raises Misconfigured, Unavailable."""
    if settings.store.kind in LOCAL_STORES:
        raise Misconfigured(f"A cluster needs a store across the network, not {settings.store.kind}: see [store] kind.")
    if settings.store.blobs == "files":
        raise Misconfigured("A cluster needs [store] blobs = 's3', or 'store': files are on one machine only.")
    clock, dice = SystemClock(), system_dice()
    always = {"node": place.node, "process": place.name}
    logging = logs.set_up(settings.log, clock, always=always)
    settings = structs.replace(settings, data=str(Path(settings.data) / place.name))
    async with AsyncExitStack() as stack:
        make_directory(Path(settings.data))
        store, blobs, packs = await open_stores(stack, Path(settings.data), settings.store, clock)
        registry = EtcdRegistry(settings.cluster.etcd, clock)
        stack.push_async_callback(registry.close)
        layout = Layout(settings.cluster.name)
        watching = Watching(registry, layout)
        watching.start()
        stack.push_async_callback(watching.close)
        metrics = new_registry()
        ground = Ground(
            settings,
            place,
            store,
            blobs,
            packs,
            registry,
            layout,
            watching,
            clock,
            dice,
            metrics,
            await next_incarnation(store),
            GrpcDialer(settings.cluster.rpc),
        )
        # Also for a gateway, whose settings may name a port: it shares that one with others on its node.
        server = await serve_metrics(metrics, listen(place.host, 0), ready=ground.ready)
        stack.push_async_callback(server.close)
        ground.metrics_address = f"{place.host}:{server.port}"
        if follows:
            _follow_levels(watching, logging, settings, place.node)
        try:
            await watching.ready(ready_s)
        except Unavailable:
            await registry.get(layout.wanted)  # raises what knows the cause
            raise
        yield ground


def _follow_levels(watching: Watching, logging: Logs, settings: Settings, node: str) -> None:
    """The log level that operators set for all, or for this node; without, that of the settings."""

    def follow() -> None:
        levels = watching.known.levels
        wanted = levels.nodes.get(node) or levels.level
        logging.set_level(next((level for level in get_args(Level) if level == wanted), settings.log.level))

    watching.on_change(follow)


class Announced:
    """What a role gives its hosting: it is over when a successor of the same name has announced itself, and when what
    it cannot serve without has ended by a defect: then only another process will help."""

    def __init__(self, session: Session, alive: Callable[[], bool] = lambda: True) -> None:
        """`alive`: whether what is announced takes calls."""
        self._session = session
        self._alive = alive

    async def ended(self) -> None:
        """Returns when it is over; raises what ended it."""
        waits = [asyncio.ensure_future(each) for each in (self._session.ended(), self._dead())]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
        for each in done:
            await each

    async def _dead(self) -> None:
        while self._alive():  # noqa: ASYNC110 (a shard tells nobody that it has died)
            await asyncio.sleep(LOOK_S)
