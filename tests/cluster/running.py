"""A cluster for tests: services, nodes with gateways on ports of their own, accounts, and an observer.

`with Cluster(folder) as cluster:` gives one that serves. The law: everything is stopped at the end whatever happens.
"""

import asyncio
import os
import random
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Final, Self

import msgspec

from actors.directory.client import DirectoryClient
from cluster.clock import SystemClock, system_dice
from cluster.config import load
from cluster.membership.members import Drain, Member, Wanted
from ops.core import open_stores
from ops.settings import Settings
from tests.cluster.hosting import Hosting, Node, Processes
from tests.cluster.hosting_ray import HEAD, Ray
from tests.cluster.network import Network
from tests.cluster.observer import KIND, Loop, Observer, wait_for
from tests.cluster.services import LOOPBACK, Addresses, Services
from tests.kill.inside import accounts_of, check_account
from tests.load.wire import Address
from tests.running import DOMAIN, PASSWORD, free_ports

PROTOCOLS: Final = ("smtp", "lmtp", "imap", "https")
ROLES: Final = ("gateway", "mailbox")  # on every node; controllers on two
CONTROLLERS: Final = 2
FIRST_NODE: Final = 11  # the last byte of its address
START_S_MAX: Final = 90.0
LOOK_INSIDE_S_MAX: Final = 60.0
HOSTINGS: Final[dict[str, Callable[[Path], Hosting]]] = {"processes": Processes, "ray": Ray}
FIXED: Final = """
[imap]
plaintext_login = true
"""


class Cluster:
    """Nodes n1, n2, ... of one host."""

    def __init__(
        self,
        folder: Path,
        *,
        nodes: int = 3,
        accounts: int = 6,
        etcd_members: int = 1,
        hosting: Callable[[Path], Hosting] = Processes,
        network: bool = False,
    ) -> None:
        """`network`: every node has an address and a network namespace of its own, which needs root."""
        self.folder = folder
        self.logins = [f"user{number}@{DOMAIN}" for number in range(accounts)]
        self.accounts: dict[str, int] = {}
        self.nodes: dict[str, Node] = {}
        self.up: set[str] = set()
        self._made = nodes
        self._etcd_members = etcd_members
        self._hosting = hosting
        self._with_network = network
        self.network: Network | None = None
        self.head: Node | None = None  # Ray's, which has no gateway and no shard
        self._ports: dict[str, int] = {}
        self._configured: list[str] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop all."""
        self._stack.close()

    def door(self, protocol: str, dice: random.Random) -> Address:
        """Where a client may go: any node's gateway."""
        node = self.nodes[dice.choice(sorted(self.up))]
        return node.host, node.ports[protocol]

    def new_node(self, name: str = "") -> Node:
        """One more, not started."""
        name = name or f"n{len(self.nodes) + 1}"
        number = FIRST_NODE + len(self._configured)
        namespace, host = self.network.space(f"s{number}", number) if self.network else ("", LOOPBACK)
        if not self._ports or not self.hosting.alike:
            self._ports = dict(zip(PROTOCOLS, free_ports(len(PROTOCOLS)), strict=True))
        node = Node(name, host, self._ports, self._configure(name, host), namespace)
        self._configured.append(name)
        return node

    def _configure(self, name: str, host: str) -> Path:
        """The settings of a node; with two empty strings, of any process on any node."""
        path = self.folder / f"{name or 'all'}.toml"
        listeners = "".join(
            f'[[listen]]\nprotocol = "{protocol}"\nhost = "{host or "0.0.0.0"}"\nport = {port}\n'
            for protocol, port in self._ports.items()
        )
        text = f'hostname = "mx.{DOMAIN}"\ndata = "{self.folder / "data"}"\n{listeners}{FIXED}'
        path.write_text(text + self.hosting.settings(name, host) + self.services.settings("node"))
        return path

    def start_node(self, name: str) -> None:
        """Start its processes."""
        roles = (*ROLES, "controller") if int(name[1:]) <= CONTROLLERS else ROLES
        self.hosting.start(self.nodes[name], roles)
        self.up.add(name)

    def kill_node(self, name: str) -> None:
        """End all its processes at once."""
        self.up.discard(name)
        self.hosting.kill(self.nodes[name])

    def stop_node(self, name: str) -> None:
        """Its processes drain."""
        self.up.discard(name)
        self.hosting.stop(self.nodes[name])

    def drain(self, name: str, *, on: bool) -> None:
        """Ask for a node to be emptied, as `rookery drain` does, or no longer."""
        key = f"{self.observer.layout.drains}{name}"
        drain = msgspec.json.encode(Drain("test", int(time.time() * 1000)))
        puts, deletes = ({key: drain}, []) if on else ({}, [key])
        self.loop.run(self.observer.registry.change(puts, deletes=deletes), 10)

    def wait_whole(self, timeout_s: float = START_S_MAX) -> float:
        """Until every process is announced and every slot has an owner that lives; the seconds it took."""

        def reason() -> str:
            pids = self.hosting.pids()
            wanted = {f"{role}-{node}-1" for node in self.up for role in ROLES}
            if missing := wanted - pids.keys():
                return f"{sorted(missing)} do not run"
            return self.observer.is_whole({name: pids[name] for name in wanted})

        try:
            return wait_for(reason, timeout_s)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.last_words()}") from None

    def shards(self) -> list[Member]:
        """The mailbox shards that are announced."""
        return [member for member in self.observer.members().values() if member.kind == KIND]

    def shards_of(self, logins: Sequence[str]) -> dict[str, str]:
        """The owner's name of each account."""
        return {login: self.observer.owner(self.accounts[login]) for login in logins}

    def last_words(self) -> str:
        """The end of each process's log."""
        return "\n".join(f"{path.name}: {path.read_text(errors='replace')[-600:]}" for path in self.hosting.logs())

    def _start(self) -> None:
        addresses = Addresses()
        if self._with_network:
            self.network = Network()
            self._stack.callback(self.network.close)
            self.network.here(FIRST_NODE - 1)  # the first is where clients come from
            addresses = Addresses(*(self.network.here(number) for number in (1, 2, 3)))
        self.services = Services(self.folder, etcd_members=self._etcd_members, addresses=addresses)
        self._stack.callback(self.services.close)
        self.hosting = self._hosting(self.folder)
        self._stack.callback(self.hosting.close)
        if isinstance(self.hosting, Ray):
            self.head = self.new_node(HEAD)
        for _ in range(self._made):
            node = self.new_node()
            self.nodes[node.name] = node
        self.accounts = asyncio.run(self._furnish(self._configure("", "")))
        self.loop = Loop()
        self._stack.callback(self.loop.close)
        self.observer = self.loop.run(self._observe(), 10)
        self._stack.callback(lambda: self.loop.run(self.observer.close(), 10))
        if isinstance(self.hosting, Ray) and self.head is not None:
            self._want()
            self.hosting.start_head(self.head)
        for name in self.nodes:
            self.start_node(name)
        if isinstance(self.hosting, Ray):
            self.hosting.up(self._configure("", ""))
        self.wait_whole()
        wait_for(lambda: "nobody leads" if self.observer.known.leader is None else "", START_S_MAX)

    def _want(self) -> None:
        """No more processes than the tests need."""
        wanted = msgspec.json.encode(Wanted(queue=0, reputation=0, greylist=0, throttle=0))
        self.loop.run(self.observer.registry.change({self.observer.layout.wanted: wanted}), 10)

    def stop(self) -> None:
        """Stop every node in order, and look at every account in the store. Raises Broken, AssertionError."""
        for name in sorted(self.up):
            self.stop_node(name)
        self.loop.run(self._look_inside(), LOOK_INSIDE_S_MAX)

    async def _look_inside(self) -> None:
        settings = load(Settings, self.folder / "all.toml", os.environ)
        async with AsyncExitStack() as stack:
            store, blobs, _ = await open_stores(stack, self.folder / "furnish", settings.store, SystemClock())
            found = await accounts_of(store)
            assert set(found) <= set(self.accounts.values()), "there are accounts that nobody made"
            for account in found:
                await check_account(store, blobs, account)

    async def _observe(self) -> Observer:
        return Observer(self.services.etcd.settings(), "test")

    async def _furnish(self, config: Path) -> dict[str, int]:
        settings, clock = load(Settings, config, os.environ), SystemClock()
        async with AsyncExitStack() as stack:
            store, _, _ = await open_stores(stack, self.folder / "furnish", settings.store, clock)
            directory = DirectoryClient(store, clock, system_dice())
            stack.callback(directory.close)
            await directory.add_domain(DOMAIN)
            return {login: (await directory.add_account(login, PASSWORD)).id for login in self.logins}
