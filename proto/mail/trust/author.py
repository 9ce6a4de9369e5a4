"""Whose mail it says it is: the domains in From, as DMARC wants them (RFC 7489 6.6.1, RFC 9989 5.3.1).

The law: what people are shown is what is judged. A second From field, or none, makes a message nobody's.
"""

from typing import Final, NamedTuple

from mail.message.address import mailboxes, parse_addresses
from mail.message.header import values
from mail.message.limits import DEFAULT

ADDRESSES_MAX: Final = 100  # of From that are looked at; one more makes it unreadable


class Author(NamedTuple):
    """`problem`: why there are no domains to be judged."""

    domains: tuple[str, ...] = ()
    problem: str = ""


def author_of(head: bytes) -> Author:
    """From a header section. Domains as written, each once; none where there is a problem."""
    fields = values(head, b"from")
    if len(fields) != 1:
        return Author(problem=f"{len(fields) or 'no'} From field{'s' if len(fields) > 1 else ''}")
    if len(fields[0]) > DEFAULT.value_bytes_max:
        return Author(problem=f"a From field of more than {DEFAULT.value_bytes_max} bytes")
    found = mailboxes(parse_addresses(fields[0], ADDRESSES_MAX + 1))
    if len(found) > ADDRESSES_MAX:
        return Author(problem=f"more than {ADDRESSES_MAX} addresses in From")
    if not found:
        return Author(problem="no address in From")
    if not all(one.domain for one in found):
        return Author(problem="an address without a domain in From")
    return Author(tuple(dict.fromkeys([one.domain.decode("utf-8", "replace") for one in found])))
