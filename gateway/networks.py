"""Networks in settings: who belongs to one.

The law: an IPv4 address that came as IPv6 is IPv4; what is no address belongs to none.
"""

import ipaddress
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network

from cluster.errors import Misconfigured

Network = IPv4Network | IPv6Network


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
