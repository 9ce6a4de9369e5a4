"""Where policies are in the store: under `p`.

    p <domain>      Kept

The law: a domain has at most 253 bytes, A-labels in lower case; what is no such domain has no key.
"""

from typing import Final

Span = tuple[bytes, bytes]

DOMAIN_BYTES_MAX: Final = 253


def policy(domain: str) -> bytes:
    """Where a domain's policy is. Raises ValueError."""
    name = domain.encode("ascii")
    if not name or len(name) > DOMAIN_BYTES_MAX:
        raise ValueError("no domain")
    return b"p" + name.lower()


def policies(after: bytes = b"") -> Span:
    """All policies after a key."""
    return (after + b"\0" if after else b"p"), b"q"
