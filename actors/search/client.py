"""What a gateway may ask of search indexes.

    await search.want(account)                       # from now on the account has an index
    index = await search.index_of(account)
    known = index.covers(emails)                     # the others are looked at one by one, as without an index
    found = await index.lookup("text", "invoice")    # found.sure match, found.maybe are to be looked at
    known, columns = await index.briefs(emails)      # SORT, THREAD; records of the others: brief.brief_of

The law: what an index says of what it covers is what reading the messages would say; a gateway holds bounded caches,
and what it holds is never older than the question.
"""

import asyncio
from typing import Final, NamedTuple

import structlog

from actors.mailbox import keys as mailbox_keys
from actors.mailbox.cache import Cache
from actors.search import keys
from actors.search import state as states
from actors.search.entry import decode as decode_entry
from actors.search.index import AccountIndex, Part
from actors.search.pace import Pace
from actors.search.pages import Lost, PageCache, StorePages
from actors.search.recent import Recent
from actors.search.segment import Segment
from actors.search.settings import SearchSettings
from actors.search.state import Piece, State
from cluster.clock import Clock
from cluster.errors import Corrupt
from cluster.meta.store import Store, Transaction

TRIES: Final = 3  # a state that was read is old when its segments are gone; the new one is read then
WANTED_KNOWN: Final = 100_000  # accounts of which is known that they have an index, or will
INDEXES_PART: Final = 4  # of the cache: one part for what indexes hold open, the others for their pages
REBUILD: Final = b"R"  # the value of a wish for a new index


class Status(NamedTuple):
    """How an account's index stands. `rebuilding`: a new one is wished for, or this one is damaged; `newest`: the
    newest email there is; all up to `watermark` are indexed."""

    wanted: bool
    rebuilding: bool
    watermark: int
    newest: int
    messages: int
    segments: int
    entries: int
    size_bytes: int


class SearchClient:
    """One a gateway process."""

    def __init__(self, store: Store, clock: Clock, settings: SearchSettings | None = None) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings or SearchSettings()
        self._pages: PageCache = Cache(self._settings.cache_bytes - self._settings.cache_bytes // INDEXES_PART)
        self._indexes: Cache[int, AccountIndex] = Cache(self._settings.cache_bytes // INDEXES_PART)
        self._wanted: Cache[int, bool] = Cache(WANTED_KNOWN)
        self._log = structlog.get_logger()

    async def want(self, account: int) -> None:
        """From now on the account has an index, as far as the settings say. Raises Unavailable."""
        if self._settings.index != "used" or self._wanted.get(account):
            return
        slot = mailbox_keys.slot_of(account)
        known = await self._store.get_many([keys.state(slot, account), keys.wanted(slot, account)])
        if known == [None, None]:
            await self._wish(slot, account, b"")
        self._wanted.put(account, True)

    async def rebuild(self, account: int) -> None:
        """Make a new index from the messages alone. Raises Unavailable."""
        await self._wish(mailbox_keys.slot_of(account), account, REBUILD)

    async def _wish(self, slot: int, account: int, value: bytes) -> None:
        async def body(transaction: Transaction) -> None:
            transaction.set(keys.wanted(slot, account), value)

        await self._store.transact(body)

    async def status(self, account: int) -> Status:
        """How the index stands. Raises Unavailable."""
        slot = mailbox_keys.slot_of(account)
        stored, wish = await self._store.get_many([keys.state(slot, account), keys.wanted(slot, account)])
        try:
            state, damaged = states.decode(stored) if stored is not None else State(), False
        except Corrupt:
            state, damaged = State(), True
        return Status(
            stored is not None or wish is not None,
            wish == REBUILD or damaged,
            state.watermark,
            await newest_email(self._store, slot, account),
            state.messages,
            len(state.segments),
            state.entries,
            state.size,
        )

    async def index_of(self, account: int) -> AccountIndex:
        """The index as it is now; of an account without one, one that covers nothing. Raises Unavailable."""
        if self._settings.index == "off":
            return AccountIndex(self._pace)
        slot = mailbox_keys.slot_of(account)
        for _ in range(TRIES):
            stored = await self._store.get(keys.state(slot, account))
            held = self._indexes.get(account)
            if stored is None:
                self._wanted.drop(account)
                return AccountIndex(self._pace)
            try:
                index = (
                    held
                    if held is not None and held.stored == stored
                    else await self._load(slot, account, stored, held)
                )
            except Lost:  # merged since; the next state says into what
                await asyncio.sleep(0)
                continue
            except Corrupt as error:
                self._log.error("search.damaged", account=account, why=error.log)
                return AccountIndex(self._pace)
            self._indexes.put(account, index, index.weight)
            return index
        return AccountIndex(self._pace)

    async def _load(self, slot: int, account: int, stored: bytes, held: AccountIndex | None) -> AccountIndex:
        state = states.decode(stored)
        if state.format != states.FORMAT:
            return AccountIndex(self._pace, stored=stored)
        known = {part.id: part for part in held.parts} if held is not None else {}
        parts = await asyncio.gather(*[self._part(slot, account, piece, known) for piece in state.segments])
        recent = await self._recent(slot, account, state, held)
        return AccountIndex(self._pace, state.watermark, parts, recent, stored)

    async def _part(self, slot: int, account: int, piece: Piece, known: dict[int, Part]) -> Part:
        if piece.id in known:
            return known[piece.id]
        pages = StorePages(self._store, slot, account, piece.id, self._pages)
        segment = Segment(await pages.whole(b"H", range(piece.pieces)))
        return Part(piece.id, segment, pages)

    async def _recent(self, slot: int, account: int, state: State, held: AccountIndex | None) -> Recent:
        """The entries behind the segments; those that are held are not read again."""
        after = state.segments[-1].last if state.segments else 0
        entries = [one for one in held.recent.entries if one.email > after] if held is not None else []
        if not state.entries:
            return Recent(())
        begin, end = keys.recents(slot, account, entries[-1].email if entries else after)
        rows = await self._store.range(begin, end, limit=2 * states.TIER_MESSAGES)
        entries += [decode_entry(value) for _key, value in rows]
        return Recent([entry for entry in entries if entry.email <= state.watermark])

    def _pace(self) -> Pace:
        return Pace(self._clock)


async def newest_email(store: Store, slot: int, account: int) -> int:
    """The newest email of an account; 0 where there is none. Raises Unavailable."""
    begin, end = mailbox_keys.messages_after(slot, account, 0)
    rows = await store.range(begin, end, limit=1, reverse=True)
    return mailbox_keys.message_email(rows[0][0]) if rows else 0
