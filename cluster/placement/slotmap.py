"""The slot map of one kind: which shard should own each slot, and since which epoch. Kept in pages, one key each.

The law: a slot has one assignment or none, and every new one has a greater epoch than all it had before. A map made
from nothing begins above every epoch that was ever stored, so that a registry which lost its data cannot fence us out.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from cluster.errors import Corrupt
from cluster.placement.slots import SLOTS

PAGE_SLOTS: Final = 256  # a page has some 4 kB: little to write for a move, few keys to write for a failover
PAGES: Final = SLOTS // PAGE_SLOTS
_PAGE_BITS: Final = 8
_IN_PAGE: Final = PAGE_SLOTS - 1


class Assignment(NamedTuple):
    """Who should own a slot."""

    shard: str  # the name of a Member
    epoch: int


Page = tuple[Assignment | None, ...]
"""The assignments of PAGE_SLOTS slots, in order."""

NOTHING: Final[Page] = (None,) * PAGE_SLOTS


class _Cell(msgspec.Struct, frozen=True, array_like=True):
    """An assignment as stored: which of the page's shards, and the epoch."""

    shard: int
    epoch: int


class _Stored(msgspec.Struct, frozen=True):
    """A page as stored: the names that occur, then each slot in order."""

    first: int  # slot; for people
    shards: list[str]
    slots: list[_Cell | None]


_STORED: Final = msgspec.json.Decoder(_Stored)


def first_epoch(incarnation: int) -> int:
    """Where a map made from nothing begins; `incarnation`: a fresh one of claims.next_incarnation.

    Above all epochs before, as no slot is assigned four billion times between two such maps.
    """
    return incarnation << 32


def encode_page(number: int, page: Page) -> bytes:
    """A page as JSON."""
    names = sorted({each.shard for each in page if each is not None})
    place = {name: at for at, name in enumerate(names)}
    cells = [None if each is None else _Cell(place[each.shard], each.epoch) for each in page]
    return msgspec.json.encode(_Stored(number * PAGE_SLOTS, names, cells))


def decode_page(stored: bytes) -> Page:
    """A stored page. Raises Corrupt."""
    try:
        found = _STORED.decode(stored)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Corrupt("A page of the slot map cannot be read.", log=f"slot map page: {error}") from error
    if len(found.slots) != PAGE_SLOTS or any(
        cell is not None and not (0 <= cell.shard < len(found.shards) and cell.epoch > 0) for cell in found.slots
    ):
        raise Corrupt("A page of the slot map cannot be read.", log="slot map page: slots missing or out of range")
    return tuple(None if cell is None else Assignment(found.shards[cell.shard], cell.epoch) for cell in found.slots)


class SlotMap:
    """Never changes; `replaced` makes another, that shares the pages which stayed the same."""

    __slots__ = ("pages",)

    def __init__(self, pages: tuple[Page, ...] = (NOTHING,) * PAGES) -> None:
        self.pages: Final = pages

    @classmethod
    def from_pages(cls, pages: Mapping[int, Page]) -> "SlotMap":
        """From pages by number; those that are not there hold nothing."""
        return cls(tuple(pages.get(number, NOTHING) for number in range(PAGES)))

    def __getitem__(self, slot: int) -> Assignment | None:
        return self.pages[slot >> _PAGE_BITS][slot & _IN_PAGE]

    def __iter__(self) -> Iterator[Assignment | None]:
        """The assignments of all slots, in order."""
        for page in self.pages:
            yield from page

    def replaced(self, changes: Mapping[int, Assignment]) -> "SlotMap":
        """With these assignments by slot."""
        pages: dict[int, list[Assignment | None]] = {}
        for slot, assignment in changes.items():
            number = slot >> _PAGE_BITS
            if number not in pages:
                pages[number] = list(self.pages[number])
            pages[number][slot & _IN_PAGE] = assignment
        return SlotMap(
            tuple(tuple(pages[number]) if number in pages else page for number, page in enumerate(self.pages))
        )

    def assigned(self, owners: Mapping[int, str], first: int) -> "SlotMap":
        """With these owners by slot, each under its slot's next epoch, which is `first` where it had none."""
        changes: dict[int, Assignment] = {}
        for slot, shard in owners.items():
            before = self[slot]
            changes[slot] = Assignment(shard, first if before is None else before.epoch + 1)
        return self.replaced(changes)


def page_of(slot: int) -> int:
    """The number of the page that holds a slot."""
    return slot >> _PAGE_BITS
