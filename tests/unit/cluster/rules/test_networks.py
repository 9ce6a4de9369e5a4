"""Networks: the smallest that holds an address counts, in either family."""

import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.rules.networks import Networks, network_of


def test_what_is_no_network_is_none() -> None:
    assert [network_of(text) for text in ("", "10.0.0", "a", "10.0.0.0/33", "10.0.0.0/8/8")] == [None] * 5
    assert str(network_of("10.1.2.3/8")) == "10.0.0.0/8"
    assert str(network_of("::ffff:10.0.0.0/104")) == "10.0.0.0/8"


addresses = st.ip_addresses(v=4, network="10.0.0.0/28") | st.ip_addresses(v=6, network="2001:db8::/124")
ends = addresses.flatmap(lambda one: st.tuples(st.just(one), st.integers(one.max_prefixlen - 5, one.max_prefixlen)))


@settings(deadline=None)
@given(st.lists(ends, max_size=12), addresses)
def test_the_smallest_network_counts(
    written: list[tuple[ipaddress.IPv4Address, int]], address: ipaddress.IPv4Address
) -> None:
    networks = [ipaddress.ip_network(f"{one}/{length}", strict=False) for one, length in written]
    found = Networks([(network, str(network)) for network in networks]).find(str(address))
    holding = [network for network in networks if address in network]
    expected = max(holding, key=lambda network: network.prefixlen, default=None)
    assert found == (None if expected is None else (str(expected),))


def test_strange_addresses_are_in_no_network() -> None:
    networks = Networks([(network, True) for text in ("0.0.0.0/0", "::/0") if (network := network_of(text))])
    assert [networks.find(text) for text in ("", "a@b", "\udc80", "1.2.3.4.5", "x" * 10_000)] == [None] * 5
    assert networks.find("::ffff:10.0.0.1") == networks.find("10.0.0.1") == networks.find("fe80::1%eth0") == (True,)
