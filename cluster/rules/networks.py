"""Networks that rules and lists name, and whether an address is in one of them.

The law: an IPv4 address written as IPv6 (`::ffff:192.0.2.1`) is the IPv4 address; what is no address is in no network.
"""

import functools
import ipaddress
from collections.abc import Iterable
from typing import Final, Generic, TypeVar

T = TypeVar("T")
_READ_MAX: Final = 4_096  # addresses read last, in this process: one connection asks about its own many times

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@functools.lru_cache(_READ_MAX)
def address_of(text: str) -> Address | None:
    """The address that a text is, or None."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def network_of(text: str) -> Network | None:
    """The network that a text is (`10.0.0.0/8`, or one address), or None. Host bits are dropped."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.IPv4Network((int(mapped), network.prefixlen - 96))
    return network


class Networks(Generic[T]):
    """Values by network; the smallest network that holds an address counts. A look-up takes one step for each length
    of prefix there is."""

    def __init__(self, entries: Iterable[tuple[Network, T]] = ()) -> None:
        self._by_length: dict[int, list[tuple[int, int, dict[int, T]]]] = {4: [], 6: []}
        for network, value in entries:
            self._lengths(network).setdefault(int(network.network_address), value)
        for lengths in self._by_length.values():
            lengths.sort(key=lambda length: -length[0])

    def _lengths(self, network: Network) -> dict[int, T]:
        for length, _shift, values in self._by_length[network.version]:
            if length == network.prefixlen:
                return values
        made: dict[int, T] = {}
        shift = network.max_prefixlen - network.prefixlen
        self._by_length[network.version].append((network.prefixlen, shift, made))
        return made

    def __bool__(self) -> bool:
        return any(self._by_length.values())

    def find(self, text: str) -> tuple[T] | None:
        """The value for an address, in a tuple; None where it is in no network."""
        address = address_of(text)
        if address is None:
            return None
        number = int(address)
        for _length, shift, values in self._by_length[address.version]:
            begin = number >> shift << shift
            if begin in values:
                return (values[begin],)
        return None
