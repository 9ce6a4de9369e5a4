"""Domain names as the evaluators compare and ask for them: A-labels in lower case, without the dot of the root.

The law: what is no name becomes None, never a question for the DNS.
"""

import ipaddress
import re
from functools import lru_cache
from typing import Final, TypeAlias

import idna

NAME_BYTES_MAX: Final = 253  # RFC 1035 2.3.4: 255 on the wire, in presentation form without the root's dot 253
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"  # letters, digits, hyphens; underscores as DNS names have
# More than one label, the last not of digits alone, so that no address is taken for a name.
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.)+(?![0-9]+\Z){_LABEL}\Z")

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


@lru_cache(maxsize=4096)  # about 1 MB; the domains of a busy hour, at 12 us each where they are U-labels
def a_label(domain: str) -> str | None:
    """The domain in A-labels (RFC 5890 2.3), lower case, without a dot at its end.

    None for what is no domain of several labels: address literals, addresses, empty or long labels, other characters.
    """
    if len(domain) > 4 * NAME_BYTES_MAX:  # U-labels are shorter in characters than their A-labels
        return None
    text = domain.removesuffix(".").lower()
    if not text.isascii():
        try:
            text = idna.encode(text, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return None
    return text if len(text) <= NAME_BYTES_MAX and _DOMAIN.match(text) else None


@lru_cache(maxsize=4096)
def u_label(domain: str) -> str:
    """For people, and for comparing as RFC 8601 5 wants: U-labels in lower case; as it is where it cannot be so."""
    text = domain.removesuffix(".").lower()
    if len(text) > NAME_BYTES_MAX:
        return text
    try:
        return idna.decode(text, uts46=True) if "xn--" in text or not text.isascii() else text
    except (idna.IDNAError, UnicodeError):
        return text


def can_be_asked(name: str) -> bool:
    """Whether a name in presentation form fits the DNS: labels of 1 to 63 bytes, 253 in all (RFC 1035 2.3.4)."""
    if not name or len(name) > NAME_BYTES_MAX or not name.isascii():
        return False
    if len(name) <= 63:
        return ".." not in name and name[0] != "." and name[-1] != "."
    return all(0 < len(label) <= 63 for label in name.split("."))


def is_within(name: str, domain: str) -> bool:
    """Whether a name is the domain or below it; both in lower case."""
    return name == domain or (name.endswith(domain) and name[-len(domain) - 1] == ".")


def domain_of(address: str) -> str:
    """What follows the last @; empty where there is none."""
    return address.rpartition("@")[2] if "@" in address else ""


@lru_cache(maxsize=8192)  # about 2 MB; the same few addresses are looked at by every check, at 3 us each
def address_of(text: str) -> Address | None:
    """An IP address, IPv4 where it is mapped into IPv6 (RFC 4291 2.5.5.2); without its zone. None: no address."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address


def reverse_name(address: Address) -> str:
    """The name whose PTR records are the host's names (RFC 1035 3.5, RFC 3596 2.5)."""
    return address.reverse_pointer.lower()
