"""Organizational domains by the public suffix list (RFC 7489 3.2): one way of DMARC's, and of other reports by domain.

The list is data that comes with a library and is read once, on first use (28 ms): no file or network of ours. It is
as old as the library; that is a reason why walking the tree (RFC 9989) is the default.
"""

from functools import cache, lru_cache
from typing import Any

from mail.trust.names import a_label


@cache
def _list() -> Any:
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList(only_icann=False, accept_unknown=True)


@lru_cache(maxsize=4096)  # names and their ends: at most 2 MB
def registered_domain(domain: str) -> str | None:
    """The public suffix and one label more, in A-labels; None for a suffix itself, or what is no domain."""
    name = a_label(domain)
    if name is None:
        return None
    found: str | None = _list().privatesuffix(name)
    return found
