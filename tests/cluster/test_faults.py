"""Each kind of fault once, on one cluster that lives through all of them. Many rounds: `python -m tests.cluster`."""

import random
from collections.abc import Iterator
from urllib.request import urlopen

import pytest

from tests.cluster.faults import FAULTS, Fault
from tests.cluster.rounds import Rounds
from tests.cluster.running import Cluster
from tests.cluster.services import PARTS, no_network, store_kind

pytestmark = [pytest.mark.kill, pytest.mark.part(*PARTS), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def rounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rounds]:
    """Three nodes and three members of etcd."""
    folder = tmp_path_factory.mktemp("cluster")
    with Cluster(folder, etcd_members=3, network=not no_network()) as cluster:
        play = Rounds(cluster, seed=random.SystemRandom().randrange(1 << 30))
        yield play


def test_every_process_has_metrics_of_its_own(rounds: Rounds) -> None:
    members = rounds.cluster.observer.members().values()
    assert {member.kind for member in members} >= {"gateway", "mailbox"}
    assert len({member.metrics for member in members}) == len(members)
    for member in members:
        with urlopen(f"http://{member.metrics}/metrics", timeout=10) as answer:
            assert b"\nprocess_cpu_seconds_total" in answer.read(), member.name


@pytest.mark.parametrize(
    "fault", [fault for fault in FAULTS if not fault.long and not fault.hosting], ids=lambda fault: fault.name
)
def test_what_was_acknowledged_survives(rounds: Rounds, fault: Fault) -> None:
    if fault.network and (reason := no_network()):
        pytest.skip(reason)
    if fault.store not in ("", store_kind()):
        pytest.skip(f"the store is {store_kind()}")
    if rounds.broken:
        pytest.skip("the round before broke a promise")
    played = rounds.play(fault)
    assert played.acknowledged > 0


def test_all_stops_and_the_store_is_whole(rounds: Rounds) -> None:
    if rounds.broken:
        pytest.skip("a round broke a promise")
    rounds.finish()
