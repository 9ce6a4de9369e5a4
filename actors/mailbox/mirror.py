"""An account with all its rows, as a gateway holds it: JMAP asks for emails, wherever they are.

    mirror = await mirrors.fresh(account)     # has all that was committed before this call
    mirror.account.mailboxes[1].index         # rows, as of mirror.account.modseq: not to be kept over an await

The law: a mirror is the fold of the log, as its owner's own memory is; it is read from the store, whose snapshot and
log are never behind an answer, and goes on with what the owner tells. One that missed anything is thrown away. What is
held is bounded by rows; the longest unused goes first.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Sequence
from typing import Final

from actors.mailbox import events as ev
from actors.mailbox import keys, storage
from actors.mailbox.state import Account
from actors.mailbox.types import DELETED, Tree
from actors.mailbox.views import Directing
from cluster.errors import Trouble, Unavailable
from cluster.meta.store import Store

ROWS_MAX: Final = 4_000_000  # of all mirrors: 52 bytes each, and up to three times that for what is made of them
MIRRORS_MAX: Final = 5000  # about 10 kB each, besides rows
HELD_MAX: Final = 5000  # entries that are told while it is read
REACHED_S: Final = 5.0  # that what was committed takes to be told
TRIES: Final = 3


class Mirror:
    """An account as of `account.modseq`. `rows` and `flags` count, by mailbox, how often rows came, left, or were
    hidden or shown; and how often any flags changed: what was made of a mailbox holds while they stay the same."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.claims = False
        self.lost = False
        self.account = Account(number, keys.slot_of(number))
        self.rows: Counter[int] = Counter()
        self.flags: Counter[int] = Counter()
        self.made: dict[object, object] = {}  # what is made of it, by those who read it (sight.py)
        self._held: list[tuple[int, int, Sequence[ev.Event]]] | None = []
        self._news: asyncio.Future[None] | None = None

    @property
    def weight(self) -> int:
        """Rows."""
        return self.account.used_messages

    async def load(self, store: Store) -> None:
        """Read all of it; the owner tells of changes already. Raises Trouble."""
        account = await storage.activate(store, self.number)
        for box in account.mailboxes.values():
            if box.index is None:
                await storage.load_index(store, account, box)
        self.account = account
        held, self._held = self._held, None
        for one in held or ():
            self._apply(*one)

    async def reached(self, modseq: int) -> bool:
        """Wait until it has this change; False: it does not come."""
        try:
            async with asyncio.timeout(REACHED_S):
                while self.account.modseq < modseq and not self.lost:
                    if self._news is None or self._news.done():
                        self._news = asyncio.get_running_loop().create_future()
                    await asyncio.shield(self._news)
        except TimeoutError:
            return False
        return not self.lost

    # what the owner calls

    def began(self, _tree: Tree) -> None:
        """From now on all is told."""

    def changed(
        self,
        modseq: int,
        time_ms: int,
        events: Sequence[ev.Event],
        keywords: tuple[str, ...],  # noqa: ARG002 (Told's signature)
        *,
        mine: bool,  # noqa: ARG002
    ) -> None:
        """A committed entry."""
        if self.lost:
            return
        if self._held is None:
            self._apply(modseq, time_ms, events)
        elif len(self._held) < HELD_MAX:
            self._held.append((modseq, time_ms, events))
        else:
            self._lose()

    def ended(self, _trouble: Trouble) -> None:
        """Nothing more is told."""
        self._lose()

    def _lose(self) -> None:
        self.lost = True
        self._wake()

    def _apply(self, modseq: int, time_ms: int, events: Sequence[ev.Event]) -> None:
        account = self.account
        if modseq <= account.modseq:  # it was in what was read
            return
        if modseq != account.modseq + 1:
            self._lose()
            return
        account.apply(modseq, ev.Entry(ev.VERSION, time_ms, b"", tuple(events)))
        for event in events:
            self._count(event)
        self._wake()

    def _count(self, event: ev.Event) -> None:
        number: int = getattr(event, "mailbox", 0)
        if isinstance(event, ev.FlagsChanged):
            self.flags[number] += 1
            self.rows[number] += bool((event.clear | event.set) & DELETED)
        elif isinstance(event, ev.MessagesAdded | ev.MessagesExpunged):
            self.rows[number] += 1
        elif isinstance(event, ev.MailboxDeleted):
            del self.rows[number], self.flags[number]
        box = self.account.mailboxes.get(number)
        if box is not None and box.index is not None:
            box.index.dirty.clear()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)


class Mirrors:
    """One a gateway process."""

    def __init__(self, shards: Directing, store: Store) -> None:
        self._shards = shards
        self._store = store
        self._mirrors: OrderedDict[int, Mirror] = OrderedDict()
        self._begun: dict[int, asyncio.Task[Mirror]] = {}  # at most one an account

    def __len__(self) -> int:
        return len(self._mirrors)

    def close(self) -> None:
        """Hold none any more."""
        for task in self._begun.values():
            task.cancel()
        for number in list(self._mirrors):
            self._drop(number)

    async def fresh(self, account: int) -> Mirror:
        """A mirror that has all that was committed before. Raises Trouble."""
        for _ in range(TRIES):
            mirror = self._mirrors.get(account)
            if mirror is None:
                mirror = await self._beginning(account)
            modseq = await newest(self._store, account)
            if (mirror.account.modseq >= modseq or await mirror.reached(modseq)) and not mirror.lost:
                self._used(mirror)
                return mirror
            if self._mirrors.get(account) is mirror:
                self._drop(account)
        raise Unavailable("The account cannot be read now; try again.", log="a mirror was lost again and again")

    def forget(self, account: int) -> None:
        """Hold it no more, if it is held."""
        if account in self._mirrors:
            self._drop(account)

    async def _beginning(self, account: int) -> Mirror:
        """Whoever asks while it is read waits for the same."""
        task = self._begun.get(account)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._begin(account), name="mirror")
            self._begun[account] = task
            task.add_done_callback(lambda _task: self._begun.pop(account, None))
        return await asyncio.shield(task)

    async def _begin(self, account: int) -> Mirror:
        owner = self._shards.shard_of(account)
        mirror = Mirror(account)
        try:
            await owner.follow(account, mirror)
            await mirror.load(self._store)
        except BaseException:
            owner.unfollow(account, mirror)
            raise
        self._mirrors[account] = mirror
        return mirror

    def _used(self, mirror: Mirror) -> None:
        self._mirrors[mirror.number] = mirror
        self._mirrors.move_to_end(mirror.number)
        rows = sum(one.weight for one in self._mirrors.values()) if len(self._mirrors) > 1 else 0
        while len(self._mirrors) > 1 and (rows > ROWS_MAX or len(self._mirrors) > MIRRORS_MAX):
            number = next(iter(self._mirrors))
            rows -= self._mirrors[number].weight
            self._drop(number)

    def _drop(self, number: int) -> None:
        mirror = self._mirrors.pop(number)
        mirror.lost = True
        self._shards.shard_of(number).unfollow(number, mirror)


async def newest(store: Store, account: int) -> int:
    """The MODSEQ of the account's last committed entry; 0: there is none. Raises Unavailable."""
    rows = await store.range(*keys.log_after(keys.slot_of(account), account, 0), limit=1, reverse=True)
    return keys.modseq_of(rows[0][0]) if rows else 0
