"""A head that answers, one that does not, and one that comes late."""

import socket

import pytest

from cluster.errors import Misconfigured, Unavailable
from cluster.hosting.ray.reach import await_head, claim, is_loopback, reach
from tests.running import free_ports


@pytest.mark.parametrize("address", ["mx-1", ":6379", "mx-1:", "mx-1:ray", "mx-1:65536"])
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(Misconfigured, match="HOST:PORT"):
        reach(address)


def test_a_head_that_does_not_answer_is_told_with_its_cure() -> None:
    (port,) = free_ports(1)
    with pytest.raises(Unavailable, match=rf"127\.0\.0\.1:{port} \(Connection refused\).*rookery node --head"):
        reach(f"127.0.0.1:{port}")


def test_a_head_that_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as head:
        reach(f"127.0.0.1:{head.getsockname()[1]}")


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(Misconfigured, match=rf"port {port} \(Address already in use\)"):
            claim(port)
    claim(port)


def test_the_wait_for_a_head_is_told_once_and_ends() -> None:
    (port,) = free_ports(1)
    told: list[str] = []
    with pytest.raises(Unavailable):
        await_head(f"127.0.0.1:{port}", [], 0.6, told.append)
    assert [line.partition(".")[0] for line in told] == ["Waiting for the head"]


def test_a_stop_ends_the_wait_for_a_head() -> None:
    (port,) = free_ports(1)
    asked: list[int] = []
    await_head(f"127.0.0.1:{port}", asked, 60, lambda _: asked.append(15))


@pytest.mark.parametrize(("address", "alone"), [("127.0.1.1:1", True), ("[::1]:1", True), ("10.0.0.1:1", False)])
def test_loopback(address: str, alone: bool) -> None:
    assert is_loopback(address) is alone
