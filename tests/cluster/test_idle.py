"""A change made through one gateway reaches an IDLE client on another."""

from collections.abc import Iterator

import pytest

from tests.cluster.idle import idle, measure, told
from tests.cluster.running import Cluster
from tests.cluster.services import PARTS
from tests.load.wire import Address, logged_in
from tests.running import PASSWORD

pytestmark = [pytest.mark.kill, pytest.mark.part(*PARTS)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two nodes."""
    with Cluster(tmp_path_factory.mktemp("cluster"), nodes=2, accounts=2) as made:
        yield made


def doors(cluster: Cluster) -> tuple[Address, Address]:
    """IMAP at both gateways."""
    one, other = (cluster.nodes[name] for name in sorted(cluster.up))
    return (one.host, one.ports["imap"]), (other.host, other.ports["imap"])


def test_delivered_at_one_gateway_seen_at_the_other(cluster: Cluster) -> None:
    """Every delivery is told; how fast is measured by `python -m tests.cluster --idle 200`."""
    measured = measure(cluster, 6)
    assert measured["deliveries"] == 6


def test_flags_and_expunge_at_one_gateway_seen_at_the_other(cluster: Cluster) -> None:
    async def play() -> None:
        here, there = doors(cluster)
        login = cluster.logins[0]
        async with logged_in(here, login, PASSWORD) as doing, logged_in(there, login, PASSWORD) as watching:
            await doing.done("APPEND Archive ()", b"Subject: one\r\n\r\nHello.\r\n")
            await doing.done("SELECT Archive")
            await idle(watching, "Archive")
            await doing.done("STORE 1 +FLAGS (\\Flagged)")
            await told(watching, b"\\Flagged")
            await doing.done("STORE 1 +FLAGS (\\Deleted)")
            await doing.done("EXPUNGE")
            await told(watching, b"EXPUNGE")

    cluster.loop.run(play(), 60)
