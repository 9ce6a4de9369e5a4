"""What is told of a message afterwards: the facts of its connection, of its transaction, and how it ended.

The law: one note for each message, and for each transaction that was refused before its message came. A fact holds what
was seen and decided, no password, no text of the message.
"""

from typing import Any, Final

from actors.trace.types import Fact, Note
from cluster.clock import Clock

FACTS_MAX: Final = 150  # of a transaction: who names a thousand recipients is told of in numbers
ADDRESSES_MAX: Final = 100


class Story:
    """Of one connection."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._connection: dict[str, Fact] = {}  # the last of each kind: a second EHLO takes the first one's place
        self._transaction: list[Fact] = []
        self._left_out = 0
        self.refused: list[str] = []
        """Addresses refused in this transaction."""

    def of_connection(self, what: str, how: str = "", **of: Any) -> None:
        """Note something that holds for all messages of the connection."""
        self._connection[what] = Fact(what, how, self._clock.now_ms(), of)

    def forget(self, *what: str) -> None:
        """What of the connection holds no more."""
        for one in what:
            self._connection.pop(one, None)

    def fact(self, what: str, how: str = "", **of: Any) -> None:
        """Note something of the message on its way."""
        if len(self._transaction) < FACTS_MAX:
            self._transaction.append(Fact(what, how, self._clock.now_ms(), of))
        else:
            self._left_out += 1

    def add(self, facts: tuple[Fact, ...]) -> None:
        """Note what others have seen."""
        room = max(0, FACTS_MAX - len(self._transaction))
        self._transaction += facts[:room]
        self._left_out += len(facts[room:])

    def refuse(self, address: str, code: int, why: str) -> None:
        """Note that an address was refused."""
        if len(self.refused) < ADDRESSES_MAX:
            self.refused.append(address)
        self.fact("refused", str(code), address=address, why=why)

    def begin(self) -> None:
        """A new transaction."""
        self._transaction = []
        self._left_out = 0
        self.refused = []

    def note(self, ident: str, step: str, how: str, **known: Any) -> Note:
        """All of it."""
        more = (Fact("left out", of={"facts": self._left_out}),) if self._left_out else ()
        facts = (*self._connection.values(), *self._transaction, *more)
        return Note(ident, step, self._clock.now_ms(), how=how, facts=facts, **known)
