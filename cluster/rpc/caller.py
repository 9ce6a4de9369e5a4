"""The calling side of one link: many calls at once, each with a deadline, and subscriptions.

The law: each call has exactly one outcome, whatever answers, deadlines, cancellations and the end of the link do in
which order; a sink hears `lost` at most once and nothing after it. What is in flight is bounded: above the bound calls
wait their turn, above the bound of those they fail at once.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

from cluster.errors import Trouble, Unavailable
from cluster.rpc import encoding, troubles
from cluster.rpc.encoding import Parts, frame_of
from cluster.rpc.link import Link, LinkDown
from cluster.rpc.outbox import Outbox
from cluster.rpc.service import Sink
from wire import data_pb2

CALLS_MAX: Final = 4096  # in flight on one link: at 20,000 a second, what 200 ms take
BYTES_MAX: Final = 64 * 1024 * 1024  # of calls not yet answered; a larger one goes alone
WAITING_MAX: Final = 16_384  # calls waiting for room: each is a session that waits
SUBSCRIPTIONS_MAX: Final = 65_536  # selected mailboxes of one gateway at one shard
TIMEOUT_MS_MAX: Final = 2**32 - 1  # what the field holds

_log = structlog.get_logger()


class Subscribed:
    """A hold on a subscription (service.Subscription). Pushes are kept back until its taker has run."""

    __slots__ = ("_caller", "_held", "_loss", "first", "number", "sink")

    def __init__(self, caller: "Caller", number: int, sink: Sink) -> None:
        self._caller = caller
        self._held: list[bytes] | None = []  # what comes before the taker of `first` has run; None afterwards
        self._loss: Trouble | None = None
        self.number = number
        self.sink: Sink | None = sink  # None once it is over
        self.first = b""

    def close(self) -> None:
        """Leave: the sink hears nothing more."""
        if self.sink is not None:
            self.sink = None
            self._held = None
            self._caller.leave(self.number)

    def pushed(self, body: bytes) -> None:
        """For the caller: pass on what the service pushed."""
        if self._held is not None:
            self._held.append(body)
        elif self.sink is not None:
            try:
                self.sink.pushed(body)
            except Exception:  # noqa: BLE001 - one sink's defect is not the others'
                _log.exception("sink_failed")

    def lost(self, trouble: Trouble) -> None:
        """For the caller: it is over."""
        if self._held is not None:
            self._loss = trouble
            return
        sink, self.sink = self.sink, None
        if sink is not None:
            try:
                sink.lost(trouble)
            except Exception:  # noqa: BLE001 - as above
                _log.exception("sink_failed")

    def release(self) -> None:
        """For the caller: the taker has run, the sink may hear."""
        held, self._held = self._held, None
        for body in held or ():
            self.pushed(body)
        if self._loss is not None:
            self.lost(self._loss)


class _Pending:
    """One call in flight."""

    __slots__ = ("future", "key", "size", "subscribed")

    def __init__(self, future: "asyncio.Future[bytes]", key: tuple[str, int], size: int) -> None:
        self.future = future
        self.key = key
        self.size = size
        self.subscribed: Subscribed | None = None


class Caller:
    """Owns its link, and two tasks. `down` is called once, when the link is."""

    def __init__(
        self,
        link: Link,
        *,
        peer: str = "",
        calls_max: int = CALLS_MAX,
        bytes_max: int = BYTES_MAX,
        waiting_max: int = WAITING_MAX,
        down: Callable[[], None] | None = None,
    ) -> None:
        self._link = link
        self._peer = peer  # for the log
        self._limits = (calls_max, bytes_max, waiting_max)
        self._on_down = down
        self._loop = asyncio.get_running_loop()
        self._outbox = Outbox(link, self._admit)
        self._last = 0
        self._calls = 0  # admitted and not over
        self._bytes = 0  # of their bodies
        self._pending: dict[int, _Pending] = {}
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()
        self._subscribed: dict[int, Subscribed] = {}
        self._parts = Parts()
        self._why: LinkDown | None = None
        self._tasks = [self._loop.create_task(self._run(half)) for half in (self._outbox.run, self._read)]

    @property
    def is_down(self) -> bool:
        """Whether the link has ended."""
        return self._why is not None

    @property
    def made(self) -> int:
        """Calls and subscriptions until now."""
        return self._last

    @property
    def is_used(self) -> bool:
        """Whether anybody waits for it or is subscribed."""
        return bool(self._pending or self._waiting or self._subscribed)

    async def call(self, kind: str, slot: int, body: bytes, timeout_s: float) -> bytes:
        """The answer. Raises the service's Trouble, Unavailable at the deadline or when too much waits, TooLarge, and
        LinkDown: then it may or may not have been carried out."""
        number, pending, timer = await self._begin(kind, slot, body, timeout_s, subscribe=False)
        try:
            return await pending.future
        finally:
            timer.cancel()
            if number in self._pending:  # nobody has answered
                self._abandon(number, pending)

    async def subscribe(self, kind: str, slot: int, body: bytes, sink: Sink, timeout_s: float) -> Subscribed:
        """Subscribe; raises as `call`. Await it without a task between, or pushes may come before `first` is seen."""
        if len(self._subscribed) >= SUBSCRIPTIONS_MAX:
            raise Unavailable("The server is busy; try again.", log=f"{len(self._subscribed)} subscriptions on a link")
        number, pending, timer = await self._begin(kind, slot, body, timeout_s, subscribe=True)
        subscribed = pending.subscribed = Subscribed(self, number, sink)
        try:
            subscribed.first = await pending.future
        except BaseException:
            subscribed.close()
            raise
        finally:
            timer.cancel()
            if number in self._pending:
                self._abandon(number, pending)
        self._loop.call_soon(subscribed.release)
        return subscribed

    def leave(self, number: int) -> None:
        """For subscriptions: no more pushes."""
        if self._subscribed.pop(number, None) is not None and not self.is_down:
            self._parts.drop(number)
            self._outbox.put(frame_of(encoding.cancel(number)))

    def close(self) -> None:
        """End the link; whoever waits hears LinkDown."""
        self._end("closed here")

    async def _begin(
        self, kind: str, slot: int, body: bytes, timeout_s: float, *, subscribe: bool
    ) -> tuple[int, _Pending, asyncio.TimerHandle]:
        size = len(body)
        encoding.check_size(body)
        deadline = self._loop.time() + timeout_s
        if self._why is not None:
            raise LinkDown(str(self._why))
        if self._waiting or not self._has_room(size):
            await self._turn(kind, slot, size, deadline)
            if self._why is not None:  # meanwhile
                raise LinkDown(str(self._why))
        else:
            self._calls += 1
            self._bytes += size
        self._last = number = self._last + 1
        future: asyncio.Future[bytes] = self._loop.create_future()
        pending = self._pending[number] = _Pending(future, (kind, slot), size)
        left_ms = min(max(int((deadline - self._loop.time()) * 1000), 1), TIMEOUT_MS_MAX)

        def encode(number: int, end: bytes) -> bytes:
            return frame_of(encoding.call(number, kind, slot, end, left_ms, subscribe))

        self._outbox.put_body(pending.key, number, body, encode)
        return number, pending, self._loop.call_at(deadline, self._expire, future, kind, slot)

    def _has_room(self, size: int) -> bool:
        calls_max, bytes_max, _ = self._limits
        if not self._calls and not self._outbox.waiting_bytes:
            return True
        return self._calls < calls_max and max(self._bytes, self._outbox.waiting_bytes) + size <= bytes_max

    async def _turn(self, kind: str, slot: int, size: int, deadline: float) -> None:
        """Wait until there is room, and take it."""
        if len(self._waiting) >= self._limits[2]:
            raise Unavailable("The server is busy; try again.", log=f"{len(self._waiting)} calls wait for a link")
        turn: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append((turn, size))
        timer = self._loop.call_at(deadline, self._expire, turn, kind, slot)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._free(size)  # it was our turn at the same moment
            raise
        finally:
            timer.cancel()
            self._admit()

    def _admit(self) -> None:
        """Give room to those who wait, in their order."""
        while self._waiting:
            turn, size = self._waiting[0]
            if not turn.done():
                if not self._has_room(size):
                    return
                self._calls += 1
                self._bytes += size
                turn.set_result(None)
            self._waiting.popleft()

    def _free(self, size: int) -> None:
        self._calls -= 1
        self._bytes -= size
        if self._waiting:
            self._admit()

    def _abandon(self, number: int, pending: _Pending) -> None:
        """Its waiter has gone or given up: a late answer is nobody's."""
        del self._pending[number]
        self._free(pending.size)
        self._parts.drop(number)
        if not self.is_down:
            self._outbox.put_body(pending.key, number, b"", _cancel)

    async def _read(self) -> None:
        handle = self._handle
        while True:
            for item in encoding.items_of(await self._link.receive()):
                handle(item)

    async def _run(self, half: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Reader or writer, until the link is down."""
        try:
            await half()
        except ConnectionError as error:
            self._end(str(error))
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it
            _log.exception("caller_failed")
            self._end(repr(error))

    def _handle(self, item: data_pb2.Item) -> None:
        number, what = item.id, item.WhichOneof("what")
        if what == "answer":
            self._answered(number, self._parts.whole(number, item.answer))
        elif what == "push":
            body = self._parts.whole(number, item.push)
            if (subscribed := self._subscribed.get(number)) is not None:
                subscribed.pushed(body)
        elif what == "part":
            if number in self._pending or number in self._subscribed:
                self._parts.add(number, item.part)
        elif what == "trouble":
            self._parts.drop(number)
            trouble = troubles.decode(item.trouble)
            if (pending := self._over(number)) is not None:
                if not pending.future.done():
                    pending.future.set_exception(trouble)
            elif (subscribed := self._subscribed.pop(number, None)) is not None:
                subscribed.lost(trouble)
        elif what == "hello":
            encoding.greeted(item)

    def _answered(self, number: int, body: bytes) -> None:
        if (pending := self._over(number)) is None:
            return
        if pending.subscribed is not None:
            self._subscribed[number] = pending.subscribed  # who has given up in this very turn will still leave
        if not pending.future.done():
            pending.future.set_result(body)

    def _over(self, number: int) -> _Pending | None:
        pending = self._pending.pop(number, None)
        if pending is not None:
            self._free(pending.size)
        return pending

    def _expire(self, future: "asyncio.Future[bytes] | asyncio.Future[None]", kind: str, slot: int) -> None:
        if not future.done():
            log = f"{kind} slot {slot}: {self._peer or 'the peer'} did not answer before the deadline"
            future.set_exception(Unavailable("This takes too long; try again later.", log=log))

    def _end(self, why: str) -> None:
        if self._why is not None:
            return
        self._why = LinkDown(why)
        self._link.close()
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        for turn, _ in self._waiting:
            if not turn.done():
                turn.set_exception(LinkDown(why))
        self._waiting.clear()
        pending, self._pending = self._pending, {}
        for each in pending.values():
            if not each.future.done():
                each.future.set_exception(LinkDown(why))
        subscribed, self._subscribed = self._subscribed, {}
        for hold in subscribed.values():
            hold.lost(Unavailable("The connection to the mailbox is interrupted.", log=f"link down: {why}"))
        if self._on_down is not None:
            self._on_down()


def _cancel(number: int, _: bytes) -> bytes:
    return frame_of(encoding.cancel(number))
