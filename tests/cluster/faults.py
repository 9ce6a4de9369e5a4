"""What is done to a cluster, each by a name: hit it, wait as long as the fault lasts, put back what an operator's
machine would put back by itself (a service that is started again, a node that boots), and nothing else.

The law: nothing is repaired by hand. Who was hit is told, so that the pause of just those accounts can be measured.
"""

import random
import signal
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from tests.cluster.hosting import kill
from tests.cluster.hosting_ray import Ray
from tests.cluster.observer import KIND, wait_for
from tests.cluster.running import Cluster

TAKEN_OVER_S_MAX: Final = 60.0
DRAINED_S_MAX: Final = 180.0  # two thousand slots, one at a time, on a machine that does other things too
LEASE_S: Final = 3.0  # [cluster] lease_s
AWAY_S: Final = 1.5  # how long a service is away


class Hit(NamedTuple):
    """`at`: time.monotonic. `logins`: whose service it was; `since`: from when on they may expect an answer."""

    at: float
    logins: list[str]


Do = Callable[[Cluster, random.Random], Hit]


class Fault(NamedTuple):
    """`goal_s`: within how long the accounts should be served again, as issue 3 has it; 0: nothing is said."""

    name: str
    do: Do
    goal_s: float = 0.0
    etcd_members: int = 1  # at least
    network: bool = False  # nodes need network namespaces
    store: str = ""  # only with this one
    hosting: str = ""  # likewise
    quiet: bool = False  # no command may fail
    stays: bool = False  # no connection may be cut: clients see a pause, or are told to come later
    long: bool = False  # a variant: only where rounds are many, not in the suite


def _owned(cluster: Cluster, dice: random.Random) -> tuple[str, list[str]]:
    """A shard that has accounts, and these."""
    owners = cluster.shards_of(cluster.logins)
    shard = dice.choice(sorted(set(owners.values()) - {""}))
    return shard, [login for login, owner in owners.items() if owner == shard]


def shard(cluster: Cluster, dice: random.Random) -> Hit:
    """kill -9 of a mailbox shard; its hosting starts it again."""
    name, logins = _owned(cluster, dice)
    at = time.monotonic()
    kill(cluster.hosting.pids()[name])
    return Hit(at, logins)


def gateway(cluster: Cluster, dice: random.Random) -> Hit:
    """kill -9 of a gateway; clients go to another."""
    name = dice.choice(sorted(name for name in cluster.hosting.pids() if name.startswith("gateway-")))
    at = time.monotonic()
    kill(cluster.hosting.pids()[name])
    return Hit(at, cluster.logins)


def node(cluster: Cluster, dice: random.Random) -> Hit:
    """Everything on a node at once; it boots again when others have taken over."""
    name, logins = _owned(cluster, dice)
    where = _node_of(name)
    at = time.monotonic()
    cluster.kill_node(where)
    _taken_over(cluster, logins, name)
    cluster.start_node(where)
    return Hit(at, logins)


def controller(cluster: Cluster, dice: random.Random) -> Hit:
    """kill -9 of the leader."""
    leader = cluster.observer.known.leader
    at = time.monotonic()
    if leader is not None:
        kill(leader.process)
    return Hit(at, cluster.logins)


def controllers(cluster: Cluster, dice: random.Random) -> Hit:
    """kill -9 of both controllers, and of a shard while nobody leads."""
    name, logins = _owned(cluster, dice)
    pids = cluster.hosting.pids()
    at = time.monotonic()
    for process, pid in pids.items():
        if process.startswith("controller-") or process == name:
            kill(pid)
    return Hit(at, logins)


def again(cluster: Cluster, dice: random.Random) -> Hit:
    """kill -9 of a shard, and of its successor when that has hardly begun, three times in a row."""
    name, logins = _owned(cluster, dice)
    at = time.monotonic()
    for _ in range(3):
        if (pid := cluster.hosting.pids().get(name)) is not None:
            kill(pid)
        time.sleep(dice.uniform(0.3, 2.0))
    return Hit(at, logins)


def roll(cluster: Cluster, dice: random.Random) -> Hit:
    """SIGTERM to the processes of a node, one after the other, as when a new version is rolled out."""
    name, logins = _owned(cluster, dice)
    where = _node_of(name)
    at = time.monotonic()
    for process, pid in sorted(cluster.hosting.pids().items()):  # controller, gateway, mailbox
        if process.endswith(f"-{where}-1"):
            kill(pid, signal.SIGTERM)
            time.sleep(dice.uniform(0.1, 1.0))
    return Hit(at, logins)


def moves(cluster: Cluster, dice: random.Random) -> Hit:
    """While slots move away from a node, kill -9 of the leader, then of the shard they come from; the drain is undone
    half-way."""
    name, logins = _owned(cluster, dice)
    where = _node_of(name)
    at = time.monotonic()
    cluster.drain(where, on=True)
    time.sleep(dice.uniform(0.5, 2.0))
    controller(cluster, dice)
    time.sleep(dice.uniform(0.2, 4.0))
    if (pid := cluster.hosting.pids().get(name)) is not None:
        kill(pid)
    time.sleep(dice.uniform(0.2, 2.0))
    cluster.drain(where, on=False)
    return Hit(at, logins)


def head(cluster: Cluster, dice: random.Random) -> Hit:
    """kill -9 of Ray's head with its control service, and a restart: nobody is to notice."""
    assert isinstance(cluster.hosting, Ray)
    assert cluster.head is not None
    at = time.monotonic()
    cluster.hosting.kill(cluster.head)
    time.sleep(LEASE_S + 2)
    cluster.hosting.start_head(cluster.head)
    return Hit(at, cluster.logins)


def raylet(cluster: Cluster, dice: random.Random) -> Hit:
    """kill -9 of a raylet alone: what it ran must end by itself, and the node boots when others have taken over."""
    assert isinstance(cluster.hosting, Ray)
    name, logins = _owned(cluster, dice)
    where = _node_of(name)
    at = time.monotonic()
    kill(cluster.hosting.raylet(cluster.nodes[where]))
    cluster.up.discard(where)
    _taken_over(cluster, logins, name)
    cluster.hosting.gone(cluster.nodes[where])
    cluster.start_node(where)
    return Hit(at, logins)


def etcd_restart(cluster: Cluster, dice: random.Random) -> Hit:
    """SIGTERM of etcd, and a restart."""
    at = time.monotonic()
    cluster.services.etcd.stop()
    time.sleep(AWAY_S)
    cluster.services.etcd.restart()
    return Hit(at, cluster.logins)


def etcd_kill(cluster: Cluster, dice: random.Random) -> Hit:
    """kill -9 of all of etcd, away for longer than the leases."""
    at = time.monotonic()
    cluster.services.etcd.kill()
    time.sleep(dice.choice((0.5, LEASE_S + 2)))
    cluster.services.etcd.restart()
    return Hit(at, cluster.logins)


def etcd_member(cluster: Cluster, dice: random.Random) -> Hit:
    """kill -9 of one of three members, and back."""
    at = time.monotonic()
    dice.choice(cluster.services.etcd.members).kill()
    time.sleep(LEASE_S + 1)
    cluster.services.etcd.restart()
    return Hit(at, cluster.logins)


def minio(cluster: Cluster, dice: random.Random) -> Hit:
    """kill -9 of MinIO, and a restart."""
    at = time.monotonic()
    cluster.services.minio.kill()
    time.sleep(AWAY_S)
    cluster.services.minio.start()
    return Hit(at, cluster.logins)


def postgresql(cluster: Cluster, dice: random.Random) -> Hit:
    """kill -9 of PostgreSQL with all its processes, and a restart."""
    server = cluster.services.postgresql
    assert server is not None, "the store is FoundationDB"
    at = time.monotonic()
    server.kill()
    time.sleep(AWAY_S)
    server.start()
    return Hit(at, cluster.logins)


def stopped(cluster: Cluster, dice: random.Random) -> Hit:
    """SIGSTOP of a shard until another has taken over, then SIGCONT: what it still had in hand must be refused."""
    name, logins = _owned(cluster, dice)
    pid = cluster.hosting.pids()[name]
    at = time.monotonic()
    kill(pid, signal.SIGSTOP)
    try:
        _taken_over(cluster, logins, name)
        time.sleep(1.0)  # others write to these slots
    finally:
        kill(pid, signal.SIGCONT)
    return Hit(at, logins)


def partition(cluster: Cluster, dice: random.Random) -> Hit:
    """What a node sends to etcd is lost, until others have taken over; it hears everything."""
    name, logins = _owned(cluster, dice)
    host, etcd = cluster.nodes[_node_of(name)].host, cluster.services.addresses.etcd
    return _lost(cluster, [(host, etcd)], logins, lambda: _taken_over(cluster, logins, name))


def partition_store(cluster: Cluster, dice: random.Random) -> Hit:
    """What a node sends to the store is lost for a while."""
    name, logins = _owned(cluster, dice)
    host, store = cluster.nodes[_node_of(name)].host, cluster.services.addresses.store
    return _lost(cluster, [(host, store)], logins, lambda: time.sleep(LEASE_S + 1))


def partition_gateways(cluster: Cluster, dice: random.Random) -> Hit:
    """What other nodes send to a node is lost for a while; it reaches everybody, and keeps its lease."""
    name, logins = _owned(cluster, dice)
    host = cluster.nodes[_node_of(name)].host
    others = [(node.host, host) for node in cluster.nodes.values() if node.host != host and node.name in cluster.up]
    return _lost(cluster, others, logins, lambda: time.sleep(LEASE_S + 1))


def _lost(cluster: Cluster, ways: Sequence[tuple[str, str]], logins: list[str], during: Callable[[], None]) -> Hit:
    assert cluster.network is not None
    at = time.monotonic()
    for source, target in ways:
        cluster.network.lose(source, target)
    try:
        during()
    finally:
        for source, target in ways:
            cluster.network.heal(source, target)
    return Hit(at, logins)


def drain(cluster: Cluster, dice: random.Random) -> Hit:
    """A node is drained, stopped, and joins again."""
    name, logins = _owned(cluster, dice)
    where = _node_of(name)
    at = time.monotonic()
    cluster.drain(where, on=True)
    wait_for(lambda: f"{left} slots are left" if (left := cluster.observer.slots_of(name)) else "", DRAINED_S_MAX)
    cluster.stop_node(where)
    cluster.drain(where, on=False)
    cluster.start_node(where)
    return Hit(at, logins)


FAULTS: Final[Sequence[Fault]] = (
    Fault("shard", shard, 5.0, stays=True),
    Fault("gateway", gateway),
    Fault("node", node, 15.0),
    Fault("controller", controller, stays=True),
    Fault("controllers", controllers, 5.0, long=True, stays=True),
    Fault("again", again, long=True, stays=True),
    Fault("moves", moves, long=True, stays=True),
    Fault("roll", roll, long=True),
    Fault("head", head, hosting="ray", quiet=True),
    Fault("raylet", raylet, 15.0, hosting="ray"),
    Fault("etcd-restart", etcd_restart, long=True),
    Fault("etcd-kill", etcd_kill, stays=True),
    Fault("etcd-member", etcd_member, etcd_members=3, stays=True),
    Fault("minio", minio, stays=True),
    Fault("postgresql", postgresql, store="postgresql", stays=True),
    Fault("stopped", stopped, stays=True),
    Fault("partition", partition, network=True),
    Fault("partition-store", partition_store, store="postgresql", network=True, long=True),
    Fault("partition-gateways", partition_gateways, network=True, long=True),
    Fault("drain", drain),
)
BY_NAME: Final = {fault.name: fault for fault in FAULTS}


def _node_of(shard_name: str) -> str:
    return shard_name.removeprefix(f"{KIND}-").rpartition("-")[0]


def _taken_over(cluster: Cluster, logins: Sequence[str], name: str) -> None:
    """Until none of the accounts is this shard's."""

    def reason() -> str:
        owners = cluster.shards_of(logins)
        return f"{name} still has accounts" if name in owners.values() or "" in owners.values() else ""

    wait_for(reason, TAKEN_OVER_S_MAX)
