"""What queries of an account found, kept with its mirror for as long as nothing that they depend on has changed.

The law: what is kept is what would be found now; it is bounded by the account's size. Arrays are read and not written
to.
"""

from collections import OrderedDict
from typing import Final, NamedTuple

from actors.mailbox.sight import Sight
from gateway.access.parts import Array

_NAME: Final = "results"  # in what is made of a mirror
_EACH: Final = 4  # results of the whole account that are kept: 8 octets an email
_LEAST: Final = 2000  # emails in all results of a small account
_RESULTS_MAX: Final = 100
_EMPTY: Final = 20  # emails that one without any counts as

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


class Results:
    """Those of one mirror."""

    def __init__(self) -> None:
        self._held: OrderedDict[object, tuple[Version, Array]] = OrderedDict()
        self._weight = 0

    def get(self, key: object, version: Version) -> Array | None:
        """What was found, if it still holds."""
        held = self._held.get(key)
        if held is None or held[0] != version:
            return None
        self._held.move_to_end(key)
        return held[1]

    def put(self, key: object, version: Version, emails: Array, room: int) -> None:
        """Remember; `room`: emails in all."""
        self._drop(key)
        if len(emails) > room:
            return
        self._held[key] = (version, emails)
        self._weight += len(emails) + _EMPTY
        while self._weight > room or len(self._held) > _RESULTS_MAX:
            self._drop(next(iter(self._held)))

    def _drop(self, key: object) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            self._weight -= len(held[1]) + _EMPTY


def results_of(sight: Sight) -> Results:
    """Those kept with the mirror that is looked at."""
    held = sight.made.get(_NAME)
    if isinstance(held, Results):
        return held
    made = Results()
    sight.made[_NAME] = made
    return made


def room_of(sight: Sight) -> int:
    """How many emails the results of this account may have."""
    return _EACH * sight.account.used_messages + _LEAST
