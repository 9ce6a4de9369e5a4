"""A mailbox shard: the one writer of the accounts of its slots, with group commit.

The law: an answer leaves only when what it says is durable, and only while the slot is this shard's. Commands gather
while a commit runs; then each is decided and applied in memory, all go into one store transaction that also compares
the claims to the slots, and only its success releases the answers and the changes to watchers. If it fails, the
accounts it touched are forgotten and read anew.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from actors.mailbox import events as ev
from actors.mailbox import keys, storage
from actors.mailbox.decide import NO_QUOTA, Context, Decision, decide, entries_of, first_events, indexes_needed
from actors.mailbox.held import Held
from actors.mailbox.loading import Asked, Begin, Loading
from actors.mailbox.metrics import ShardMetrics
from actors.mailbox.owner import Follower, Watcher
from actors.mailbox.reading import Threads, swept_of, threads_of
from actors.mailbox.removal import check_swept
from actors.mailbox.slotted import Slotted
from actors.mailbox.state import Account
from actors.mailbox.types import Add, Command, Copy, Edit, Open, Opened, Place, Quota, ReadTree, Reply, Tree
from actors.mailbox.watching import ALL, Watchers
from cluster.clock import Clock
from cluster.errors import Fenced, Moved, StoreFull, TooLarge, Trouble, Unavailable
from cluster.meta.store import Store, Transaction
from cluster.placement.claims import Claims

BATCH_COMMANDS_MAX: Final = 512  # one commit's: bounds how long the first waits for the last
QUEUE_COMMANDS_MAX: Final = 20_000  # waiting; each gateway connection has at most a few
QUEUE_BYTES_MAX: Final = 256 * 1024 * 1024  # of messages waiting
SNAPSHOT_EVERY: Final = 256  # log entries: replaying them on activation costs about half a millisecond
_GROWING: Final = (Add, Copy, Place, Edit)  # commands for which there may be no room
PATROL_S: Final = 1.0  # how often watched slots are looked at: a view may be as much older than the lease
_COPY_BYTES: Final = 5_000_000  # nobody knows before what a COPY writes: with more than this it goes with little else


@dataclass(slots=True)
class _Decided:
    asked: Asked
    account: Account
    first: int
    entries: list[ev.Entry]
    reply: Reply


class Shard:
    """Serves the accounts of the slots it has a claim to. Lives on one event loop."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        quota_of: Callable[[int], Awaitable[Quota]],
        metrics: ShardMetrics,
        claims: Claims,
        incarnation: int,
    ) -> None:
        self._store = store
        self._clock = clock
        self._quota_of = quota_of
        self._metrics = metrics
        self.on_mail: Callable[[int], None] = lambda _account: (
            None
        )  # told of accounts with new mail, once it is durable
        self._queue: deque[Asked] = deque()
        self._queued_bytes = 0
        self._held = Held()
        self._loading = Loading(store, self._held, self._again, metrics.activations.inc)
        self._slots = Slotted(store, clock, claims, incarnation)
        self._watchers = Watchers()
        self._patrol: asyncio.TimerHandle | None = None
        self._releasing: dict[int, asyncio.Future[None]] = {}  # at most one a slot
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
        if self._patrol is not None:
            self._patrol.cancel()
        if self._task is not None:
            await self._task

    @property
    def alive(self) -> bool:
        """Whether it takes commands."""
        return not self._stopping and self._task is not None and not self._task.done()

    @property
    def slots(self) -> list[int]:
        """The slots it holds now."""
        return self._slots.held

    async def ask(self, account: int, command: Command, idem: bytes = b"") -> Reply:
        """Carry out a command; durable on return. One with the key of an earlier one is not carried out again, and
        answered as then. Raises Trouble: Moved when the slot is not here."""
        reply: Reply = await self._enqueue(account, command, idem, None)
        return reply

    async def watch(self, account: int, command: Open, watcher: Watcher) -> Opened:
        """Open a mailbox and tell the watcher: its rows as committed, then every later change."""
        begin = partial(self._watchers.begin, watcher=watcher)
        opened: Opened = await self._enqueue(account, command, b"", begin)
        return opened

    def unwatch(self, account: int, mailbox: int, watcher: Watcher) -> None:
        """No more changes for this watcher."""
        self._watchers.remove(keys.slot_of(account), account, mailbox, watcher)

    async def follow(self, account: int, follower: Follower) -> Tree:
        """Tell the follower of the account as committed, then of every later change."""
        begin = partial(self._watchers.begin_following, follower=follower)
        tree: Tree = await self._enqueue(account, ReadTree(), b"", begin)
        return tree

    def unfollow(self, account: int, follower: Follower) -> None:
        """No more changes for this follower."""
        self._watchers.remove(keys.slot_of(account), account, ALL, follower)

    async def claims(self, account: int, watcher: Watcher, on: bool) -> None:  # noqa: ARG002 (Owner's signature)
        r"""From now on the watcher wants new mail to be its \Recent, or no longer."""
        watcher.claims = on

    async def has_room(self, account: int, size: int) -> bool:
        """Whether a message of this size would fit the quota, as far as is known without reading the account.
        Raises Moved."""
        known = self._held.get(account)
        if known is None:
            return True
        quota = await self._quota_of(account)
        return not self._slots.known(known.slot) or known.has_room(size, 1, quota)

    async def release(self, slot: int) -> None:
        """Take no more for a slot, finish what was taken, and let go of it. Durable on return."""
        if slot not in self._releasing:
            if not self.alive:
                raise Unavailable("The mailbox service is stopping; try again soon.")
            self._slots.refuse(slot)
            self._releasing[slot] = asyncio.get_running_loop().create_future()
            self._wake.set()
        await asyncio.shield(self._releasing[slot])

    def _enqueue(self, account: int, command: Command, idem: bytes, begin: Begin | None) -> "asyncio.Future[Any]":
        size = command.weight if isinstance(command, Add | Place) else 0
        if not self.alive:
            raise Moved("The mailbox service is stopping; try again soon.")  # whoever owns the slot next will answer
        waiting, waiting_bytes = len(self._queue) + self._loading.commands, self._queued_bytes + self._loading.bytes
        if waiting >= QUEUE_COMMANDS_MAX or waiting_bytes + size > QUEUE_BYTES_MAX:
            raise Unavailable("The mailbox service is busy; try again soon.", log="mailbox shard queue is full")
        if self._slots.refusing:
            self._slots.check_taken(keys.slot_of(account))
        answer = asyncio.get_running_loop().create_future()
        self._queue.append(Asked(account, command, idem, answer, begin, size))
        self._queued_bytes += size
        self._wake.set()
        return answer

    def _again(self, asked: Sequence[Asked]) -> None:
        """These are first again."""
        self._queue.extendleft(reversed(asked))
        self._queued_bytes += sum(one.size for one in asked)
        self._wake.set()

    async def _run(self) -> None:
        while not (self._stopping and not self._queue and not self._loading):
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                await self._batch()
                self._held.bound()
                if self._releasing:
                    await self._let_go_of_released()
            if self._releasing:
                await self._let_go_of_released()
        await self._snapshot([account for account in self._held if account.modseq > account.base])

    async def _batch(self) -> None:
        """One turn of group commit."""
        taken = self._take()
        writes = storage.Writes()
        try:
            ready = await self._ready(taken)
            growing = [asked for asked in ready if type(asked.command) in _GROWING]
            quotas = await self._quotas(growing) if growing else {}
            swept = await swept_of(self._store, growing, writes) if growing else set()
            threads = await threads_of(self._store, growing) if growing else {}
        except Exception as error:  # noqa: BLE001 - a defect must cost one batch, not the shard
            self._abandon({}, taken, error)
            return
        decided: list[_Decided] = []
        touched: dict[int, Account] = {}
        for place, asked in enumerate(ready):
            size = _COPY_BYTES if isinstance(asked.command, Copy | Edit) else asked.size
            if decided and (writes.size + size > storage.WRITE_BYTES_MAX or self._lacks_rows(asked)):
                self._again(ready[place:])
                break
            try:
                if swept:
                    check_swept(asked.command, swept)
                decided.append(self._decide(asked, quotas.get(asked.account, NO_QUOTA), writes, touched, threads))
            except Trouble as error:
                asked.fail(error)
            except Exception as error:  # noqa: BLE001 - as above
                self._abandon(touched, ready, error)
                return
        if decided or writes.size:
            await self._finish(writes, decided, touched)

    def _take(self) -> list[Asked]:
        """The next batch."""
        taken: list[Asked] = []
        size = 0
        while self._queue and len(taken) < BATCH_COMMANDS_MAX and size < storage.WRITE_BYTES_MAX:
            asked = self._queue.popleft()
            size += asked.size
            taken.append(asked)
        self._queued_bytes -= size
        return taken

    async def _ready(self, taken: Sequence[Asked]) -> list[Asked]:
        """Those that can be decided now. Others have failed, or wait for their account."""
        held = self._held
        slots = {}
        for asked in taken:
            account = held.get(asked.account)
            slots[asked.account] = keys.slot_of(asked.account) if account is None else account.slot
        refused, new = self._slots.sort(set(slots.values()))
        if new:
            refused |= await self._hold(new)
        ready = []
        for asked in taken:
            slot = slots[asked.account]
            if refused and slot in refused:
                asked.fail(refused[slot])
                continue
            if asked.account in self._loading:
                self._loading.wait(asked)
                continue
            account = held.get(asked.account)
            if account is None or indexes_needed(account, asked.command):
                self._loading.begin(slot, asked)
            else:
                ready.append(asked)
        return ready

    def _lacks_rows(self, asked: Asked) -> bool:
        """Whether it speaks of a mailbox that has this name only since a command of this turn."""
        return bool((account := self._held.get(asked.account)) and indexes_needed(account, asked.command))

    async def _hold(self, new: Sequence[int]) -> dict[int, Trouble]:
        """Hold these slots from now on; why not, of those that cannot be held."""
        taken, refused = await self._slots.take(new)
        for slot in taken:  # it was somebody else's meanwhile
            self._forget_slot(slot, Moved("The mailbox has moved; try again.", log=f"slot {slot} was away"))
        return refused

    def _forget_slot(self, slot: int, why: Trouble) -> None:
        for account in self._held.of_slot(slot):
            self._held.put_away(account.id)
        self._loading.forget(slot)
        self._watchers.end(slot, why)

    async def _quotas(self, growing: Sequence[Asked]) -> dict[int, Quota]:
        quotas: dict[int, Quota] = {}
        for asked in growing:
            if asked.account not in quotas:
                quotas[asked.account] = await self._quota_of(asked.account)
        return quotas

    def _decide(
        self, asked: Asked, quota: Quota, writes: storage.Writes, touched: dict[int, Account], threads: Threads
    ) -> _Decided:
        number = asked.account
        account = self._held.get(number)
        assert account is not None
        self._held.used(number)
        now_ms = self._clock.now_ms()
        context = Context(
            now_ms,
            quota,
            lambda mailbox: self._watchers.claimed(number, mailbox),
            lambda key: threads.get((number, key)),
        )
        if account.modseq == 0:
            touched[number] = account
            first_of_all = Decision([first_events(context)])
            storage.commit_writes(writes, account, *_apply(account, first_of_all, now_ms), first_of_all)
        decision = decide(account, asked.command, context, asked.idem)
        touched[number] = account
        first, entries = _apply(account, decision, now_ms)
        storage.commit_writes(writes, account, first, entries, decision)
        threads.update(((number, key), thread) for key, thread in decision.threads.items())
        return _Decided(asked, account, first, entries, decision.reply(account))

    async def _finish(self, writes: storage.Writes, decided: list[_Decided], touched: dict[int, Account]) -> None:
        """Make durable, then tell."""
        slots = {account.slot for account in touched.values()}
        try:
            await self._commit(writes, slots)
        except Fenced as error:
            await self._fenced(touched, [done.asked for done in decided], error)
            return
        except Exception as error:  # noqa: BLE001 - whatever it was, nothing is known to be stored
            if not isinstance(error, StoreFull | TooLarge):
                self._shut_out({account.slot for account in touched.values()})
            self._abandon(touched, [done.asked for done in decided], error)
            return
        away = self._away(slots)
        if away:
            for done in decided:
                if done.account.slot in away:
                    done.asked.fail(away[done.account.slot])
        # First all watchers are told, then who asked: so each finds its own change in every view, and a new watcher,
        # who is handed the mailbox as it is after the whole batch, is not told of the batch again.
        for step in (self._publish, self._answer):
            for done in decided:
                try:
                    step(done)
                except Exception as error:  # noqa: BLE001 - a watcher's defect must not keep others from their answers
                    self._metrics.failures.labels(type(error).__name__).inc()
                    done.asked.fail(error)
        due = [account for account in touched.values() if account.modseq - account.base >= SNAPSHOT_EVERY]
        if due:
            await self._snapshot(due)

    def _shut_out(self, slots: Iterable[int]) -> None:
        """After a commit of which nobody knows whether it is stored, or will be yet: the slots are taken anew before
        anything of them is read again, so that it is there then or never, and who watches begins anew too."""
        for slot in slots:
            self._forget_slot(
                slot, Unavailable("The mailbox is being read again.", log="a commit's outcome is unknown")
            )
            self._slots.drop(slot)

    async def _commit(self, writes: storage.Writes, slots: set[int]) -> None:
        if not writes.size:
            return
        slots_ = tuple(slots)

        async def body(transaction: Transaction) -> None:
            await self._slots.check(transaction, slots_)
            stood = [value for _key, value in writes.seen]
            if stood and await transaction.get_many([key for key, _value in writes.seen]) != stood:
                raise Unavailable("The message has to be sent again.", log="a blob was swept during its commit")
            writes.into(transaction)

        with self._metrics.commit_seconds.time():
            await self._store.transact(body)
        self._metrics.commit_writes.observe(len(writes.sets))

    def _answer(self, done: _Decided) -> None:
        if done.asked.answer.done():  # nobody waits any more
            return
        if done.asked.begin is not None:  # with what is there after all of this batch
            done.reply = done.asked.begin(done.account, done.reply)
            self._look_out()
        done.asked.answer.set_result(done.reply)

    def _look_out(self) -> None:
        if self._patrol is None:
            self._patrol = asyncio.get_running_loop().call_later(PATROL_S, self.patrol)

    def _away(self, slots: Iterable[int]) -> dict[int, Trouble]:
        """Those of the slots for which nothing may be said any more, and why."""
        refused, new = self._slots.sort(slots)
        return refused | {slot: Moved("The mailbox has moved; try again.", log=f"slot {slot} moved") for slot in new}

    def patrol(self) -> None:
        """End what watches slots that are this shard's no longer: no command may ever come to tell of it."""
        for slot, why in self._away(self._watchers.slots).items():
            self._watchers.end(slot, why)
        again = self._watchers and not self._stopping
        self._patrol = asyncio.get_running_loop().call_later(PATROL_S, self.patrol) if again else None

    def _publish(self, done: _Decided) -> None:
        if self._watchers:
            self._watchers.publish(done.account, done.first, done.entries)
        if any(type(event) is ev.MessagesAdded for entry in done.entries for event in entry.events):
            self.on_mail(done.account.id)

    async def _snapshot(self, accounts: Sequence[Account]) -> None:
        """Store snapshots. A failure costs nothing but a longer replay, so it is only counted."""
        for account in accounts:
            if account.id in self._loading:  # its rows are being read: what they lack must stay noted
                continue
            if self._held.get(account.id) is not account:  # put away, as one before it failed
                continue
            try:
                batches = await storage.snapshot(self._store, account)
            except Exception:  # noqa: BLE001 - nothing was written, and a defect must cost one snapshot, not the shard
                self._metrics.snapshot_failures.inc()
            else:
                await self._store_snapshot(account, batches)

    async def _store_snapshot(self, account: Account, batches: Sequence[storage.Writes]) -> None:
        try:
            for writes in batches:
                await self._commit(writes, {account.slot})
        except Fenced as error:
            self._metrics.snapshot_failures.inc()
            await self._fenced({account.id: account}, (), error)
        except Exception as error:  # noqa: BLE001 - as above
            self._metrics.snapshot_failures.inc()
            if not isinstance(error, StoreFull | TooLarge):
                self._shut_out((account.slot,))  # what lands late may not meet pages and head of a newer one
        else:
            storage.snapshot_taken(account)

    async def _let_go_of_released(self) -> None:
        for slot, done in list(self._releasing.items()):
            if self._loading.in_slot(slot) or any(keys.slot_of(asked.account) == slot for asked in self._queue):
                continue
            if self._slots.is_held(slot):
                await self._snapshot([one for one in self._held.of_slot(slot) if one.modseq > one.base])
            self._forget_slot(slot, Moved("The mailbox is moving; try again.", log=f"slot {slot} was released"))
            self._slots.drop(slot)
            del self._releasing[slot]
            done.set_result(None)

    async def _fenced(self, touched: dict[int, Account], asked: Sequence[Asked], error: Fenced) -> None:
        """Let go of the slots that are somebody else's; what was asked of others comes again."""
        self._metrics.failures.labels(type(error).__name__).inc()
        lost = await self._slots.lost({account.slot for account in touched.values()})
        for slot in lost:
            self._forget_slot(slot, error)
            self._slots.drop(slot)
        for number in touched:
            self._held.put_away(number)
        again = []
        for one in asked:
            if lost and touched[one.account].slot not in lost:
                again.append(one)
            else:
                one.fail(error)
        self._again(again)

    def _abandon(self, touched: dict[int, Account], asked: Sequence[Asked], error: Exception) -> None:
        """Nothing of a batch counts: its accounts are read anew, and who asked hears why."""
        self._metrics.failures.labels(type(error).__name__).inc()
        for number in touched:
            self._held.put_away(number)
        for one in asked:
            if one.account not in self._loading:
                one.fail(error)


def _apply(account: Account, decision: Decision, now_ms: int) -> tuple[int, list[ev.Entry]]:
    first = account.modseq + 1
    entries = entries_of(decision, now_ms)
    for modseq, entry in enumerate(entries, start=first):
        account.apply(modseq, entry)
    return first, entries
