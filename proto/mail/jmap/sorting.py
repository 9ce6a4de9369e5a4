"""Comparators of /query (RFC 8620 5.5, RFC 8621 4.4.2).

The law: what leaves here names a property that its type can be sorted by, and a collation that is offered, or none.
Other members of a Comparator mean nothing: jmapc, a client library that is much used, sends those of the query.
"""

from collections.abc import Container
from typing import Any, Final

import msgspec

from mail.jmap.convert import Keyword, convert
from mail.jmap.errors import MethodError, invalid_arguments
from mail.jmap.limits import Limits

BY_KEYWORD: Final = frozenset({"hasKeyword", "allInThreadHaveKeyword", "someInThreadHaveKeyword"})
"""What needs a keyword (RFC 8621 4.4.2)."""

SORTS: Final[dict[str, tuple[str, ...]]] = {
    "Mailbox": ("sortOrder", "name"),  # RFC 8621 2.3
    "Email": (  # RFC 8621 4.4.2
        "receivedAt", "size", "from", "to", "subject", "sentAt", *sorted(BY_KEYWORD),
    ),
    "EmailSubmission": ("emailId", "threadId", "sentAt", "sendAt"),  # RFC 8621 7.3, and what it means by sentAt
    "Quota": ("name", "used"),  # RFC 9425 4.4
    "Principal": ("name", "email", "type"),  # RFC 9670 2.4 names none that must be there
    "ShareNotification": ("created",),  # RFC 9670 3.6.2
}  # fmt: skip
"""What each type can be sorted by; of Email it is what the session tells as emailQuerySortOptions."""


class Comparator(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    property: str
    is_ascending: bool = True
    collation: str | None = None
    keyword: Keyword | None = None


_KNOWN: Final = frozenset(field.encode_name for field in msgspec.structs.fields(Comparator))


def read_sort(
    kind: str, sort: list[dict[str, Any]] | None, collations: Container[str], limits: Limits
) -> tuple[Comparator, ...]:
    """The comparators of a query of a type, or MethodError."""
    if len(sort or ()) > limits.sort_max:
        raise MethodError("unsupportedSort", "The sort has too many comparators.")
    return tuple([_comparator(kind, one, collations) for one in sort or ()])


def _comparator(kind: str, value: dict[str, Any], collations: Container[str]) -> Comparator:
    try:
        read = convert({name: one for name, one in value.items() if name in _KNOWN}, Comparator)
    except msgspec.ValidationError as problem:
        raise invalid_arguments(f"Not a Comparator: {problem}", "sort") from None
    if read.property not in SORTS[kind]:
        raise MethodError("unsupportedSort", f"{kind} cannot be sorted by {read.property[:100]!r} in this way.")
    if read.collation is not None and read.collation not in collations:
        raise MethodError("unsupportedSort", f"There is no collation {read.collation[:100]!r} here.")
    if kind == "Email" and read.property in BY_KEYWORD:
        if read.keyword is None:
            raise invalid_arguments(f"A sort by {read.property} needs a keyword.", "sort")
    elif read.keyword is not None:
        raise MethodError("unsupportedSort", f"A sort by {read.property} has no keyword.")
    return read
