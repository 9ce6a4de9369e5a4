"""What keeps a test cluster's state: etcd, the store, MinIO, and the certificates of its nodes.

The law: everything is on free ports in one folder, and gone with `close`. The store is PostgreSQL over TCP, and
FoundationDB instead wherever FDB_CLUSTER_FILE names a cluster.
"""

import datetime as dt
import os
import secrets
import subprocess
import sys
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from cluster import authority
from tests import minio, postgresql
from tests.cluster.network import Network, can_partition
from tests.contract.adapters import clear_foundationdb, no_foundationdb
from tests.etcd import Etcd
from tests.running import free_ports

LOOPBACK: Final = "127.0.0.1"
PARTS: Final = ("etcd", "postgresql", "minio")  # of ops/parts.py, which all of this needs


class Addresses(NamedTuple):
    """Of this machine."""

    etcd: str = LOOPBACK
    store: str = LOOPBACK
    minio: str = LOOPBACK


class Services:
    """Running from the start."""

    def __init__(self, folder: Path, *, etcd_members: int = 1, addresses: Addresses = Addresses()) -> None:  # noqa: B008 (frozen)
        """`addresses`: where each of them listens."""
        self._stack = ExitStack()
        self._folder = folder
        self.addresses = addresses
        self.certificates = folder / "certificates"
        try:
            authority.make_authority(self.certificates, dt.datetime.now(dt.UTC))
            self.etcd = Etcd.start(folder, members=etcd_members, address=addresses.etcd)
            self._stack.callback(self.etcd.kill)
            self.postgresql: postgresql.Server | None = None
            self._prefix = f"test-{secrets.token_hex(8)}"
            self._store = self._start_store(addresses.store)
            self.minio = minio.Server(address=addresses.minio)
            self._stack.callback(self.minio.remove)
            self._keep("s3-key", minio.USER)
            self._keep("s3-secret", self.minio.password)
        except BaseException:
            self.close()
            raise

    def settings(self, node: str) -> str:
        """TOML tables: how a node reaches all of it."""
        pair = authority.pair_of(self.certificates, node)
        if not pair.key.exists():
            authority.issue(self.certificates, node, "node", dt.datetime.now(dt.UTC))
        endpoints = ", ".join(f'"{endpoint}"' for endpoint in self.etcd.endpoints)
        s3 = self.minio.settings("rookery")
        return (
            f'[store]\nblobs = "s3"\n{self._store}'
            f'[store.s3]\nendpoints = ["{s3.endpoints[0]}"]\nbucket = "{s3.bucket}"\nmake_bucket = true\n'
            f'access_key = {{ file = "{self._folder / "s3-key"}" }}\n'
            f'secret_key = {{ file = "{self._folder / "s3-secret"}" }}\n'
            f"[cluster.etcd]\nendpoints = [{endpoints}]\n"
            f'[cluster.rpc]\ncertificate = "{pair.certificate}"\nkey = "{pair.key}"\n'
            f'authority = "{authority.pair_of(self.certificates, "authority").certificate}"\n'
        )

    def close(self) -> None:
        """Stop all."""
        self._stack.close()

    def _start_store(self, address: str) -> str:
        if not no_foundationdb():
            self._stack.callback(clear_foundationdb, f"\x02{self._prefix}\0".encode())
            place = f'cluster_file = "{cluster_file()}"\nprefix = "{self._prefix}"\n'
            return f'kind = "foundationdb"\n[store.foundationdb]\n{place}'
        (port,) = free_ports(1)
        self.postgresql = postgresql.Server(address=address, port=port)
        self._stack.callback(self.postgresql.remove)
        place = f'host = "{address}"\nport = {port}\ndatabase = "postgres"\nuser = "rookery"\n'
        return f'kind = "postgresql"\n[store.postgresql]\n{place}'

    def _keep(self, name: str, secret: str) -> None:
        path = self._folder / name
        path.touch(mode=0o600)
        path.write_text(secret)


def store_kind() -> str:
    """Which store the services have here."""
    return "postgresql" if no_foundationdb() else "foundationdb"


def cluster_file() -> Path:
    """FoundationDB's, from wherever a process starts."""
    return Path(os.environ["FDB_CLUSTER_FILE"]).absolute()


def coordinators(text: str) -> list[tuple[str, int]]:
    """The addresses in a cluster file: description:id@address,address."""
    (line,) = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    places = [place.strip().removesuffix(":tls").rpartition(":") for place in line.partition("@")[2].split(",")]
    return [(host.strip("[]"), int(port)) for host, _, port in places]


@cache
def no_network() -> str:
    """Why nodes cannot have a network namespace each here, or nothing."""
    if not can_partition():
        return "needs network namespaces: run as root on Linux with `ip`"
    if store_kind() == "foundationdb" and (lost := _out_of_reach(coordinators(cluster_file().read_text()))):
        return (
            f"a network namespace does not reach FoundationDB at {lost}: give it an address of this machine's network"
        )
    return ""


def _out_of_reach(places: list[tuple[str, int]]) -> str:
    """The first that does not answer in a network namespace."""
    network = Network()
    try:
        network.here(1)
        space, _ = network.space("f", 2)
        for host, port in places:
            code = f"import socket; socket.create_connection(({host!r}, {port}), 3)"
            tried = ["ip", "netns", "exec", space, sys.executable, "-c", code]
            if subprocess.run(tried, capture_output=True).returncode:
                return f"{host}:{port}"
    finally:
        network.close()
    return ""
