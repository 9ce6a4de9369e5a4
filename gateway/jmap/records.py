"""Objects of an account that clients see as records of a type: read, written, and told of as changed.

The law: a write holds only while nothing of the type has changed since it was read. So `born` of a record, which is
the type's stamp of before it was made, divides all states that a client may have: up to it nobody has seen the record,
and after it whoever has that state has.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Generic, Protocol, TypeVar

import msgspec

from actors.mailbox.changes import Changes, Told
from cluster.errors import Corrupt, Stale, Unavailable
from gateway.jmap.parts import ObjectChange
from gateway.jmap.positions import Position, read_state, state
from gateway.jmap.standard import Answer, changed
from gateway.jmap.turn import Reached, Turn
from mail.jmap.errors import MethodError
from mail.jmap.methods import standard

TRIES: Final = 5
NOTHING: Final = 0
"""The number of no record: its removal says that there is something to look for."""
NUMBER_BITS: Final = 56  # positions.py tells of part of an entry by numbers of 18 digits


class Record(Protocol):
    """What all have in common."""

    @property
    def born(self) -> int:
        """The stamp of its type before it was made."""
        ...


R = TypeVar("R", bound=Record)
Done = TypeVar("Done")
_encode: Final = msgspec.msgpack.Encoder().encode


class Records(Generic[R]):
    """All of one type of an account, by their numbers, as of `stamp`."""

    def __init__(
        self, turn: Turn, reached: Reached, kind: str, prefix: str, decoder: msgspec.msgpack.Decoder[R]
    ) -> None:
        """`prefix`: ids are this and the number."""
        self.kind = kind
        self.stamp = 0
        self.all: dict[int, R] = {}
        self._turn = turn
        self._reached = reached
        self._prefix = prefix
        self._decoder = decoder

    @property
    def state(self) -> str:
        """What clients call what was read."""
        return state(Position(self.stamp))

    def id_of(self, number: int) -> str:
        """What clients call one."""
        return f"{self._prefix}{number:x}"

    def number_of(self, name: str) -> int | None:
        """The one that is called so, if it is there."""
        digits = name.removeprefix(self._prefix)
        try:
            number = int(digits, 16)
        except ValueError:
            return None
        return number if number in self.all and self.id_of(number) == name else None

    def fresh(self) -> int:
        """A number that nothing has."""
        while True:
            number = int.from_bytes(self._turn.services.dice.randbytes(NUMBER_BITS // 8), "big")
            if number != NOTHING and number not in self.all:
                return number

    async def read(self) -> None:
        """Read all. Raises Unavailable."""
        self.stamp = await self._now()
        stored = await self._turn.services.mail.objects(self._reached.number, self.kind)
        self.all = {int(name, 16): self._decoded(value) for name, value in stored}

    async def write(self, changes: Mapping[int, R | None], also: Sequence[ObjectChange] = ()) -> None:
        """Write these, or remove them; `also`: objects of other kinds, in the same entry of the log. Raises Stale."""
        rows: list[ObjectChange] = [
            (self.kind, f"{number:x}", None if one is None else _encode(one)) for number, one in changes.items()
        ]
        since = self.stamp
        if also:  # of which the stamps may be newer
            account = (await self._turn.sight(self._reached)).account
            if account.stamp(self.kind) != since:
                raise Stale("This has changed since.")
            since = account.modseq
        mail = self._turn.services.mail
        written = await mail.put_objects(self._reached.number, [*also, *rows], since=since)
        if rows:  # their entry is the last, and so its MODSEQ the stamp
            self.stamp = written
        for number, one in changes.items():
            if one is None:
                self.all.pop(number, None)
            else:
                self.all[number] = one

    async def changes(self, asked: standard.Changes) -> Answer:
        """The answer to a /changes."""
        since = read_state(asked.since_state, await self._now()).modseq
        for _ in range(TRIES):
            await self.read()
            answer, _changes = await changed(
                self._turn, self._reached, asked, self.kind, lambda found: self._told(found, since), self.id_of
            )
            if await self._now() == self.stamp:
                return answer
        raise MethodError("serverUnavailable", "Too much is happening to this account; try again.")

    def numbers_in(self, changes: Changes) -> list[int]:
        """Those that were written or removed."""
        return sorted({int(name, 16) for name in changes.objects(self.kind)} - {NOTHING})

    def _told(self, changes: Changes, since: int) -> Told:
        numbers = self.numbers_in(changes)
        there = [number for number in numbers if number in self.all]
        return Told(
            [number for number in there if since <= self.all[number].born],
            [number for number in there if since > self.all[number].born],
            [number for number in numbers if number not in self.all],
        )

    async def _now(self) -> int:
        return (await self._turn.sight(self._reached)).account.stamp(self.kind)

    def _decoded(self, value: bytes) -> R:
        try:
            return self._decoder.decode(value)
        except msgspec.MsgspecError as error:
            raise Corrupt("A record is damaged.", log=f"{self.kind}: {error}") from error


async def again(work: Callable[[], Awaitable[Done]]) -> Done:
    """Do something that begins with reading records until nobody has changed them meanwhile."""
    for _ in range(TRIES):
        try:
            return await work()
        except Stale:
            continue
    raise Unavailable("Too much is happening to this account; try again.", log="records changed again and again")
