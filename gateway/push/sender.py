"""Pushes changes to all subscriptions of the accounts that are this process's to push for.

The law: an account is one process's: that which has its slot (ops/docs/decisions/0018). What was pushed is written down
soon after; whoever comes next goes on from there, and where that is not known, pushes too much. Nothing is pushed to
who has not told his code, nor past the end of a subscription or of what it was made with (RFC 8620 7.2); what has ended
is removed. Whose key has ended is told of that once, with the old key (RFC 9749 5).
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from functools import partial
from typing import Final, Protocol

import structlog

from actors.push.client import PushClient, slot_of, spans
from cluster.clock import Clock
from cluster.errors import NotFound, Trouble
from gateway.access.ids import account_id
from gateway.push.audience import Listener
from gateway.push.flights import Flights
from gateway.push.pusher import Outcome, Pusher, pieces
from gateway.push.routes import Route
from gateway.push.watcher import Timing, Watcher
from gateway.sentry import TOGETHER
from mail.jmap.subscriptions import KIND, SUBSCRIPTIONS_MAX, Subscription, decode

POLL_S: Final = 2.0  # a range read for what has changed; a new subscription waits so long for its first change
SLOTS_S: Final = 10.0  # between two looks at which slots are ours: that asks for each
SLACK_MS: Final = 10_000  # clocks differ, and a note is older than its commit
SETTLED_MS: Final = 1000  # after which no note of a moment comes from the same process
KEEP_S: Final = 30.0  # between two writings of what was pushed: after a crash so much may be pushed twice
KEEP_TOGETHER: Final = 200  # accounts of one transaction: their marks are 80 kB at most, mostly 100 bytes
TEND_S: Final = 60.0  # between two looks for what has ended
ACCOUNTS_MAX: Final = 20_000  # of a process: about 3 kB each with a subscription or two
LOADS_AT_ONCE: Final = 8
RETRY_S: Final = 10.0  # an account that cannot be read
DRAIN_S: Final = 5.0


class Objects(Protocol):
    """What is needed of MailboxClient."""

    async def objects(self, account: int, kind: str) -> list[tuple[str, bytes]]:
        """All objects of a kind, by their ids."""
        ...

    async def put_objects(self, account: int, changes: Sequence[tuple[str, str, bytes | None]]) -> int:
        """Write objects, or remove them."""
        ...


Stands = Callable[[int, str], Awaitable[bool]]
"""Whether what somebody has logged in to an account with is good still. Raises Trouble."""


class Party:
    """An account with subscriptions."""

    def __init__(self, number: int, listener: Listener) -> None:
        """`listener`: hears when its subscriptions change."""
        self.number = number
        self.listener = listener
        self.routes: dict[str, Route] = {}
        self.credentials: frozenset[str] = frozenset()  # that its subscriptions were made with
        self.keys: frozenset[str] = frozenset()  # that they were made under
        self.ends_ms = 0  # when the first of its subscriptions ends
        self.unwritten = False  # something was pushed since what was pushed was written

    @property
    def marks(self) -> dict[str, str]:
        """What was pushed to each."""
        return {name: route.mark for name, route in self.routes.items()}

    def rest(self) -> None:
        """Those for which nothing waits know all there is: not only what was pushed, but also what they do not want."""
        for route in self.routes.values():
            mark = route.idle_mark()
            if mark and mark != route.mark:
                route.mark, self.unwritten = mark, True

    def close(self) -> None:
        """Push nothing more."""
        self.listener.close()
        for route in self.routes.values():
            route.close()
        self.routes.clear()


class Sender:
    """One in each process that may have slots."""

    def __init__(
        self,
        client: PushClient,
        objects: Objects,
        watcher: Watcher,
        pusher: Pusher,
        clock: Clock,
        mine: Callable[[], Collection[int]],
        stands: Stands,
        timing: Timing | None = None,
    ) -> None:
        """`mine`: the slots that are this process's now. `timing`: None is the running loop."""
        self._stands = stands
        self._client = client
        self._objects = objects
        self._watcher = watcher
        self._pusher = pusher
        self._clock = clock
        self._mine = mine
        self._timing = timing
        self._parties: dict[int, Party] = {}
        self._slots: frozenset[int] = frozenset()
        self._read: dict[tuple[int, int], None] = {}  # notes of the last seconds that were read
        self._since_ms = clock.now_ms() - SLACK_MS
        self._slots_at = 0.0
        self._loading: dict[int, bool] = {}  # True: once more
        self._flights = Flights(self._fly)
        self._loads = asyncio.Semaphore(LOADS_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger()

    def __len__(self) -> int:
        return len(self._parties)

    async def run(self) -> None:
        """Until it is cancelled; `stop` comes after."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._always(POLL_S, self.poll))
            group.create_task(self._always(KEEP_S, self.keep))
            group.create_task(self._always(TEND_S, self.tend))

    async def stop(self) -> None:
        """Let what is under way end, and write what was pushed."""
        await self._flights.stop(DRAIN_S)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for party in self._parties.values():
            party.rest()
        try:
            await self.keep()
        except Trouble as trouble:
            self._log.warning("push.keep_failed", why=trouble.log)
        for party in self._parties.values():
            party.close()
        self._parties.clear()

    async def poll(self) -> None:
        """See which slots are ours by now, and what was noted of their accounts. Raises Trouble."""
        if self._clock.monotonic() >= self._slots_at:
            await self._take_slots()
        since_ms = self._clock.now_ms() - SLACK_MS
        if not self._slots:
            self._since_ms = since_ms
            return
        noted = await self._client.noted(self._since_ms)
        for time_ms, account in noted:
            if (time_ms, account) not in self._read and slot_of(account) in self._slots:
                self.load(account)
        # Of one moment there may come another, to the same row: of the last ones none counts as read.
        settled_ms = since_ms + SLACK_MS - SETTLED_MS
        self._read = dict.fromkeys(note for note in noted if since_ms <= note[0] < settled_ms)
        self._since_ms = since_ms

    async def _take_slots(self) -> None:
        """Those that are ours by now, and only those."""
        mine, before = frozenset(self._mine()), self._slots
        self._slots = mine & before
        lost = [party for party in self._parties.values() if slot_of(party.number) not in mine]
        if lost:
            await self._leave(lost)
        for first, last in spans(mine - before):
            found = await self._client.accounts(first, last)
            self._slots |= frozenset(range(first, last + 1))
            for account in found:
                self.load(account)
        self._slots_at = self._clock.monotonic() + SLOTS_S

    async def keep(self) -> None:
        """Write what was pushed. Raises Trouble."""
        due = [party for party in self._parties.values() if party.unwritten]
        for first in range(0, len(due), KEEP_TOGETHER):
            await self._write(due[first : first + KEEP_TOGETHER])

    async def tend(self) -> None:
        """Look at what has ended; and one process for all at the keys, and at news that all have read. Raises
        Trouble."""
        now_ms = self._clock.now_ms()
        for number, party in enumerate(list(self._parties.values()), 1):
            if party.ends_ms <= now_ms or not await self._all_stand(party):
                self.load(party.number)
            if number % TOGETHER == 0:
                await asyncio.sleep(0)
        if 0 in self._slots:
            await self._client.sweep()
            await self._pusher.renew()

    async def _all_stand(self, party: Party) -> bool:
        """Whether all credentials and keys of an account's subscriptions are good still; one is asked about at a
        time."""
        try:
            for key in party.keys:
                if not await self._pusher.signs(key):
                    return False
            for credential in party.credentials:
                if not await self._stands(party.number, credential):
                    return False
        except Trouble as trouble:
            self._log.warning("push.credential_unknown", account=party.number, why=trouble.log)
        return True

    def load(self, account: int) -> None:
        """Read its subscriptions, soon."""
        if account in self._loading:
            self._loading[account] = True
            return
        if account not in self._parties and len(self._parties) + len(self._loading) >= ACCOUNTS_MAX:
            self._log.warning("push.too_many", account=account)
            return
        self._loading[account] = False
        self._begin(self._load_always(account), "push load")

    def _begin(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # accounts

    async def _load_always(self, account: int) -> None:
        try:
            async with self._loads:
                await self._load(account)
        except NotFound:  # the account is gone
            self._drop(account)
        except Trouble as trouble:
            self._log.warning("push.load_failed", account=account, why=trouble.log)
            self._call_later(RETRY_S, partial(self._load_again, account))
        finally:
            if self._loading.pop(account):
                self.load(account)

    def _load_again(self, account: int) -> None:
        if slot_of(account) in self._slots:
            self.load(account)

    async def _load(self, account: int) -> None:
        stored = await self._objects.objects(account, KIND)
        now_ms = self._clock.now_ms()
        found = [one for _name, value in stored if (one := decode(value)) is not None][:SUBSCRIPTIONS_MAX]
        standing = {name: await self._stands(account, name) for name in {one.credential for one in found}}
        signed = {key: await self._pusher.signs(key) for key in {one.server_key for one in found}}
        alive = [one for one in found if now_ms < one.expires_ms and standing[one.credential]]
        good = {one.id: one for one in alive if signed[one.server_key]}
        ended = [one.id for one in found if one.id not in good]
        if ended:
            stamp = await self._objects.put_objects(account, [(KIND, name, None) for name in ended])
            for one in alive:
                if not signed[one.server_key] and one.live(now_ms) and (one.wanted is None or KIND in one.wanted):
                    self._begin(self._tell_of_end(account, one, stamp), "push last")
        if not good:
            self._drop(account)
            await self._client.forget(account)
            return
        if slot_of(account) not in self._slots:
            self._drop(account)
            return
        party = self._parties.get(account)
        if party is None:
            listener = await self._watcher.listen(account, [KIND], woken=partial(self._changed, account))
            party = self._parties[account] = Party(account, listener)
            self.load(account)  # what happened while it began to listen
        party.credentials = frozenset(one.credential for one in good.values())
        party.keys = frozenset(one.server_key for one in good.values())
        party.ends_ms = min(one.expires_ms for one in good.values())
        for name in party.routes.keys() - {one.id for one in good.values() if one.verified}:
            party.routes.pop(name).close()
        marks = await self._client.marks(account)
        for one in good.values():
            if one.verified:
                await self._route(party, one, marks.get(one.id))

    async def _route(self, party: Party, one: Subscription, mark: str | None) -> None:
        """Begin to push to it, or go on as it is now."""
        held = party.routes.get(one.id)
        if held is not None and held.subscription.types == one.types and (held.sure or mark is None):
            held.subscription = one
            return
        known = held.mark if held is not None and held.sure else mark or ""
        woken = partial(self._woken, party, one.id)
        listener = await self._watcher.listen(party.number, one.wanted, mark=known, woken=woken)
        if self._parties.get(party.number) is not party:  # it has become another's meanwhile
            listener.close()
            return
        if held is not None:
            held.close()
        route = Route(party.number, one, listener, known or listener.mark, sure=bool(known))
        party.routes[one.id] = route
        party.unwritten = True
        self._schedule(route)

    def _changed(self, account: int) -> None:
        party = self._parties.get(account)
        if party is not None:
            party.listener.take()
            self.load(account)

    def _drop(self, account: int) -> None:
        party = self._parties.pop(account, None)
        if party is not None:
            party.close()

    async def _leave(self, parties: list[Party]) -> None:
        """They are another process's by now, which goes on from what is written."""
        try:
            await self._write(parties)
        finally:
            for party in parties:
                self._drop(party.number)

    async def _write(self, parties: list[Party]) -> None:
        for party in parties:
            party.rest()
            party.unwritten = False
        try:
            await self._client.keep({party.number: party.marks for party in parties})
        except Trouble:
            for party in parties:
                party.unwritten = True
            raise

    # pushing

    def _woken(self, party: Party, name: str) -> None:
        route = party.routes.get(name)
        if route is not None:
            self._schedule(route)

    def _schedule(self, route: Route) -> None:
        """Push to it when it is time."""
        if route.busy:
            route.again = True
        elif not route.scheduled and not route.closed:
            route.scheduled = True
            self._call_later(max(0.0, route.due_at - self._clock.monotonic()), partial(self._flights.begin, route))

    async def _fly(self, route: Route) -> None:
        route.scheduled = False
        party = self._parties.get(route.account)
        if route.closed or party is None or not route.subscription.live(self._clock.now_ms()):
            return
        told = route.listener.take()
        if told is None:
            return
        route.busy, route.again = True, False
        try:
            outcome = await self._told(route, pieces(told.changed, route.room))
        except Trouble as trouble:
            outcome = Outcome("again", None, trouble.log)
        finally:
            route.busy = False
        if outcome.meaning == "taken":
            route.taken(told.mark, self._clock.monotonic())
            party.unwritten = True
            if route.again:
                self._schedule(route)
            return
        self._log.info("push.failed", account=route.account, service=route.origin, why=outcome.why)
        route.listener.put_back()
        if route.failed(outcome, self._clock.monotonic(), self._clock.now_ms()):
            self._schedule(route)
        elif not route.closed:
            await self._remove(party, route)

    async def _told(self, route: Route, messages: Sequence[Mapping[str, Mapping[str, str]]]) -> Outcome:
        if not await self._stands(route.account, route.subscription.credential):
            return Outcome("gone", why="what it was made with is good no more")
        outcome = Outcome("taken")
        for message in messages:
            outcome = await self._pusher.tell(route.subscription, message)
            if outcome.meaning != "taken":
                break
        return outcome

    async def _tell_of_end(self, account: int, one: Subscription, stamp: int) -> None:
        """The last push under a key: its client looks, and subscribes anew. It is tried once."""
        try:
            outcome = await self._pusher.tell(one, {account_id(account): {KIND: str(stamp)}})
        except Trouble as trouble:
            outcome = Outcome("again", why=trouble.log)
        if outcome.meaning != "taken":
            self._log.info("push.last_failed", account=account, why=outcome.why)

    async def _remove(self, party: Party, route: Route) -> None:
        """Nobody is there any more."""
        route.close()
        party.routes.pop(route.subscription.id, None)
        try:
            await self._objects.put_objects(party.number, [(KIND, route.subscription.id, None)])
        except Trouble as trouble:
            self._log.warning("push.remove_failed", account=party.number, why=trouble.log)
            self._call_later(RETRY_S, partial(self._load_again, party.number))

    def _call_later(self, delay: float, callback: Callable[[], None]) -> None:
        (self._timing or asyncio.get_running_loop()).call_later(delay, callback)

    async def _always(self, every_s: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except Trouble as trouble:
                self._log.warning("push.turn_failed", why=trouble.log)
            await asyncio.sleep(every_s)
