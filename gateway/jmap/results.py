"""What queries of an account found, kept with its mirror for as long as nothing that they depend on has changed.

The law: what is kept is what would be found now; it is bounded by the account's size. Arrays are read and not written
to.
"""

from collections import OrderedDict
from typing import Final, NamedTuple

from actors.mailbox.sight import Sight
from gateway.access.parts import Array
from gateway.jmap.email_order import Before

_NAME: Final = "results"  # in what is made of a mirror
_ROW_BYTES: Final = 52  # of results, for each row of the account: as much as its columns take
_LEAST_BYTES: Final = 50_000  # in all results of a small account
_RESULTS_MAX: Final = 100
_EMPTY_BYTES: Final = 300  # of one without any emails

Version = tuple[int, ...]


class Found(NamedTuple):
    """`emails` in their order, as of the state `stamp`."""

    emails: Array
    stamp: int

    def __len__(self) -> int:
        return len(self.emails)

    def part(self, begin: int, end: int) -> list[int]:
        """Those at these positions."""
        part: list[int] = self.emails[begin:end].tolist()
        return part

    def place(self, email: int) -> int | None:
        """Where it is."""
        places = (self.emails == email).nonzero()[0]
        return int(places[0]) if len(places) else None


class Kept(NamedTuple):
    """What a query found. `order`: the rows of the scope that was searched, before threads were collapsed."""

    version: Version
    emails: Array
    order: Before

    @property
    def weight(self) -> int:
        """In octets; the emails of the scope are often also those of another's, or of the mirror's columns."""
        return self.emails.nbytes + self.order.places.nbytes + self.order.emails.nbytes + _EMPTY_BYTES


class Results:
    """Those of one mirror."""

    def __init__(self) -> None:
        self._held: OrderedDict[object, Kept] = OrderedDict()
        self._weight = 0

    def get(self, key: object) -> Kept | None:
        """What was found last: it holds if its version is that of now."""
        held = self._held.get(key)
        if held is not None:
            self._held.move_to_end(key)
        return held

    def put(self, key: object, kept: Kept, room: int) -> None:
        """Remember; `room`: octets in all."""
        self._drop(key)
        if kept.weight > room:
            return
        self._held[key] = kept
        self._weight += kept.weight
        while self._weight > room or len(self._held) > _RESULTS_MAX:
            self._drop(next(iter(self._held)))

    def _drop(self, key: object) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            self._weight -= held.weight


def results_of(sight: Sight) -> Results:
    """Those kept with the mirror that is looked at."""
    held = sight.made.get(_NAME)
    if isinstance(held, Results):
        return held
    made = Results()
    sight.made[_NAME] = made
    return made


def room_of(sight: Sight) -> int:
    """How many octets the results of this account may have."""
    return _ROW_BYTES * sight.account.used_messages + _LEAST_BYTES
