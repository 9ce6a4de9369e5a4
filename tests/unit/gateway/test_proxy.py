"""Which peers are relays; how headers are read from sockets is in tests/gateway/smtp/test_relayed.py."""

import pytest

from cluster.errors import Misconfigured
from gateway.proxy import ip_of, relays


@pytest.mark.parametrize(
    ("networks", "ip", "has"),
    [
        (["10.0.0.0/8"], "10.1.2.3", True),
        (["10.0.0.0/8"], "11.0.0.1", False),
        (["192.0.2.1", "2001:db8::/32"], "192.0.2.1", True),
        (["192.0.2.1", "2001:db8::/32"], "2001:db8::5", True),
        (["2001:db8::/32"], "192.0.2.1", False),
        (["0.0.0.0/0"], "no address", False),
    ],
)
def test_who_is_a_relay(networks: list[str], ip: str, has: bool) -> None:
    found = relays(networks)
    assert found is not None
    assert found.has(ip) == has


def test_without_networks_there_are_none() -> None:
    assert relays([]) is None


@pytest.mark.parametrize("network", ["10.0.0.0/33", "10.0.0.1/8", "relay.example"])
def test_a_network_that_is_none_is_named(network: str) -> None:
    with pytest.raises(Misconfigured, match=r"listen\.proxy_from: .*10\.0\.0\.0/8"):
        relays([network])


@pytest.mark.parametrize(
    ("peer", "ip"),
    [
        (("192.0.2.1", 5), "192.0.2.1"),
        (("::ffff:192.0.2.1", 5, 0, 0), "192.0.2.1"),
        (("fe80::1%eth0", 5, 0, 2), "fe80::1"),
        ("/run/socket", "127.0.0.1"),
        (None, "127.0.0.1"),
    ],
)
def test_addresses_in_their_shortest_form(peer: object, ip: str) -> None:
    assert ip_of(peer) == ip
