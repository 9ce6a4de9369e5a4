"""A mailbox shard: the one writer of its accounts, with group commit.

The law: an answer leaves only when what it says is durable. Commands gather while a commit runs; then each is decided
and applied in memory, all go into one store transaction that also checks the slots' epochs, and only its success
releases the answers and the changes to watchers. If it fails, the accounts it touched are forgotten and read anew.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from actors.mailbox import events as ev
from actors.mailbox import keys, storage
from actors.mailbox.decide import Context, Decision, decide, first_events, indexes_needed
from actors.mailbox.index import Index
from actors.mailbox.metrics import ShardMetrics
from actors.mailbox.state import Account
from actors.mailbox.types import Add, Command, Open, Opened, Quota, Reply
from cluster.clock import Clock
from cluster.errors import Fenced, Trouble, Unavailable
from cluster.meta.store import Store, Transaction

BATCH_COMMANDS_MAX: Final = 512  # one commit's: bounds how long the first waits for the last
QUEUE_COMMANDS_MAX: Final = 20_000  # waiting; each gateway connection has at most a few
QUEUE_BYTES_MAX: Final = 256 * 1024 * 1024  # of messages waiting
SNAPSHOT_EVERY: Final = 256  # log entries: replaying them on activation costs about half a millisecond
ACCOUNTS_MAX: Final = 10_000  # held in memory: about 10 kB each
# From the note that a blob is removed to its removal, at the very most: an S3 store that hung carries a request out as
# long as its signature holds, a quarter of an hour by its own clock, which may be wrong by another.
REMOVAL_MS: Final = 2_400_000
ROWS_MAX: Final = 8_000_000  # index rows held in memory: 48 bytes each


class Watcher(Protocol):
    r"""Who is told of a mailbox's committed changes. `claims`: it wants new mail to be its \Recent."""

    claims: bool

    def opened(self, opened: Opened, index: Index) -> None:
        """Called once, before any change: the mailbox as committed, with rows of its own to keep."""
        ...

    def changed(self, modseq: int, time_ms: int, events: Sequence[ev.Event], keywords: tuple[str, ...]) -> None:
        """Called in order, once a committed entry, never before it is durable."""
        ...


@dataclass(slots=True)
class _Asked:
    account: int
    command: Command
    answer: "asyncio.Future[Any]"
    watcher: Watcher | None
    size: int


@dataclass(slots=True)
class _Decided:
    asked: _Asked
    account: Account
    first: int
    entries: list[ev.Entry]
    reply: Reply


class Shard:
    """Serves all accounts given to it. Lives on one event loop."""

    def __init__(
        self, store: Store, clock: Clock, quota_of: Callable[[int], Awaitable[Quota]], metrics: ShardMetrics
    ) -> None:
        self._store = store
        self._clock = clock
        self._quota_of = quota_of
        self._metrics = metrics
        self._queue: deque[_Asked] = deque()
        self._queued_bytes = 0
        self._accounts: OrderedDict[int, Account] = OrderedDict()
        self._rows: dict[int, int] = {}  # index rows loaded for an account, in the order of loading
        self._epochs: dict[int, bytes] = {}
        self._watchers: dict[tuple[int, int], list[Watcher]] = {}
        self._wake = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to serve."""
        self._task = asyncio.create_task(self._run(), name="mailbox shard")

    async def stop(self) -> None:
        """Answer what was asked, store snapshots of what is in memory, take nothing more."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task

    @property
    def alive(self) -> bool:
        """Whether it takes commands."""
        return not self._stopping and self._task is not None and not self._task.done()

    async def ask(self, account: int, command: Command) -> Reply:
        """Carry out a command; durable on return. Raises Trouble."""
        reply: Reply = await self._enqueue(account, command, None)
        return reply

    async def watch(self, account: int, command: Open, watcher: Watcher) -> Opened:
        """Open a mailbox and tell the watcher: its rows as committed, then every later change."""
        opened: Opened = await self._enqueue(account, command, watcher)
        return opened

    async def has_room(self, account: int, size: int) -> bool:
        """Whether a message of this size would fit the quota, as far as is known without reading the account."""
        known = self._accounts.get(account)
        return known is None or known.has_room(size, 1, await self._quota_of(account))

    def unwatch(self, account: int, mailbox: int, watcher: Watcher) -> None:
        """No more changes for this watcher."""
        watchers = self._watchers.get((account, mailbox), [])
        if watcher in watchers:
            watchers.remove(watcher)
        if not watchers:
            self._watchers.pop((account, mailbox), None)

    def _enqueue(self, account: int, command: Command, watcher: Watcher | None) -> "asyncio.Future[Any]":
        size = sum(len(item.message.packed or b"") for item in command.items) if type(command) is Add else 0
        if not self.alive:
            raise Unavailable("The mailbox service is stopping; try again soon.")
        if len(self._queue) >= QUEUE_COMMANDS_MAX or self._queued_bytes + size > QUEUE_BYTES_MAX:
            raise Unavailable("The mailbox service is busy; try again soon.", log="mailbox shard queue is full")
        answer = asyncio.get_running_loop().create_future()
        self._queue.append(_Asked(account, command, answer, watcher, size))
        self._queued_bytes += size
        self._wake.set()
        return answer

    async def _run(self) -> None:
        while not (self._stopping and not self._queue):
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                await self._batch()
                self._bound_memory()
        await self._snapshot([account for account in self._accounts.values() if account.modseq > account.base])

    async def _batch(self) -> None:
        """One turn of group commit."""
        writes = storage.Writes()
        decided: list[_Decided] = []
        touched: dict[int, Account] = {}
        while self._queue and len(decided) < BATCH_COMMANDS_MAX and writes.size < storage.WRITE_BYTES_MAX:
            asked = self._queue.popleft()
            self._queued_bytes -= asked.size
            try:
                decided.append(await self._decide(asked, writes, touched))
            except Trouble as error:
                _fail(asked, error)
            except Exception as error:  # noqa: BLE001 - a defect must cost one batch, not the shard
                self._abandon(touched, [asked, *(done.asked for done in decided)], error)
                return
        if not decided and not writes.size:
            return
        try:
            await self._commit(writes, touched)
        except Exception as error:  # noqa: BLE001 - whatever it was, nothing is known to be stored
            self._abandon(touched, [done.asked for done in decided], error)
            return
        # First all watchers are told, then who asked: so each finds its own change in every view, and a new watcher,
        # who is handed the mailbox as it is after the whole batch, is not told of the batch again.
        for step in (self._publish, self._answer):
            for done in decided:
                try:
                    step(done)
                except Exception as error:  # noqa: BLE001 - a watcher's defect must not keep others from their answers
                    self._metrics.failures.labels(type(error).__name__).inc()
                    _fail(done.asked, error)
        due = [account for account in touched.values() if account.modseq - account.base >= SNAPSHOT_EVERY]
        if due:
            await self._snapshot(due)

    async def _decide(self, asked: _Asked, writes: storage.Writes, touched: dict[int, Account]) -> _Decided:
        account = self._accounts.get(asked.account)
        if account is None:
            account = await self._activate(asked.account, writes, touched)
        else:
            self._accounts.move_to_end(account.id)
        for box in indexes_needed(account, asked.command):
            await storage.load_index(self._store, account, box)
            self._rows[account.id] = self._rows.get(account.id, 0) + box.messages
        if type(asked.command) is Add:
            await self._still_there(asked.command, writes)
        quota = await self._quota_of(account.id)
        watchers = self._watchers
        number = account.id
        context = Context(
            self._clock.now_ms(),
            quota,
            lambda mailbox: any(watcher.claims for watcher in watchers.get((number, mailbox), ())),
        )
        decision = decide(account, asked.command, context)
        touched[number] = account
        first, entries = _apply(account, decision, context.now_ms)
        storage.commit_writes(writes, account, first, decision, entries)
        return _Decided(asked, account, first, entries, decision.reply(account))

    async def _activate(self, number: int, writes: storage.Writes, touched: dict[int, Account]) -> Account:
        slot = keys.slot_of(number)
        if slot not in self._epochs:
            self._epochs[slot] = await self._store.transact(lambda tr: _raise_epoch(tr, slot))
        account = await storage.activate(self._store, number)
        self._accounts[number] = account
        self._metrics.activations.inc()
        if account.modseq == 0:
            touched[number] = account
            decision = Decision([first_events(Context(self._clock.now_ms()))])
            first, entries = _apply(account, decision, self._clock.now_ms())
            storage.commit_writes(writes, account, first, decision, entries)
        return account

    async def _still_there(self, command: Add, writes: storage.Writes) -> None:
        """A large blob was stored before this command came; had the sweeper taken it since, say so."""
        for item in command.items:
            if item.message.packed is None:
                note = keys.blob_removed(item.message.digest)
                removed = await self._store.get(note)
                if removed is not None and int.from_bytes(removed, "big") + REMOVAL_MS >= item.message.stored_ms:
                    raise Unavailable("The message has to be sent again.", log="blob was swept before its commit")
                writes.seen.append((note, removed))

    async def _commit(self, writes: storage.Writes, touched: dict[int, Account]) -> None:
        if not writes.size:
            return
        slots = {account.slot for account in touched.values()}

        async def body(transaction: Transaction) -> None:
            for slot in slots:
                if await transaction.get(keys.epoch(slot)) != self._epochs[slot]:
                    raise Fenced("The mailbox has moved; try again.", log=f"slot {slot} has a newer owner")
            for key, value in writes.seen:
                if await transaction.get(key) != value:
                    raise Unavailable("The message has to be sent again.", log="blob was swept during its commit")
            writes.into(transaction)

        with self._metrics.commit_seconds.time():
            await self._store.transact(body)
        self._metrics.commit_writes.observe(len(writes.sets))

    def _answer(self, done: _Decided) -> None:
        if done.asked.answer.done():  # nobody waits any more
            return
        if done.asked.watcher is not None:
            done.reply = self._begin_watch(done, done.asked.watcher)
        done.asked.answer.set_result(done.reply)

    def _begin_watch(self, done: _Decided, watcher: Watcher) -> Opened:
        """Hand over the mailbox as it is now, after all of this batch."""
        reply = done.reply
        assert isinstance(reply, Opened)
        box = done.account.mailboxes.get(reply.info.id)
        if box is None or box.index is None:  # deleted by a later command of the same batch
            raise Unavailable("The mailbox is being changed; try again.")
        opened = Opened(box.info(), tuple(done.account.keywords), reply.recent_from, reply.recent_below)
        watcher.opened(opened, box.index.share())
        self._watchers.setdefault((done.account.id, box.id), []).append(watcher)
        return opened

    def _publish(self, done: _Decided) -> None:
        if not self._watchers:
            return
        for modseq, entry in enumerate(done.entries, start=done.first):
            for mailbox in {event.mailbox for event in entry.events if hasattr(event, "mailbox")}:
                for watcher in self._watchers.get((done.account.id, mailbox), ()):
                    watcher.changed(modseq, entry.time_ms, entry.events, tuple(done.account.keywords))

    async def _snapshot(self, accounts: Sequence[Account]) -> None:
        """Store snapshots. A failure costs nothing but a longer replay, so it is only counted."""
        for account in accounts:
            try:
                for writes in await storage.snapshot(self._store, account):
                    await self._commit(writes, {account.id: account})
            except Trouble as error:
                self._metrics.snapshot_failures.inc()
                if isinstance(error, Fenced):
                    self._forget({account.id: account}, error)
            else:
                storage.snapshot_taken(account)

    def _abandon(self, accounts: dict[int, Account], asked: Sequence[_Asked], error: Exception) -> None:
        """Nothing of a batch counts: its accounts are read anew, and who asked hears why."""
        self._forget(accounts, error)
        self._metrics.failures.labels(type(error).__name__).inc()
        for one in asked:
            _fail(one, error)

    def _forget(self, accounts: dict[int, Account], error: Exception) -> None:
        for number, account in accounts.items():
            self._put_away(number)
            if isinstance(error, Fenced):
                self._epochs.pop(account.slot, None)

    def _put_away(self, number: int) -> None:
        self._accounts.pop(number, None)
        self._rows.pop(number, None)

    def _bound_memory(self) -> None:
        """Put away accounts, the longest unused first, until what is left fits. They are whole in the store."""
        while len(self._accounts) > ACCOUNTS_MAX:
            self._put_away(next(iter(self._accounts)))
        if self._rows:
            while len(self._rows) > 1 and sum(self._rows.values()) > ROWS_MAX:
                self._put_away(next(iter(self._rows)))


async def _raise_epoch(transaction: Transaction, slot: int) -> bytes:
    """Become the slot's owner: whoever was it before is refused from now on."""
    current = await transaction.get(keys.epoch(slot))
    mine = (int.from_bytes(current or b"", "big") + 1).to_bytes(8, "big")
    transaction.set(keys.epoch(slot), mine)
    return mine


def _apply(account: Account, decision: Decision, now_ms: int) -> tuple[int, list[ev.Entry]]:
    first = account.modseq + 1
    entries = [ev.Entry(ev.VERSION, now_ms, decision.idem, events) for events in decision.events]
    for modseq, entry in enumerate(entries, start=first):
        account.apply(modseq, entry)
    return first, entries


def _fail(asked: _Asked, error: Exception) -> None:
    if not asked.answer.done():
        asked.answer.set_exception(error)
