"""Changes of an index in the store.

The law: a change is made of the state that its transaction finds, and only where what the change stands on is still so,
else nothing is changed (`Stale`): two may keep one index, and one of them does its work for nothing; and merges do not
disturb who adds. The rows of a segment are written before any state
names it, under a note that it is being made: each transaction that writes some checks the note, and who removes what
was left lying takes the note away first.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from actors.search import keys
from actors.search import state as states
from actors.search.build import Built
from actors.search.entry import Entry
from actors.search.entry import decode as decode_entry
from actors.search.entry import encode as encode_entry
from actors.search.segment import PIECE_BYTES, Writer
from actors.search.state import Piece, State
from cluster.clock import Clock, Dice
from cluster.errors import Corrupt, Trouble
from cluster.meta.store import Row, Store, Transaction

WRITE_BYTES: Final = 2_000_000  # of rows in one transaction
LEFT_MS: Final = 3600 * 1000  # a segment that is not finished then was left lying; the longest merge takes minutes

Make = Callable[[Callable[[Writer], Awaitable[None]]], Awaitable[Built | None]]


class Stale(Trouble):
    """Somebody else has changed the index meanwhile."""


class Kept:
    """The index of one account, as of when it was read."""

    def __init__(self, store: Store, clock: Clock, dice: Dice, slot: int, account: int) -> None:
        self._store = store
        self._clock = clock
        self._dice = dice
        self.slot = slot
        self.account = account
        self._key = keys.state(slot, account)
        self._stored: bytes | None = None
        self.state = State()

    @property
    def there(self) -> bool:
        """Whether there is an index."""
        return self._stored is not None

    async def read(self) -> None:
        """As it is now. Raises Corrupt, Unavailable."""
        self._stored = await self._store.get(self._key)
        self.state = states.decode(self._stored) if self._stored is not None else State()

    async def begin(self) -> None:
        """An empty index instead of what there is; the wish for one is fulfilled."""

        async def body(tr: Transaction) -> bytes:
            stored = await tr.get(self._key)
            self._clear(tr)
            tr.clear(keys.wanted(self.slot, self.account))
            fresh = states.encode(State(change=_change_of(stored) + 1, checked_ms=self._clock.now_ms()))
            tr.set(self._key, fresh)
            return fresh

        self._stored = await self._store.transact(body)
        self.state = states.decode(self._stored)

    async def unwish(self, wish: bytes) -> None:
        """What is wished for is there."""
        key = keys.wanted(self.slot, self.account)

        async def body(tr: Transaction) -> None:
            if await tr.get(key) == wish:
                tr.clear(key)

        await self._store.transact(body)

    async def forget(self) -> None:
        """There is no mail any more, and so no index. Raises Stale."""

        async def body(tr: Transaction) -> None:
            if await tr.get(self._key) != self._stored:
                raise Stale("The index has changed.", log=f"the index of {self.account} was changed by another")
            self._clear(tr)
            tr.clear(self._key)

        await self._store.transact(body)
        self._stored, self.state = None, State()

    async def entries(self) -> list[Entry]:
        """What is behind the last segment. Raises Corrupt, Unavailable."""
        if not self.state.entries:
            return []
        rows = await self._store.range(*keys.recents(self.slot, self.account), limit=4 * states.TIER_MESSAGES)
        return [decode_entry(value) for _key, value in rows]

    async def append(self, entries: Sequence[Entry], watermark: int) -> bool:
        """Entries behind the others; False if one is too large to stand alone. Raises Stale."""
        rows = [(keys.recent(self.slot, self.account, entry.email), encode_entry(entry)) for entry in entries]
        if any(len(value) > PIECE_BYTES for _key, value in rows):
            return False

        def update(now: State) -> State | None:
            more = now.entries + len(entries)
            return states.changed(now, entries=more, watermark=watermark) if self._follows(now) else None

        async def body(tr: Transaction) -> None:
            for key, value in rows:
                tr.set(key, value)

        await self._change(update, body)
        return True

    async def add(self, segment: int, built: Built, first: int, watermark: int) -> None:
        """A segment that was made of the entries and what is behind them. Raises Stale."""
        piece = self._piece(segment, built, first, watermark)

        async def body(tr: Transaction) -> None:
            await self._made(tr, segment)
            tr.clear_range(*keys.recents(self.slot, self.account))

        await self._change(lambda now: states.added(now, piece, watermark) if self._follows(now) else None, body)

    def _follows(self, now: State) -> bool:
        """Whether what was read behind the state that is known is what is behind this one."""
        return (now.watermark, now.entries) == (self.state.watermark, self.state.entries)

    async def replace(self, old: Sequence[Piece], segment: int, built: Built | None) -> None:
        """A segment that was made of others (None: nothing was left of them). Others may have been added meanwhile.
        Raises Stale."""
        piece = None if built is None else self._piece(segment, built, old[0].first, old[-1].last)

        async def body(tr: Transaction) -> None:
            await self._made(tr, segment)
            for one in old:
                tr.clear_range(*keys.rows(self.slot, self.account, one.id))

        await self._change(lambda now: states.replaced(now, [one.id for one in old], piece), body)

    async def checked(self) -> None:
        """Gone mail was looked for now. Raises Stale."""

        async def body(_tr: Transaction) -> None:
            pass

        await self._change(lambda now: states.changed(now, checked_ms=self._clock.now_ms()), body)

    async def make(self, make: Make) -> tuple[int, Built | None]:
        """Write a segment that nothing names yet. Raises Stale, and what `make` raises: then nothing is left of it."""
        segment = self._dice.getrandbits(63)
        note = keys.making(self.slot, self.account, segment)

        async def begin(tr: Transaction) -> None:
            tr.set(note, self._clock.now_ms().to_bytes(8, "big"))

        await self._store.transact(begin)

        async def drain(writer: Writer, least: int = WRITE_BYTES) -> None:
            if sum(len(value) for _name, value in writer.rows) >= least:
                await self._write(segment, writer)

        try:
            built = await make(drain)
            if built is not None:
                await drain(built.writer, 1)
        except BaseException:
            await self.give_up(segment)
            raise
        return segment, built

    async def _write(self, segment: int, writer: Writer) -> None:
        rows: list[Row] = []
        size = 0
        for name, value in writer.rows:
            rows.append((keys.row(self.slot, self.account, segment, *name), value))
            size += len(value)
            if size >= WRITE_BYTES:
                await self._store.transact(self._writing(segment, rows))
                rows, size = [], 0
        if rows:
            await self._store.transact(self._writing(segment, rows))
        writer.rows = []

    def _writing(self, segment: int, rows: Sequence[Row]) -> Callable[[Transaction], Awaitable[None]]:
        async def body(tr: Transaction) -> None:
            await self._check_making(tr, segment)
            for key, value in rows:
                tr.set(key, value)

        return body

    async def _check_making(self, tr: Transaction, segment: int) -> None:
        if await tr.get(keys.making(self.slot, self.account, segment)) is None:
            raise Stale("The index has changed.", log=f"segment {segment} of {self.account} was given up")

    async def _made(self, tr: Transaction, segment: int) -> None:
        """The state names it from now on, and nobody removes it any more."""
        await self._check_making(tr, segment)
        tr.clear(keys.making(self.slot, self.account, segment))

    async def tidy(self) -> None:
        """Remove what others have left lying. Raises Unavailable."""
        oldest_ms = self._clock.now_ms() - LEFT_MS
        for key, at in await self._store.range(*keys.all_making(self.slot, self.account), limit=100):
            if int.from_bytes(at, "big") < oldest_ms:
                await self.give_up(keys.making_segment(key))

    async def give_up(self, segment: int) -> None:
        """Remove a segment, unless it is named after all: the answer of a commit may be lost, and the commit not."""
        note = keys.making(self.slot, self.account, segment)

        async def body(tr: Transaction) -> None:
            if await tr.get(note) is not None:
                tr.clear(note)
                tr.clear_range(*keys.rows(self.slot, self.account, segment))

        await self._store.transact(body)

    async def _change(
        self, update: Callable[[State], State | None], also: Callable[[Transaction], Awaitable[None]]
    ) -> None:
        """Replace the state. `update`: the next one; None if the change does not fit any more."""

        async def body(tr: Transaction) -> bytes:
            stored = await tr.get(self._key)
            now = states.decode(stored) if stored is not None else None
            after = update(now) if now is not None and now.format == states.FORMAT else None
            if after is None:
                raise Stale("The index has changed.", log=f"the index of {self.account} was changed by another")
            await also(tr)
            made = states.encode(after)
            tr.set(self._key, made)
            return made

        self._stored = await self._store.transact(body)
        self.state = states.decode(self._stored)

    def _piece(self, segment: int, built: Built, first: int, last: int) -> Piece:
        return Piece(segment, first, last, built.writer.messages, built.writer.size, built.pieces, self._clock.now_ms())

    def _clear(self, tr: Transaction) -> None:
        """All rows but the state's and the wish's."""
        tr.clear_range(*keys.recents(self.slot, self.account))
        tr.clear_range(*keys.all_rows(self.slot, self.account))
        tr.clear_range(*keys.all_making(self.slot, self.account))


def _change_of(stored: bytes | None) -> int:
    """How often a state has changed; 0 where that cannot be read."""
    try:
        return states.decode(stored).change if stored is not None else 0
    except Corrupt:
        return 0
