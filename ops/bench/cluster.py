"""A cluster of plain processes on this host, as benchmarks measure it: each role by `python -m ops.roles`, no Ray.

The law: every process is one that an operator would have, with TLS between them, a real etcd and a real PostgreSQL
that write to disk; each shard is on a node of its own, so that nodes can be drained. Nobody restarts what ends.
"""

import asyncio
import contextlib
import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from actors.mailbox.keys import slot_of
from cluster.authority import issue, make_authority
from cluster.clock import SystemClock
from cluster.membership.etcd import EtcdRegistry
from cluster.membership.members import Drain, Layout
from cluster.placement.slots import SLOTS
from cluster.placement.watching import Watching
from ops.bench import processes, services
from ops.bench.filling import add_accounts
from ops.bench.imap import loop_factory
from ops.bench.peers import DOMAIN, IMAP_PER_IP_MAX, ROOT, Ports, address, free_ports
from ops.core import opened
from ops.settings import StoreSettings

NAME: Final = "bench"
START_S_MAX: Final = 90.0  # of many processes on few processors
SETTLE_S_MAX: Final = 120.0
LOOK_EVERY_S: Final = 0.02
LEASE_S: Final = 3  # the settings' own; here because failover is measured in it
KINDS: Final = ("gateway", "mailbox", "controller", "queue", "reputation", "greylist", "throttle")


class Started(NamedTuple):
    """A process of the cluster."""

    role: str
    node: str
    process: "subprocess.Popen[bytes]"
    log: Path


class Cluster:
    """Its store and registry, which stay; `running` starts processes on them, any number of times."""

    def __init__(
        self,
        directory: Path,
        store: services.Service,
        registry: services.Service,
        gateways: int,
        runner: asyncio.Runner,
    ) -> None:
        self.directory = directory
        self.run = runner.run  # one event loop for all: gRPC dislikes several
        self.store = store
        self.registry = registry
        self.ports: list[Ports] = [free_ports() for _ in range(gateways)]
        self.started: dict[str, Started] = {}
        now = dt.datetime.now(dt.UTC)
        self._authority = make_authority(directory, now)
        self._node = issue(directory, "node", "node", now)
        for number, ports in enumerate(self.ports):
            self._config(number).write_text(self._settings(ports))

    def _config(self, gateway: int) -> Path:
        return self.directory / f"gateway{gateway}.toml"

    def _settings(self, ports: Ports) -> str:
        return f"""\
hostname = "mx.{DOMAIN}"
data = "{self.directory / "data"}"
[[listen]]
protocol = "smtp"
port = {ports.smtp}
[[listen]]
protocol = "imap"
port = {ports.imap}
[imap]
plaintext_login = true
connections_per_ip_max = {IMAP_PER_IP_MAX}
connections_per_account_max = {IMAP_PER_IP_MAX}
[store]
kind = "postgresql"
blobs = "store"
[store.postgresql]
host = "{services.HOST}"
port = {self.store.port}
database = "postgres"
user = "rookery"
[cluster]
name = "{NAME}"
lease_s = {LEASE_S}
[cluster.etcd]
endpoints = ["http://{services.HOST}:{self.registry.port}"]
[cluster.rpc]
certificate = "{self._node.certificate}"
key = "{self._node.key}"
authority = "{self._authority.certificate}"
"""

    def furnish(self, accounts: int) -> dict[int, int]:
        """Make so many accounts; the slot of each. While nothing else runs."""
        return self.run(self._furnish(accounts))

    async def _furnish(self, accounts: int) -> dict[int, int]:
        async with opened(self.directory / "filling", self.store_settings()) as core:
            await add_accounts(core, accounts)
            return {
                number: slot_of((await core.directory.get_account(address(number))).id) for number in range(accounts)
            }

    def store_settings(self) -> StoreSettings:
        """Of the same store."""
        return StoreSettings(kind="postgresql", blobs="store", postgresql=services.postgresql_settings(self.store.port))

    @contextlib.contextmanager
    def running(self, shards: int, *, nodes: str = "n", others: bool = False) -> Iterator[None]:
        """So many mailbox shards, on nodes n0, n1 ..., a controller and the gateways; `others`: one shard of each
        other kind as well. Everybody serves and no slot has to move. Where slots belong to nodes of the same names
        already, they are moved one by one, which takes a while. Raises RuntimeError."""
        try:
            for number in range(shards):
                self.start("mailbox", f"{nodes}{number}")
            for role in ("queue", "reputation", "greylist", "throttle") if others else ():
                self.start(role, f"{nodes}0")
            self.await_serving()
            self.start("controller", f"{nodes}0")
            for number in range(len(self.ports)):
                self.start("gateway", f"g{number}", config=number)
            self.await_serving()
            self.run(self._settled(shards))
            yield
        finally:
            self.stop()

    def start(self, role: str, node: str, *, config: int = 0) -> str:
        """Start a process; its name."""
        name = f"{role}-{node}-0"
        log = self.directory / f"{name}.log"
        command = [sys.executable, "-m", "ops.roles", role, name, node, services.HOST, str(self._config(config))]
        environ = {**os.environ, "PYTHONPATH": f"{ROOT / 'proto'}:{ROOT}"}
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", *command],
                stdout=output,
                stderr=output,
                env=environ,
                cwd=self.directory,
                start_new_session=True,
            )
        self.started[name] = Started(role, node, process, log)
        return name

    def await_serving(self) -> None:
        """Until all that was started says that it serves."""
        deadline = time.monotonic() + START_S_MAX
        for name, each in self.started.items():
            while f"{name} serves" not in (told := each.log.read_text(errors="replace")):
                if each.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{name} did not come up:\n{told[-3000:]}")
                time.sleep(LOOK_EVERY_S)

    def kill(self, name: str) -> None:
        """`kill -9`."""
        each = self.started.pop(name)
        each.process.kill()
        each.process.wait()

    def stop(self) -> None:
        """All of them, gateways first."""
        order = sorted(self.started.items(), key=lambda item: KINDS.index(item[1].role))
        self.started.clear()
        for _name, each in order:
            each.process.send_signal(signal.SIGTERM)
        for _name, each in order:
            services.stop(each.process)

    def roots(self, *roles: str) -> list[int]:
        """The processes of these roles."""
        return [each.process.pid for each in self.started.values() if each.role in roles]

    def count(self, role: str) -> int:
        """How many of a role run."""
        return len(self.roots(role))

    def memory_mb(self, role: str) -> float:
        """What one process of a role takes, on average, files that it maps left out."""
        roots = self.roots(role)
        found = processes.memory(roots)
        return (found.pss - found.file) / len(roots) / processes.MB

    async def _settled(self, shards: int) -> None:
        async with self.watching() as watching:
            await until(lambda: self._is_settled(watching, shards), SETTLE_S_MAX)

    def _is_settled(self, watching: Watching, shards: int) -> bool:
        known = watching.known
        if len(known.shards.get("mailbox", {})) != shards or len(known.gateways) != len(self.ports):
            return False
        owners = {owner.name if owner else None for owner in (known.owner("mailbox", slot) for slot in range(SLOTS))}
        return None not in owners and len(owners) == shards and not known.controller.left

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[Watching]:
        """What the registry says, as a member would see it."""
        registry = EtcdRegistry(services.etcd_settings(self.registry.port), SystemClock())
        watching = Watching(registry, Layout(NAME))
        watching.start()
        try:
            await watching.ready(SETTLE_S_MAX)
            yield watching
        finally:
            await watching.close()
            await registry.close()

    async def drain(self, node: str, *, on: bool = True) -> None:
        """Ask for a node to be emptied, as `rookery drain` does, or take it back."""
        registry = EtcdRegistry(services.etcd_settings(self.registry.port), SystemClock())
        key = f"{Layout(NAME).drains}{node}"
        try:
            value = msgspec.json.encode(Drain("bench", SystemClock().now_ms()))
            await (registry.change({key: value}) if on else registry.change({}, deletes=[key]))
        finally:
            await registry.close()


async def until(true: Callable[[], bool], seconds_max: float) -> None:
    """Look again and again. Raises TimeoutError."""
    async with asyncio.timeout(seconds_max):
        while not true():  # noqa: ASYNC110 - the world outside sets no event
            await asyncio.sleep(LOOK_EVERY_S)


@contextlib.contextmanager
def cluster(directory: Path, gateways: int = 1) -> Iterator[Cluster]:
    """Store and registry, empty. Raises Misconfigured where a program is missing."""
    with ExitStack() as stack:
        store = stack.enter_context(services.postgresql(directory))
        registry = stack.enter_context(services.etcd(directory))
        runner = stack.enter_context(asyncio.Runner(loop_factory=loop_factory))
        yield Cluster(directory, store, registry, gateways, runner)
