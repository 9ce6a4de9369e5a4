"""What an Email that is created will be as a message: its header fields, and its parts.

The law: a plan is only made of what passed all checks, so that it can be written whatever it holds.
"""

from collections.abc import Iterator
from typing import NamedTuple

Parameters = tuple[tuple[str, str], ...]


class PartPlan(NamedTuple):
    """One entity. It has a `value`, or the bytes of `blob_id`, or `children`; without any of them it is empty.

    `fields` are written ones without Content-Type and Content-Transfer-Encoding. `parameters` are those of the type
    without `charset` and `boundary`; `charset` is a blob's.
    """

    type: str
    subtype: str
    parameters: Parameters = ()
    charset: str | None = None
    fields: tuple[bytes, ...] = ()
    value: str | None = None
    blob_id: str | None = None
    children: "tuple[PartPlan, ...]" = ()


class Plan(NamedTuple):
    """`fields`: lower-case name -> the written fields of that name, in the order they are written in."""

    fields: dict[str, bytes]
    root: PartPlan

    def blob_ids(self) -> tuple[str, ...]:
        """The blobs whose bytes are needed, each once."""
        return tuple(dict.fromkeys(part.blob_id for part in walk(self.root) if part.blob_id is not None))


def walk(part: PartPlan) -> Iterator[PartPlan]:
    """A part and all parts in it."""
    yield part
    for child in part.children:
        yield from walk(child)
