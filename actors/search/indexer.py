"""The indexer: keeps the indexes of the accounts in the slots that a process holds, in the background.

It hears of new mail from the shard beside it (`hint`), and of accounts that shall have an index, or a new one, from a
short list of wishes in the store. What it did not hear of, after a crash or a move, it finds by comparing each index
with the account's newest message now and then, and at once for slots that are new to it.

The law: it never takes more than its share of the processor, and every step can be cut off and done again. Two may keep
one index, as while a slot moves (keeping.py): no claim is needed.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from typing import Final, TypeVar

import numpy as np
import structlog

from actors.mailbox import keys as mailbox_keys
from actors.search import keys
from actors.search import state as states
from actors.search.build import Built, build
from actors.search.client import REBUILD, newest_email
from actors.search.entry import Entry
from actors.search.keeping import Kept, Stale
from actors.search.merge import Drain, Source, merge
from actors.search.metrics import SearchMetrics
from actors.search.pace import BACKGROUND_SLICE_S, Pace
from actors.search.pages import Lost, StorePages
from actors.search.reading import MessageReader
from actors.search.segment import Segment
from actors.search.settings import SearchSettings
from actors.search.state import Piece
from cluster.blobs.blobs import Blobs
from cluster.blobs.objects import Objects
from cluster.clock import Clock, Dice
from cluster.errors import Corrupt, Trouble
from cluster.meta.store import Store
from cluster.placement.slots import SLOTS

T = TypeVar("T")

HINTS_MAX: Final = 100_000  # of accounts with new mail, between two looks; more are found by the sweep
KNOWN_MAX: Final = 1_000_000  # accounts with an index: 60 MB
WISHES: Final = 1000  # read at once
LOOKED_AT: Final = 200  # messages of which is asked at once whether they are there: 300 kB of records
GONE_SHARE: Final = 0.1  # of a segment that is gone when it is written again for that alone
GONE_MS: Final = 90 * 86_400_000  # how old a segment may be that has anything that is gone
SLOTS_S: Final = 15.0  # between two looks at which slots are here: each of them is asked for
RETRY_S: Final = 30.0  # after trouble with an account
_NOBODY: Final = -1  # no account's number


class Indexer:
    """One a process."""

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        packs: Objects | None,
        clock: Clock,
        dice: Dice,
        threads: Executor,
        metrics: SearchMetrics,
        settings: SearchSettings | None = None,
    ) -> None:
        """`threads`: one is enough."""
        self._store = store
        self._clock = clock
        self._dice = dice
        self._threads = threads
        self._metrics = metrics
        self._settings = settings or SearchSettings()
        self._messages = MessageReader(store, blobs, packs, threads)
        self._hinted: set[int] = set()
        self._known: set[int] = set()  # accounts with an index, in slots that were swept
        self._swept: set[int] = set()  # slots
        self._sweep_at = 0.0
        self.due: dict[int, float] = {}  # accounts with mail to index, and since when that is known
        self.untidy: dict[int, None] = {}  # accounts whose segments are to be looked at
        self._retry: dict[int, float] = {}  # accounts that gave trouble, and when they may be tried again
        self._workers = 0
        self._log = structlog.get_logger()

    def hint(self, account: int) -> None:
        """New mail was stored for an account. Cheap: the shard calls it after each commit."""
        if self._settings.index != "off" and len(self._hinted) < HINTS_MAX:
            self._hinted.add(account)

    async def run(self, slots: Callable[[], Iterable[int]]) -> None:
        """Keep up the indexes of the slots there are then, until cancelled."""
        if self._settings.index == "off":
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_all(slots), name="indexer")
            group.create_task(self._tend_all(), name="index merger")

    async def _follow_all(self, slots: Callable[[], Iterable[int]]) -> None:
        look_at = slots_at = self._clock.monotonic()
        mine: list[int] = []
        while True:
            if not self.due:
                await asyncio.sleep(self._settings.settle_s)
            if not self.due or self._clock.monotonic() >= look_at:
                now = self._clock.monotonic()
                look_at = now + self._settings.settle_s
                if now >= slots_at:
                    mine, slots_at = list(slots()), now + SLOTS_S
                await self._guarded(_NOBODY, self.look(mine))
            if self.due:
                account = next(iter(self.due))
                since = self.due.pop(account)
                if await self._guarded(account, self.follow(account)):
                    self.due[account] = since  # behind the others
                elif account not in self._retry:
                    self._metrics.lag_seconds.observe(self._clock.monotonic() - since)
            self._metrics.waiting.set(len(self.due))

    async def _tend_all(self) -> None:
        while True:
            if not self.untidy:
                await asyncio.sleep(self._settings.settle_s)
                continue
            account = next(iter(self.untidy))
            del self.untidy[account]
            if await self._guarded(account, self.tend(account)):
                self.untidy[account] = None

    async def _guarded(self, account: int, work: Coroutine[None, None, bool]) -> bool:
        """Whether there is more of it; trouble costs this turn only."""
        try:
            return await work
        except Stale:  # somebody else has done something; what is left is seen when it is looked at again
            return True
        except Trouble as trouble:
            self._metrics.failures.labels(type(trouble).__name__).inc()
            self._log.warning("search.indexing_failed", account=account, why=trouble.log)
        except Exception as error:  # noqa: BLE001 - a defect must cost one account its turn, not all their indexes
            self._metrics.failures.labels(type(error).__name__).inc()
            self._log.error("search.indexing_failed", account=account, exc_info=error)
        self._retry[account] = self._clock.monotonic() + RETRY_S
        if account == _NOBODY:
            await asyncio.sleep(self._settings.settle_s)
        return False

    async def look(self, slots: Iterable[int]) -> bool:
        """Find out what is to be done. Raises Unavailable."""
        mine = set(slots)
        now = self._clock.monotonic()
        if not self._swept <= mine:
            self._known = {account for account in self._known if mailbox_keys.slot_of(account) in mine}
        if now >= self._sweep_at:
            await self.sweep(mine)
            self._sweep_at = now + self._settings.sweep_every_s
        else:
            await self.sweep(mine - self._swept)
        self._swept = mine
        await self._fulfil_wishes(mine)
        hinted, self._hinted = self._hinted, set()
        everybody = self._settings.index == "all"
        again = {account for account, at in self._retry.items() if at <= now}
        for account in again:
            del self._retry[account]
        for account in hinted & self._known if not everybody else hinted:
            if mailbox_keys.slot_of(account) in mine:
                self._note(account)
        for account in again & self._known:
            self._note(account)
            self.untidy[account] = None
        self._metrics.accounts.set(len(self._known))
        return False

    def _note(self, account: int) -> None:
        """There is something to index."""
        if account not in self._retry:
            self.due.setdefault(account, self._clock.monotonic())

    async def sweep(self, slots: Iterable[int]) -> None:
        """Compare all indexes in some slots with their mail. Raises Unavailable."""
        for first, last in runs_of(slots):
            begin, end = keys.of_slots(keys.STATE, first, last)
            while rows := await self._store.range(begin, end, limit=WISHES):
                for key, stored in rows:
                    await self._compare(*keys.account_of(key), stored)
                begin = rows[-1][0] + b"\0"
            if self._settings.index == "all":
                for slot in range(first, last + 1):
                    await self._adopt(slot)

    async def _compare(self, slot: int, account: int, stored: bytes) -> None:
        if len(self._known) < KNOWN_MAX:
            self._known.add(account)
        try:
            state = states.decode(stored)
        except Corrupt as error:
            self._log.error("search.damaged", account=account, why=error.log)
            await self._fulfil(self._kept(slot, account), REBUILD)
            return
        newest = await newest_email(self._store, slot, account)
        if newest > state.watermark or state.format < states.FORMAT:
            self._note(account)
        clean_ms = state.checked_ms + self._settings.clean_every_s * 1000
        if states.to_merge(state) or clean_ms <= self._clock.now_ms() or (not newest and state.messages):
            self.untidy[account] = None

    async def _adopt(self, slot: int) -> None:
        """Note the accounts of a slot that have no index yet."""
        account = -1
        while rows := await self._store.range(*mailbox_keys.accounts_after(slot, account), limit=1):
            account = mailbox_keys.account_of(rows[0][0])
            if account not in self._known:
                self._note(account)

    async def _fulfil_wishes(self, mine: set[int]) -> None:
        begin, end = keys.of_slots(keys.WANTED, 0, SLOTS - 1)
        while rows := await self._store.range(begin, end, limit=WISHES):
            for key, value in rows:
                slot, account = keys.account_of(key)
                if slot in mine:
                    await self._fulfil(self._kept(slot, account), value)
            if len(rows) < WISHES:
                return
            begin = rows[-1][0] + b"\0"

    async def _fulfil(self, kept: Kept, wish: bytes) -> None:
        if wish != REBUILD:
            await kept.read()
        if kept.there:
            await kept.unwish(wish)
        else:
            await kept.begin()
        self._known.add(kept.account)
        self._note(kept.account)

    async def follow(self, account: int) -> bool:
        """Index the next of an account's new mail; whether there is more. Raises Stale, Corrupt, Unavailable."""
        kept = self._kept(mailbox_keys.slot_of(account), account)
        await kept.read()
        if not kept.there or kept.state.format < states.FORMAT:
            await kept.begin()
            self._known.add(account)
        if kept.state.format > states.FORMAT:  # a newer program keeps it
            return False
        with self._working() as pace:
            batch = await self._messages.batch(kept.slot, account, kept.state.watermark, pace)
            if batch.watermark == kept.state.watermark:
                return False
            few = kept.state.entries + len(batch.entries) < states.TIER_MESSAGES
            if not (few and await kept.append(batch.entries, batch.watermark)):
                try:
                    entries = [*await kept.entries(), *batch.entries]
                except Corrupt as error:
                    return await self._anew(kept, error)
                await self._add_segment(kept, entries, batch.watermark, pace)
        self._metrics.messages.inc(len(batch.entries))
        return batch.more

    async def _add_segment(self, kept: Kept, entries: Sequence[Entry], watermark: int, pace: Pace) -> None:
        if not entries:
            await kept.append((), watermark)
            return
        built = await self._elsewhere(pace, partial(build, entries))

        async def make(drain: Drain) -> Built:
            await drain(built.writer)
            return built

        segment, _ = await kept.make(make)
        try:
            await kept.add(segment, built, entries[0].email, watermark)
        except Stale:
            await kept.give_up(segment)
            raise
        self._metrics.segments.inc()
        if states.to_merge(kept.state):
            self.untidy[kept.account] = None

    async def tend(self, account: int) -> bool:
        """Merge what should be merged, leave out what is gone; whether there is more to do. Raises Stale, Corrupt,
        Unavailable."""
        kept = self._kept(mailbox_keys.slot_of(account), account)
        await kept.read()
        if not kept.there or kept.state.format != states.FORMAT:
            return False
        await kept.tidy()
        if kept.state.messages and not await newest_email(self._store, kept.slot, account):
            await kept.forget()
            self._known.discard(account)
            return False
        pieces = states.to_merge(kept.state)
        due = kept.state.checked_ms + self._settings.clean_every_s * 1000 <= self._clock.now_ms()
        try:
            with self._working() as pace:
                for some in [pieces] if pieces else [(piece,) for piece in kept.state.segments if due]:
                    await self._merge(kept, some, pace)
        except (Lost, Corrupt) as trouble:
            seen = kept.state
            await kept.read()
            if isinstance(trouble, Lost) and kept.state.segments != seen.segments:
                return True  # another was faster
            return await self._anew(kept, trouble)
        if due and not pieces:
            await kept.checked()
        return bool(pieces)

    async def _anew(self, kept: Kept, trouble: Trouble) -> bool:
        """What is damaged is made again: all of it is in the messages."""
        self._log.error("search.damaged", account=kept.account, why=trouble.log)
        self._metrics.failures.labels(type(trouble).__name__).inc()
        await kept.begin()
        self._note(kept.account)
        return True

    async def _merge(self, kept: Kept, pieces: Sequence[Piece], pace: Pace) -> None:
        """One segment of some; of one alone, if enough of it is gone."""
        sources = [await self._source(kept, piece, pace) for piece in pieces]
        messages = sum(len(source.segment) for source in sources)
        gone = messages - sum(int(source.kept.sum()) for source in sources)
        if len(pieces) == 1 and not _worth(pieces[0], gone, self._clock.now_ms()):
            return
        elsewhere = partial(self._elsewhere, pace)
        segment, built = await kept.make(lambda drain: merge(sources, drain, elsewhere))
        try:
            await kept.replace(pieces, segment, built)
        except Stale:
            await kept.give_up(segment)
            raise
        self._metrics.merges.inc()
        self._metrics.merged.inc(messages - gone)
        self._metrics.dropped.inc(gone)

    async def _source(self, kept: Kept, piece: Piece, pace: Pace) -> Source:
        pages = StorePages(self._store, kept.slot, kept.account, piece.id, None)
        segment = Segment(await pages.whole(b"H", range(piece.pieces)))
        there = []
        for start in range(0, len(segment), LOOKED_AT):
            emails = segment.emails[start : start + LOOKED_AT].tolist()
            found = await self._store.get_many([mailbox_keys.message(kept.slot, kept.account, one) for one in emails])
            there += [stored is not None for stored in found]
            await pace.breathe()
        return Source(segment, pages, np.array(there, bool))

    async def _elsewhere(self, pace: Pace, work: Callable[[], T]) -> T:
        """In a thread, which lets go of the interpreter often enough."""
        pace.start()
        done = await asyncio.get_running_loop().run_in_executor(self._threads, work)
        await pace.breathe()
        return done

    @contextmanager
    def _working(self) -> Iterator[Pace]:
        """The share of one piece of work, beside the others of the moment."""
        self._workers += 1
        try:
            yield Pace(self._clock, lambda: self._settings.share / self._workers, BACKGROUND_SLICE_S)
        finally:
            self._workers -= 1

    def _kept(self, slot: int, account: int) -> Kept:
        return Kept(self._store, self._clock, self._dice, slot, account)


def _worth(piece: Piece, gone: int, now_ms: int) -> bool:
    """Whether a segment is written again because of messages in it that are gone."""
    return gone > GONE_SHARE * piece.messages or (gone > 0 and now_ms - piece.made_ms > GONE_MS)


def runs_of(slots: Iterable[int]) -> list[tuple[int, int]]:
    """Slots as runs: first and last of each."""
    numbered = enumerate(sorted(slots))
    runs = [[slot for _at, slot in run] for _key, run in groupby(numbered, lambda pair: pair[1] - pair[0])]
    return [(run[0], run[-1]) for run in runs]
