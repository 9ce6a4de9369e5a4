"""The fault tests' own eyes: what an IDLE client may not be told, how figures are made, where packets get lost."""

import socket
import subprocess
import sys

import pytest

from tests.cluster.network import Network, can_partition
from tests.cluster.report import percentile, summary
from tests.cluster.rounds import DEFECTS, Round
from tests.cluster.services import coordinators
from tests.cluster.watching import Watcher
from tests.load.ledger import Broken


def watcher(count: int) -> Watcher:
    made = Watcher("alice", "INBOX")
    made.count = count
    return made


def test_an_idle_client_counts() -> None:
    one = watcher(2)
    for line in (
        b"* 4 EXISTS\r\n",
        b"* 1 EXPUNGE\r\n",
        b"* 2 FETCH (FLAGS (\\Seen) UID 7)\r\n",
        b"* OK Still here\r\n",
    ):
        one.take(line)
    assert one.count == 3


@pytest.mark.parametrize("line", [b"* 1 EXISTS\r\n", b"* 3 EXPUNGE\r\n", b"* 0 EXPUNGE\r\n"])
def test_an_idle_client_is_told_nonsense(line: bytes) -> None:
    with pytest.raises(Broken):
        watcher(2).take(line)


def test_percentiles() -> None:
    values = [float(number) for number in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([3.0], 0.99)) == (50.0, 99.0, 3.0)
    assert percentile(values[:10], 0.99) == 10.0


def test_summary() -> None:
    rounds = [Round("shard", gap, 10, 1, 2, 0, 0, 3.0) for gap in (1.0, 3.0)]
    shard, everything = summary(rounds, {"shard": 5.0, "node": 15.0}, 1, 0)
    assert (shard["fault"], shard["rounds"], shard["max s"], shard["acknowledged"]) == ("shard", 2, 3.0, 20)
    assert (everything["fault"], everything["lost"]) == ("all", 1)


@pytest.mark.parametrize(
    "line", [b"Traceback (most recent", b"Task exception was never retrieved", b'"level":"critical"']
)
def test_defects_in_logs_are_seen(line: bytes) -> None:
    assert DEFECTS.search(b"something\n" + line)


def test_coordinators_of_a_cluster_file() -> None:
    text = "# written by fdbserver\ntest:abc@10.0.0.1:4500,[fd00::1]:4501:tls\n"
    assert coordinators(text) == [("10.0.0.1", 4500), ("fd00::1", 4501)]


SEND = "import socket, sys; socket.socket(type=socket.SOCK_DGRAM).sendto(b'a', (sys.argv[1], int(sys.argv[2])))"


def reaches(space: str, here: str) -> bool:
    """Whether a packet from a namespace arrives."""
    with socket.socket(type=socket.SOCK_DGRAM) as listening:
        listening.bind((here, 0))
        listening.settimeout(1)
        port = str(listening.getsockname()[1])
        subprocess.run(["ip", "netns", "exec", space, sys.executable, "-c", SEND, here, port], check=True, timeout=20)
        try:
            return listening.recv(10) == b"a"
        except TimeoutError:
            return False


@pytest.mark.skipif(not can_partition(), reason="needs root and `ip`")
def test_packets_get_lost_one_way() -> None:
    network = Network()
    try:
        here = network.here(1)
        space, there = network.space("a", 2)

        assert reaches(space, here)
        network.lose(there, here)
        assert not reaches(space, here)
        network.heal(there, here)
        assert reaches(space, here)
    finally:
        network.close()
