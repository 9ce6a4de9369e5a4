"""Calls to whoever owns a slot now: finds the owner, keeps a stream to each, makes calls again that meet a change.

The law: as service.Calling has it. A stream belongs to one start of one process (address and incarnation). What is
said to a person names no process; the log does.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from cluster.clock import Clock, Dice
from cluster.errors import Fenced, Moved, Refused, Unavailable
from cluster.membership.members import Member
from cluster.placement.places import Places
from cluster.rpc.caller import Caller
from cluster.rpc.link import Dialer, LinkDown
from cluster.rpc.service import Sink, Subscription

BACKOFF_FIRST_S: Final = 0.005  # a slot that moved is there again in milliseconds
BACKOFF_MAX_S: Final = 0.25  # a restarted process is noticed at once, as people see it
# Who is there and says that the slot is not its own will not think better of it without news, which wakes who waits;
# while leases cannot be renewed, all that is subscribed asks all shards again and again.
MOVED_MAX_S: Final = 1.0
NOBODY_S: Final = 1.0  # while nobody owns the slot only news helps; this is for news that got lost
DOUBLINGS_MAX: Final = 8  # until all of these are reached
LINES_MAX: Final = 1024  # streams: the shards of a large cluster
IDLE_S: Final = 60.0  # a stream unused for one to two of these is closed

_AGAIN: Final = (LinkDown, Moved, Fenced)
T = TypeVar("T")
_log = structlog.get_logger()
_Place = tuple[str, int]  # address, incarnation


class _Line:
    """A stream to a place, from when it is dialled until it is down."""

    __slots__ = ("caller", "dialling", "made")

    def __init__(self) -> None:
        self.caller: Caller | None = None
        self.dialling: asyncio.Task[Caller | LinkDown] | None = None
        self.made = -1  # calls, when the sweep last looked

    def is_idle(self) -> bool:
        """Whether it was not used since the last sweep."""
        if self.caller is None:
            return False
        before, self.made = self.made, self.caller.made
        return before == self.made and not self.caller.is_used


class Router:
    """service.Calling over streams."""

    def __init__(self, places: Places, dialer: Dialer, clock: Clock, dice: Dice, *, lines_max: int = LINES_MAX) -> None:
        self._places = places
        self._dialer = dialer
        self._clock = clock
        self._dice = dice
        self._lines_max = lines_max
        self._lines: dict[_Place, _Line] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._is_closed = False
        self.made_again = 0  # calls and subscriptions, for metrics

    @property
    def streams(self) -> int:
        """Open or being opened, for metrics."""
        return len(self._lines)

    async def call(self, kind: str, slot: int, body: bytes, *, timeout_s: float = 20.0) -> bytes:
        """The answer. Raises the service's Trouble, Unavailable at the deadline or when too much waits."""
        return await self._at_owner(kind, slot, timeout_s, lambda caller, left_s: caller.call(kind, slot, body, left_s))

    async def subscribe(
        self, kind: str, slot: int, body: bytes, sink: Sink, *, timeout_s: float = 20.0
    ) -> Subscription:
        """Subscribe at the owner. Raises as `call`. Await it without a task between: then `first` is seen before
        anything pushed."""
        return await self._at_owner(
            kind, slot, timeout_s, lambda caller, left_s: caller.subscribe(kind, slot, body, sink, left_s)
        )

    async def close(self) -> None:
        """End all streams; calls under way end with Unavailable."""
        self._is_closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        dialling = [line.dialling for line in self._lines.values() if line.dialling is not None]
        for task in dialling:
            task.cancel()
        for line in list(self._lines.values()):
            if line.caller is not None:
                line.caller.close()
        await asyncio.gather(*dialling, return_exceptions=True)
        self._lines.clear()

    async def _at_owner(
        self, kind: str, slot: int, timeout_s: float, make: Callable[[Caller, float], Awaitable[T]]
    ) -> T:
        """What a call of the owner gives, made again until the deadline."""
        deadline = self._clock.monotonic() + timeout_s
        attempt = 0
        while True:
            member = self._places.owner(kind, slot)
            try:
                caller = self._ready(member) or await self._reach(member, deadline)
                return await make(caller, deadline - self._clock.monotonic())
            except _AGAIN as error:
                await self._pause(kind, slot, member, attempt, deadline, error)
            attempt += 1

    def _ready(self, member: Member | None) -> Caller | None:
        if member is None or (line := self._lines.get((member.address, member.incarnation))) is None:
            return None
        return line.caller

    async def _reach(self, member: Member | None, deadline: float) -> Caller:
        """A caller to the member, dialled if need be. Raises LinkDown."""
        if member is None:
            raise LinkDown("nobody owns it")
        place = (member.address, member.incarnation)
        line = self._lines.get(place)
        if line is None:
            line = self._new_line(place)
        assert line.dialling is not None
        try:
            async with asyncio.timeout(deadline - self._clock.monotonic()):
                found = await asyncio.shield(line.dialling)
        except TimeoutError:
            raise LinkDown("it was not reached before the deadline") from None
        if isinstance(found, LinkDown):
            raise LinkDown(str(found))
        return found

    def _new_line(self, place: _Place) -> _Line:
        if self._is_closed:
            raise Unavailable("The server is stopping; try again.", log="the router is closed")
        if len(self._lines) >= self._lines_max and not self._make_room():
            raise LinkDown(f"{len(self._lines)} streams are open, and all are used")
        line = self._lines[place] = _Line()
        loop = asyncio.get_running_loop()
        line.dialling = loop.create_task(self._dial(place, line))
        if self._sweep is None:
            self._sweep = loop.call_later(IDLE_S, self._close_idle)
        return line

    async def _dial(self, place: _Place, line: _Line) -> Caller | LinkDown:
        try:
            link = await self._dialer.dial(place[0])
        except LinkDown as error:
            self._forget(place, line)
            return error
        except Refused as error:  # a certificate; not the fault of whoever waits, and somebody may be mending it
            self._forget(place, line)
            _log.warning("peer_refused", address=place[0], reason=error.log)
            return LinkDown(error.log)
        except asyncio.CancelledError:  # by close
            self._forget(place, line)
            return LinkDown("the router is closed")
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, and the next may dial again
            _log.exception("dial_failed", address=place[0])
            self._forget(place, line)
            return LinkDown(repr(error))
        line.caller = Caller(link, peer=place[0], down=lambda: self._forget(place, line))
        line.dialling = None
        return line.caller

    def _forget(self, place: _Place, line: _Line) -> None:
        if self._lines.get(place) is line:
            del self._lines[place]

    def _make_room(self) -> bool:
        for line in list(self._lines.values()):
            if line.caller is not None and not line.caller.is_used:
                line.caller.close()
                return True
        return False

    def _close_idle(self) -> None:
        for line in list(self._lines.values()):
            if line.is_idle() and line.caller is not None:
                line.caller.close()
        self._sweep = None
        if self._lines:
            self._sweep = asyncio.get_running_loop().call_later(IDLE_S, self._close_idle)

    async def _pause(
        self, kind: str, slot: int, member: Member | None, attempt: int, deadline: float, error: Exception
    ) -> None:
        """Wait for news of the owner, or a little. Raises Unavailable at the deadline."""
        left_s = deadline - self._clock.monotonic()
        if left_s > 0 and not self._is_closed:
            self.made_again += 1
            longest_s = BACKOFF_MAX_S if isinstance(error, LinkDown) else MOVED_MAX_S
            pause_s = min(BACKOFF_FIRST_S * (1 << min(attempt, DOUBLINGS_MAX)), longest_s) if member else NOBODY_S
            pause_s *= 0.5 + self._dice.getrandbits(16) / 2**17
            await self._places.changed(kind, slot, member, min(pause_s, left_s))
            left_s = deadline - self._clock.monotonic()
        if left_s <= 0 or self._is_closed:
            where = f"{member.name} at {member.address}, incarnation {member.incarnation}" if member else "nobody"
            raise Unavailable(
                "The mail server's part for this does not answer; try again later.",
                log=f"{kind} slot {slot}, owner {where}, {attempt + 1} attempts: {getattr(error, 'log', error)}",
            ) from error
