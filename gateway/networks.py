"""Networks: who belongs to one of the settings', and which one is counted as one client.

The law: an IPv4 address that came as IPv6 is IPv4; what is no address belongs to none.
"""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from cluster.errors import Misconfigured

Network = IPv4Network | IPv6Network
IPV6_BITS: Final = 64  # of an address: the rest is the client's own to choose, and to change (RFC 4291 2.5.4, RFC 8981)


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """`10.0.0.0/8`, `2001:db8::/32`, `192.0.2.1`. Raises Misconfigured."""
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError as error:
            raise Misconfigured(f"{error}; write one such as 10.0.0.0/8.") from error
    return tuple(found)


def within(ip: str, some: Iterable[Network]) -> bool:
    """Whether the address is in one of them."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in some)


@lru_cache(maxsize=4096)  # each connection asks, and most come from where others came from
def client_network(ip: str) -> str:
    """What one client can be told from another by: its IPv4 address, or the /64 of an IPv6 address; empty: nothing."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address) >> IPV6_BITS << IPV6_BITS, IPV6_BITS)))
