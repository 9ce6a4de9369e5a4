"""Whose mail it says it is: the domains in From, as DMARC wants them (RFC 7489 6.6.1, RFC 9989 5.3.1).

The law: what people are shown is what is judged. A second From field, or none, makes a message nobody's; and so does a
From in which another program may see another address than we do.
"""

import re
from typing import Final, NamedTuple

from mail.message.address import mailboxes, parse_addresses
from mail.message.header import Field, fields
from mail.message.limits import DEFAULT
from mail.trust.names import a_label

ADDRESSES_MAX: Final = 100  # of From that are looked at; one more makes it unreadable
VALUE_BYTES_MAX: Final = 16 * 1024  # of From; what is longer is not read: comments alone cost 2 us each

_STRAY: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n")
_QUOTED_OR_COMMENT: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|["(]', re.DOTALL)
_COMMENT_EDGE: Final = re.compile(rb"[()]|\\.", re.DOTALL)
_LITERAL: Final = re.compile(rb"@\s*\[[^\[\]\\<>@,;]*\]")
# Without all that: one pair of angle brackets, in it no route, behind it no address; or one address without any.
_PLAIN: Final = re.compile(rb"[^<>]*<[^<>@:]*(?:@[^<>@:]*)?>[^<>@]*\Z|[^<>@]*(?:@[^<>@:]*)?\Z")
# What is no domain of DMARC's, and looks like none: an address literal, a name of one label.
_HARMLESS: Final = re.compile(r"[A-Za-z0-9._-]*\Z|\[[!-Z^-~]*\]\Z")


class Author(NamedTuple):
    """`problem`: why there are no domains to be judged. `misleading`: somebody may be shown another author than the
    domains say; such a message should be refused."""

    domains: tuple[str, ...] = ()
    problem: str = ""
    misleading: bool = False


def author_of(head: bytes) -> Author:
    """From a header section. Domains as written, each once; none where there is a problem."""
    all_fields = fields(head)
    if len(all_fields) >= DEFAULT.fields_max or len(head) > DEFAULT.header_bytes_max:
        return Author(problem="a header too large to be read", misleading=True)
    values = _values(head, all_fields)
    if len(values) != 1:
        found = len(values)
        return Author(problem=f"{found or 'no'} From field{'s' if found > 1 else ''}", misleading=found > 1)
    if len(values[0]) > VALUE_BYTES_MAX:
        return Author(problem=f"a From field of more than {VALUE_BYTES_MAX} bytes", misleading=True)
    return _read(values[0])


def _values(head: bytes, all_fields: list[Field]) -> list[bytes]:
    return [head[field.value_start : field.end] for field in all_fields if field.name.lower() == b"from"]


def _read(value: bytes) -> Author:
    if not _has_one_reading(value):
        return Author(problem="a From field that can be read in several ways", misleading=True)
    found = mailboxes(parse_addresses(value, ADDRESSES_MAX + 1))
    if len(found) > ADDRESSES_MAX:
        return Author(problem=f"more than {ADDRESSES_MAX} addresses in From", misleading=True)
    domains = tuple(dict.fromkeys([one.domain.decode("utf-8", "replace") for one in found]))
    odd = any(a_label(domain) is None and not _HARMLESS.match(domain) for domain in domains)
    if not found:
        return Author(problem="no address in From")
    if "" in domains:
        return Author(problem="an address without a domain in From", misleading=len(domains) > 1 or odd)
    return Author(domains, misleading=odd)


def _has_one_reading(value: bytes) -> bool:
    """Whether there is nothing on which programs differ: strings and comments that end, one address at a place, no
    source routes, no control characters. Linear time."""
    if _STRAY.search(value.rstrip(b"\r\n")):
        return False
    bare = _without_strings_and_comments(value)
    if bare is None:
        return False
    return all(_PLAIN.match(one) for one in re.split(rb"[,;]", _LITERAL.sub(b"@", bare)))


def _without_strings_and_comments(value: bytes) -> bytes | None:
    """None where one does not end."""
    kept = []
    position = 0
    while found := _QUOTED_OR_COMMENT.search(value, position):
        kept.append(value[position : found.start()])
        if found[0] == b'"':
            return None
        position = _comment_end(value, found.start()) if found[0] == b"(" else found.end()
        if position < 0:
            return None
    return b" ".join([*kept, value[position:]])


def _comment_end(value: bytes, start: int) -> int:
    """Behind the comment that begins there; -1 where it does not end."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(value, start):
        depth += (edge[0] == b"(") - (edge[0] == b")")
        if depth == 0:
            return edge.end()
    return -1
