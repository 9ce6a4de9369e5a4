"""What a filter may ask to be changed at the end of a message: frozen, in the order in which it asked."""

from typing import NamedTuple


class AddHeader(NamedTuple):
    """One more field, behind all others."""

    name: bytes
    value: bytes


class InsertHeader(NamedTuple):
    """One more field, with so many fields above it, the Received field of ours counted."""

    above: int
    name: bytes
    value: bytes


class ChangeHeader(NamedTuple):
    """The so-manieth field of this name, counted from 1, gets another value; an empty one removes it."""

    number: int
    name: bytes
    value: bytes


class ChangeSender(NamedTuple):
    """Another reverse-path; `args` are its ESMTP parameters, None where the filter says nothing of them."""

    address: str
    args: tuple[str, ...] | None = None


class AddRecipient(NamedTuple):
    """One more recipient, perhaps with ESMTP parameters."""

    address: str
    args: tuple[str, ...] = ()


class DeleteRecipient(NamedTuple):
    """A recipient less."""

    address: str


class ReplaceBody(NamedTuple):
    """A piece of the new body; the pieces of one filter make one body."""

    data: bytes


class Quarantine(NamedTuple):
    """Keep the message, but do not deliver it before somebody has looked."""

    reason: str


Change = (
    AddHeader | InsertHeader | ChangeHeader | ChangeSender | AddRecipient | DeleteRecipient | ReplaceBody | Quarantine
)
