"""The hub of a gateway process: who listens, and what of the accounts' logs is told to whom.

The law: each account is followed once, however many listen to it. A listener is told at most every PAUSE_S, of a
single change at once. What others share is looked at every LOOK_S; rights that are taken away count at once, and so
does what somebody does not wish to see any more.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Final, Protocol

import structlog

from actors.mailbox.events import Entry
from actors.mailbox.follow import CATCH_UP_MAX, Follow, News
from actors.mailbox.follow import Told as Hears
from actors.mailbox.rights import ANYONE, of_account, of_group
from actors.mailbox.types import Annotations, Who
from cluster.errors import OverLimit, Trouble, Unavailable
from gateway.access import subscribing
from gateway.push import changing
from gateway.push.audience import Audience, Heard, Listener

PAUSE_S: Final = 0.1  # between two tellings of a user's listeners: changes come together
LOOK_S: Final = 60.0  # between two looks at who shares something with a user; who is notified of it looks at once
FOLLOWED_MAX: Final = 100  # accounts of one user: his own, and of those who share something with him
OF_ONE_MAX: Final = 2000  # listeners of one user: an account may be many people's
LISTENERS_MAX: Final = 50_000  # of a process: about 1 kB each, besides their connections
LOOKS_AT_ONCE: Final = 4


class Mail(Protocol):
    """What is needed of MailboxClient."""

    async def follow(self, account: int, told: Hears) -> Follow:
        """Hear of all changes of an account from now on."""
        ...

    def log(self, account: int, since: int, until: int) -> AsyncIterator[list[tuple[int, Entry]]]:
        """What happened to an account after a change up to another, by pages."""
        ...

    async def sharing(self, names: Iterable[str]) -> list[int]:
        """The accounts that share anything with one of these identifiers."""
        ...

    async def annotations(self, account: int, names: Sequence[str], who: Who | None = None) -> Annotations:
        """All annotations of these mailboxes that are for who asks."""
        ...


class Groups(Protocol):
    """What is needed of the directory."""

    async def groups(self, account: int) -> tuple[str, ...]:
        """The addresses of the groups that an account is in."""
        ...


class Timing(Protocol):
    """Of an event loop, which is one."""

    def time(self) -> float:
        """Seconds."""
        ...

    def call_later(self, delay: float, callback: Callable[..., object], *args: object) -> object:
        """Call it then."""
        ...


class Channel:
    """An account that is followed, for all users who hear of it."""

    def __init__(self, number: int, gone: Callable[[int], None]) -> None:
        self.audiences: list[Audience] = []
        self.follow: Follow | None = None
        self.lock = asyncio.Lock()
        self.wanting = 0  # who are about to hear of it
        self._number = number
        self._gone = gone

    def hears(self, news: News | None) -> None:
        """A committed entry; None: anything may have changed."""
        for audience in tuple(self.audiences):
            audience.tell(self._number, news)

    def leave(self, audience: Audience) -> None:
        """One less hears of it."""
        self.audiences.remove(audience)
        self.tidy()

    def tidy(self) -> None:
        """Follow it no more where nobody wants to hear of it."""
        if not self.audiences and not self.wanting:
            self._gone(self._number)
            if self.follow is not None:
                self.follow.close()
                self.follow = None


class Watcher:
    """One a process."""

    def __init__(self, mail: Mail, people: Groups, timing: Timing | None = None) -> None:
        """`timing`: None is the running loop."""
        self._mail = mail
        self._people = people
        self._timing = timing
        self._channels: dict[int, Channel] = {}
        self._audiences: dict[int, Audience] = {}
        self._beginning: dict[int, tuple[asyncio.Lock, list[int]]] = {}
        self._listeners = 0
        self._closed = False
        self._looks: dict[Audience, asyncio.Task[None]] = {}  # that are not to wait for the next LOOK_S

    def __len__(self) -> int:
        return self._listeners

    @property
    def following(self) -> int:
        """How many accounts are followed."""
        return len(self._channels)

    async def listen(
        self,
        account: int,
        types: Iterable[str] | None = None,
        *,
        mark: str = "",
        woken: Callable[[], None] = lambda: None,
    ) -> Listener:
        """Hear of what a user may see: of these types, or of all. `mark`: what is known already, by an earlier listener
        of any process; empty: all there is by now. `woken` is called, soon after, when there is something to take.
        Raises OverLimit, Trouble."""
        held = self._audiences.get(account)
        if self._closed or self._listeners >= LISTENERS_MAX:
            raise Unavailable("Too many listen to changes; try again later.", log="push listeners")
        if held is not None and len(held.listeners) >= OF_ONE_MAX:
            raise OverLimit("Too many listen to the changes of this account.")
        audience = held or await self._begin(account)
        listener = Listener(audience, changing.bits_of(types), woken, self._left)
        audience.listeners.add(listener)
        self._listeners += 1
        if mark:
            try:
                await self._catch_up(listener, mark)
            except BaseException:
                listener.close()
                raise
        return listener

    async def run(self) -> None:
        """Look again and again at who shares something with those who listen, until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            waiting = iter(list(self._audiences.values()))
            async with asyncio.TaskGroup() as group:
                for _ in range(LOOKS_AT_ONCE):
                    group.create_task(self._look_at_all(waiting))

    def close(self) -> None:
        """Tell nobody any more."""
        self._closed = True
        for task in self._looks.values():
            task.cancel()
        for audience in list(self._audiences.values()):
            audience.listeners.clear()
            self._end(audience)
        self._listeners = 0

    async def look(self, account: int) -> None:
        """See at once who shares something with a user, where anybody listens for him. Raises Trouble."""
        audience = self._audiences.get(account)
        if audience is not None:
            await self._look(audience)

    # users

    async def _begin(self, account: int) -> Audience:
        """The user's audience; several who come at once begin it once."""
        lock, users = self._beginning.setdefault(account, (asyncio.Lock(), [0]))
        users[0] += 1
        try:
            async with lock:
                held = self._audiences.get(account)
                return held if held is not None else await self._made(account)
        finally:
            users[0] -= 1
            if not users[0]:
                self._beginning.pop(account, None)

    async def _made(self, account: int) -> Audience:
        audience = Audience(account, self._due, self._look_soon)
        try:
            await self._hear(audience, account)
            audience.who = await self._who(account)
            await self._hear_shared(audience)
        except BaseException:
            self._end(audience)
            raise
        self._audiences[account] = audience
        return audience

    def _end(self, audience: Audience) -> None:
        if self._audiences.get(audience.account) is audience:
            del self._audiences[audience.account]
        for number in list(audience.heard):
            self._leave(audience, number)

    def _left(self, listener: Listener) -> None:
        audience = listener.audience
        if listener in audience.listeners:
            audience.listeners.remove(listener)
            self._listeners -= 1
            if not audience.listeners:
                self._end(audience)

    async def _who(self, account: int) -> Who:
        groups = await self._people.groups(account)
        return Who(account, frozenset((ANYONE, of_account(account), *map(of_group, groups))))

    async def _catch_up(self, listener: Listener, mark: str) -> None:
        """What has changed since a mark, as the log has it; where it is not known, all has."""
        audience = listener.audience
        behind = audience.behind(mark)
        listener.missed({
            heard.number: await self._missed(heard, None if heard.own else audience.who, since, until)
            for heard, since, until in behind
        })  # fmt: skip

    async def _missed(self, heard: Heard, who: Who | None, since: int | None, until: int) -> int:
        if since is None or until - since > CATCH_UP_MAX:
            return changing.EVERYTHING
        bits = entries = 0
        try:
            async for page in self._mail.log(heard.number, since, until):
                entries += len(page)
                events = [event for _modseq, entry in page for event in entry.events]
                bits |= changing.missed(events, who, heard.mailbox)
        except Trouble as trouble:
            structlog.get_logger().warning("push.log_failed", account=heard.number, why=trouble.log)
            return changing.EVERYTHING
        return bits if entries == until - since else changing.EVERYTHING

    # who shares something with them

    async def _look_at_all(self, waiting: Iterable[Audience]) -> None:
        for audience in waiting:
            try:
                await self._look(audience)
            except Trouble as trouble:
                structlog.get_logger().warning("push.look_failed", account=audience.account, why=trouble.log)

    def _look_soon(self, audience: Audience) -> None:
        if audience not in self._looks and self._audiences.get(audience.account) is audience:
            task = asyncio.get_running_loop().create_task(self._look_at_all([audience]), name="push look")
            self._looks[audience] = task
            task.add_done_callback(lambda _task: self._looks.pop(audience, None))

    async def _look(self, audience: Audience) -> None:
        who = await self._who(audience.account)
        audience.sees_as(who)
        for number in await self._hear_shared(audience):
            if number in audience.heard:  # all may have left meanwhile
                audience.note(audience.heard[number], changing.OF_OTHERS & ~changing.DELIVERY)
        if not audience.listeners:  # all have left meanwhile
            self._end(audience)

    async def _hear_shared(self, audience: Audience) -> list[int]:
        """Hear of whatever is shared with the user, and of nothing else; what is new."""
        found = await self._mail.sharing(audience.who.names)
        shared = [number for number in found if number != audience.account][: FOLLOWED_MAX - 1]
        for number in audience.heard.keys() - {audience.account, *shared}:
            self._leave(audience, number)
        new = [number for number in shared if number not in audience.heard]
        found = [number for number in new if await self._heard(audience, number)]
        for heard in [one for one in audience.heard.values() if one.stale]:
            await self._read_wishes(audience, heard)
        return found

    async def _read_wishes(self, audience: Audience, heard: Heard) -> None:
        """What the user does not wish to see of an account; if it cannot be read, it is tried again later."""
        heard.stale = False
        listed = {info.name: info.id for info in heard.listed(audience.who)}
        try:
            unwanted = await subscribing.unwanted(self._mail, heard.number, listed, audience.who)
        except Trouble as trouble:
            structlog.get_logger().warning("push.wishes_unknown", account=heard.number, why=trouble.log)
            heard.stale = True
        else:
            audience.wishes(heard, frozenset(listed[name] for name in unwanted if name in listed))

    async def _heard(self, audience: Audience, number: int) -> bool:
        """Whether it is heard of now: what cannot be followed now is tried again with the next look."""
        try:
            await self._hear(audience, number)
        except Trouble as trouble:
            structlog.get_logger().warning("push.follow_failed", account=number, why=trouble.log)
            return False
        return True

    # accounts

    async def _hear(self, audience: Audience, number: int) -> None:
        channel = self._channels.get(number)
        if channel is None:
            channel = self._channels[number] = Channel(number, self._forget)
        channel.wanting += 1
        try:
            async with channel.lock:
                if channel.follow is None:
                    channel.follow = await self._mail.follow(number, channel.hears)
            if number not in audience.heard:
                channel.audiences.append(audience)
                audience.adopt(channel.follow)
        finally:
            channel.wanting -= 1
            channel.tidy()

    def _forget(self, number: int) -> None:
        self._channels.pop(number, None)

    def _leave(self, audience: Audience, number: int) -> None:
        audience.leave(number)
        self._channels[number].leave(audience)

    # telling

    def _due(self, audience: Audience) -> None:
        """Have its listeners told, together with what else changes until then."""
        if audience.ticking:
            return
        timing = self._timing or asyncio.get_running_loop()
        audience.ticking = True
        timing.call_later(max(0.0, audience.ticks_at - timing.time()), self._tick, audience)

    def _tick(self, audience: Audience) -> None:
        timing = self._timing or asyncio.get_running_loop()
        audience.ticking = False
        audience.ticks_at = timing.time() + PAUSE_S
        audience.wake()
