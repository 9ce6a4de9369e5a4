"""Who plays in a run: shards, gateways and controllers, put together from the real classes as a cluster does.

The law: nothing here decides anything that the real processes decide themselves; it only hands them their clock, dice,
network, store and registry.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from prometheus_client import CollectorRegistry

from actors.mailbox.client import MailboxClient
from actors.mailbox.metrics import ShardMetrics
from actors.mailbox.remote import RemoteOwner
from actors.mailbox.service import KIND as MAILBOX
from actors.mailbox.service import MailboxService
from actors.mailbox.shard import Shard
from actors.mailbox.types import Quota
from cluster.blobs.memory import MemoryBlobs
from cluster.errors import Trouble, Unavailable
from cluster.membership.election import Election
from cluster.membership.members import Member
from cluster.membership.session import Session
from cluster.placement.claims import next_incarnation
from cluster.placement.control import KIND as CONTROL
from cluster.placement.control import Control, releasing
from cluster.placement.controller import Controller
from cluster.placement.holding import RELEASE_HOLD_S, Holding
from cluster.placement.metrics import ControllerMetrics
from cluster.placement.watching import Watching
from cluster.rpc.caller import Caller
from cluster.rpc.link import LinkDown
from cluster.rpc.router import Router
from cluster.rpc.server import Server
from ops.sim.jmap import JmapClient
from ops.sim.load import Client, Stage
from ops.sim.network import Dialing
from ops.sim.store import StoreClient
from ops.sim.world import Process

TTL_S: Final = 3  # short, so that leases run out within a run
CLIENTS: Final = 3  # of each gateway; the last only reads

_NO_THREADS: Final = ThreadPoolExecutor(1)  # never used: the loop runs such work itself


async def _no_quota(_account: int) -> Quota:
    return Quota()


async def _incarnation(process: Process, store: StoreClient) -> int:
    while True:
        try:
            process.incarnation = await next_incarnation(store)
        except Trouble:
            await asyncio.sleep(0.5)
        else:
            return process.incarnation


async def controller(process: Process) -> None:
    """A process that leads, or waits for it."""
    world, clock = process.world, process.clock
    store = StoreClient(world.store, process.lane, clock)
    incarnation = await _incarnation(process, store)
    registry = world.registry.of(process.lane, clock)
    watching = Watching(registry, world.layout)
    watching.start()
    member = Member(process.host, "controller", process.host, process.address, incarnation)
    election = Election(registry, world.layout, member, ttl_s=TTL_S)
    dialer = Dialing(world.network, process.lane)

    async def call(address: str, kind: str, slot: int, body: bytes) -> bytes:
        caller = None
        try:
            caller = Caller(await dialer.dial(address))
            return await caller.call(kind, slot, body, RELEASE_HOLD_S)
        except LinkDown as error:
            raise Unavailable("The shard is away.", log=str(error)) from error
        finally:
            if caller is not None:
                caller.close()

    made = Controller(
        process.host,
        registry,
        world.layout,
        election,
        watching,
        store,
        releasing(call),
        clock,
        ControllerMetrics(CollectorRegistry()),
    )
    process.parts["watching"] = watching
    await made.run()


async def shard(process: Process) -> None:
    """A mailbox shard."""
    world, clock = process.world, process.clock
    store = StoreClient(world.store, process.lane, clock)
    incarnation = await _incarnation(process, store)
    registry = world.registry.of(process.lane, clock)
    watching = Watching(registry, world.layout)
    watching.start()
    member = Member(process.host, MAILBOX, process.host, process.address, incarnation)
    session = Session(registry, world.layout, member, clock=clock, ttl_s=TTL_S)
    holding = Holding(watching, session, clock)
    made = Shard(store, clock, _no_quota, ShardMetrics(CollectorRegistry()), holding, incarnation)
    made.start()
    server = Server({MAILBOX: MailboxService(made), CONTROL: Control({MAILBOX: made.release})})
    world.network.listen(process.address, process.lane, server.serve)
    process.parts |= {"watching": watching, "session": session, "holding": holding, "shard": made}
    session.start()


def gateway(stage: Stage, steps: int) -> Callable[[Process], Coroutine[Any, Any, None]]:
    """A gateway with its clients, each of which does so many things."""

    async def main(process: Process) -> None:
        world, clock = process.world, process.clock
        store = StoreClient(world.store, process.lane, clock)
        registry = world.registry.of(process.lane, clock)
        watching = Watching(registry, world.layout)
        watching.start()
        router = Router(watching, Dialing(world.network, process.lane), clock, process.dice)
        owner = RemoteOwner(router, process.dice)
        mailboxes = MailboxClient(owner, store, MemoryBlobs(clock=clock), clock, _NO_THREADS)
        clients: list[Client | JmapClient] = []
        for number in range(CLIENTS):
            name = f"{process.host}.{process.life}.{number}"
            dice, is_last = world.dice("client", name), number == CLIENTS - 1
            clients.append(Client(name, mailboxes, dice, stage, only_reads=is_last))
        name = f"{process.host}.{process.life}.jmap"
        clients.append(JmapClient(name, mailboxes, clock, world.dice("client", name), stage))
        process.parts |= {"watching": watching, "router": router, "mailboxes": mailboxes, "clients": clients}
        process.parts["busy"] = [asyncio.create_task(client.run(steps)) for client in clients]

    return main
