"""State strings: positions in the account's log (RFC 8620 5.1, 5.2).

The law: a state is the MODSEQ of the last entry that it includes, in decimal. One that ends within an entry, since that
changed more than was to be told at once, has the number of the last thing that was told of it behind a dot.
"""

import re
from typing import Final, NamedTuple

from mail.jmap.errors import MethodError

_STATE: Final = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,18}))?")


class Position(NamedTuple):
    """All up to `modseq` is included, and of the entry behind it what has a number up to `within`."""

    modseq: int
    within: int = 0


def state(position: Position) -> str:
    """As it is told."""
    return f"{position.modseq}.{position.within}" if position.within else str(position.modseq)


def read_state(text: str, newest: int) -> Position:
    """The inverse. Raises MethodError for what is none of this account's."""
    found = _STATE.fullmatch(text)
    if found is None or int(found[1]) > newest:
        raise MethodError("cannotCalculateChanges", "This is no state of this account.")
    return Position(int(found[1]), int(found[2] or 0))


def check_state(given: str | None, stamp: int, newest: int) -> None:
    """Raises MethodError if something has changed since the state that a client wants to change, or it is none that
    there was. `newest`: the account's MODSEQ."""
    if given is None:
        return
    found = _STATE.fullmatch(given)
    if found is None or found[2] or not stamp <= int(found[1]) <= newest:
        raise MethodError("stateMismatch")
