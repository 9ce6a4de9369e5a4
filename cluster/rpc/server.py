"""The answering side: calls that come over a link are carried out by services, a task each.

The law: calls begin in the order in which they came; what is in progress on a link is bounded by no longer reading
from it. A defect in a service costs one call. A subscriber that reads too slowly costs its bound of bytes and is cut
off.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, NamedTuple

import structlog

from cluster.errors import Moved, TooLarge, Trouble, Unavailable
from cluster.rpc import encoding
from cluster.rpc.encoding import Garbled, Parts, frame_of
from cluster.rpc.link import Link
from cluster.rpc.outbox import Lane, Outbox, Tally
from cluster.rpc.service import Service
from wire import data_pb2

CALLS_MAX: Final = 4096  # in progress on one link, as a caller has in flight
ANSWER_BYTES_MAX: Final = 128 * 1024 * 1024  # answered or pushed on one link and not sent; above it no call is read
OUTLET_BYTES_MAX: Final = 64 * 1024 * 1024  # pushed to one subscriber and not sent
OUTLETS_BYTES_MAX: Final = 256 * 1024 * 1024  # to all subscribers of one link
SUBSCRIPTIONS_MAX: Final = 65_536  # of one link
DRAIN_S: Final = 5.0  # what calls in progress have, as the admin service's

Work = Callable[[int, int, bytes, Service], Coroutine[Any, Any, None]]

_log = structlog.get_logger()


class Limits(NamedTuple):
    """Of one link."""

    calls: int = CALLS_MAX
    answer_bytes: int = ANSWER_BYTES_MAX
    outlet_bytes: int = OUTLET_BYTES_MAX
    outlets_bytes: int = OUTLETS_BYTES_MAX
    subscriptions: int = SUBSCRIPTIONS_MAX


class Push:
    """A subscriber's outlet (service.Outlet). What is pushed before the subscription has begun is kept until then."""

    __slots__ = ("_serving", "has_begun", "has_ended", "is_over", "lane", "number", "service")

    def __init__(self, serving: "Serving", number: int, service: Service) -> None:
        self._serving = serving
        self.number = number
        self.service = service
        self.lane = Lane(serving.pushed)
        self.has_begun = False
        self.is_over = False
        self.has_ended = False  # by the service

    def push(self, body: bytes) -> None:
        """Send in order."""
        if self.is_over:
            return
        if len(body) > encoding.BODY_BYTES_MAX:
            self.cut(TooLarge("This is too large.", log=f"{len(body)} bytes were pushed at once"))
        elif not self._serving.has_room(self.lane.bytes, len(body)):
            self.cut(Unavailable("The client is too slow.", log=f"{self.lane.bytes} bytes wait for a subscriber"))
        else:
            self.lane.put(self.number, body, _push)
            if self.has_begun:
                self._serving.outbox.queue(self.lane)

    def end(self, trouble: Trouble) -> None:
        """Cut the subscriber off."""
        self.has_ended = True
        if not self.is_over:
            self._serving.forget(self)
            self._serving.outbox.put(frame_of(encoding.trouble(self.number, trouble)))

    def cut(self, trouble: Trouble) -> None:
        """For the server: cut the subscriber off, and tell the service, which may be in the midst of pushing."""
        self._serving.forget(self)
        self._serving.outbox.put(frame_of(encoding.trouble(self.number, trouble)))
        asyncio.get_running_loop().call_soon(self.left)

    def left(self) -> None:
        """For the server: tell the service, unless it is it that has ended this."""
        if not self.has_ended:
            self.has_ended = True
            try:
                self.service.unsubscribed(self)
            except Exception:  # noqa: BLE001 - one service's defect must not keep others from hearing
                _log.exception("service_failed")

    def begin(self, first: bytes) -> None:
        """For the server: send what the service returned, then what it has pushed meanwhile."""
        self.has_begun = True
        self.lane.put(self.number, first, _answer, first=True)
        self._serving.outbox.queue(self.lane)


class Serving:
    """One link, while it is up."""

    def __init__(self, link: Link, services: Mapping[str, Service], limits: Limits) -> None:
        self._link = link
        self._services = services
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._running: dict[int, asyncio.Task[None]] = {}
        self._outlets: dict[int, Push] = {}
        self._parts = Parts()
        self._room: asyncio.Future[None] | None = None
        self.is_draining = False
        self.pushed = Tally()
        self.outbox = Outbox(link, self._sent)

    async def run(self) -> None:
        """Until the link is down. Cancelled, it ends the link."""
        writer = self._loop.create_task(self._write())
        try:
            await self._read()
        except ConnectionError as error:
            _log.debug("link_down", reason=str(error))
        finally:
            self._link.close()
            writer.cancel()
            for task in list(self._running.values()):
                task.cancel()
            for outlet in list(self._outlets.values()):
                self.leave(outlet)

    async def drain(self) -> None:
        """Take no more calls, finish those in progress, send the answers, end the link; its caller bounds the wait."""
        self.is_draining = True
        while self._running:
            await asyncio.wait(list(self._running.values()))
        for outlet in list(self._outlets.values()):
            outlet.cut(_stopping())
        await self.outbox.flush()

    def close(self) -> None:
        """End the link."""
        self._link.close()

    def has_room(self, waiting: int, size: int) -> bool:
        """For outlets: whether so much more may wait. A body larger than the bound goes alone: its subscriber could
        never have it otherwise."""
        if self.pushed.bytes and self.pushed.bytes + size > self._limits.outlets_bytes:
            return False
        return not waiting or waiting + size <= self._limits.outlet_bytes

    def forget(self, outlet: Push) -> None:
        """For outlets: no more of it."""
        outlet.is_over = True
        outlet.lane.clear()
        self._outlets.pop(outlet.number, None)

    def leave(self, outlet: Push) -> None:
        """The subscriber has gone."""
        self.forget(outlet)
        outlet.left()

    async def _write(self) -> None:
        try:
            await self.outbox.run()
        except ConnectionError:
            self._link.close()  # so that the reader hears it
        except Exception:  # noqa: BLE001 - nothing can be sent any more
            _log.exception("server_failed")
            self._link.close()

    async def _read(self) -> None:
        while True:
            items = encoding.items_of(await self._link.receive())
            came = self._loop.time()
            for item in items:
                what = item.WhichOneof("what")
                if what == "call":
                    while self._is_full():
                        await self._some_room()
                    self._begin(item, came)
                elif what == "cancel":
                    self._cancel(item.id)
                elif what == "part":
                    self._parts.add(item.id, item.part)
                elif what == "hello":
                    encoding.greeted(item)

    def _is_full(self) -> bool:
        # What subscriptions begin with waits among what is pushed.
        waiting = self.outbox.waiting_bytes + self.pushed.bytes
        return len(self._running) >= self._limits.calls or waiting >= self._limits.answer_bytes

    async def _some_room(self) -> None:
        self._room = self._loop.create_future()
        try:
            await self._room
        finally:
            self._room = None

    def _sent(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def _begin(self, item: data_pb2.Item, came: float) -> None:
        number, call = item.id, item.call
        body = self._parts.whole(number, call.body)
        if self._loop.time() - came > call.timeout_ms / 1000:
            return  # it waited here until nobody wants it any more
        service = self._services.get(call.kind)
        if self.is_draining or service is None:
            self._fail(number, _stopping() if self.is_draining else Moved("Try again.", log=f"no {call.kind} here"))
        elif number in self._running or number in self._outlets:
            raise Garbled(f"call {number} was made twice")
        else:
            work = self._subscribe if call.subscribe else self._call
            self._running[number] = self._loop.create_task(self._carry_out(work, number, call.slot, body, service))

    async def _carry_out(self, work: Work, number: int, slot: int, body: bytes, service: Service) -> None:
        """Carry out a call and send what comes of it."""
        try:
            await work(number, slot, body, service)
        except Trouble as trouble:
            self._fail(number, trouble)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            self._broken(number)  # the service has cancelled something of its own
        except Exception:  # noqa: BLE001 - the law: it costs one call
            self._broken(number)
        finally:
            self._over(number)

    def _broken(self, number: int) -> None:
        _log.exception("service_failed")
        self._fail(number, Trouble("The server has a problem; it has been logged."))

    def _over(self, number: int) -> None:
        self._running.pop(number, None)
        self._sent()

    async def _call(self, number: int, slot: int, body: bytes, service: Service) -> None:
        found = await service.call(slot, body)
        if len(found) > encoding.PART_BYTES:
            encoding.check_size(found)
        self.outbox.put_body(number, number, found, _answer)

    async def _subscribe(self, number: int, slot: int, body: bytes, service: Service) -> None:
        if len(self._outlets) >= self._limits.subscriptions:
            raise Unavailable("The server is busy; try again.", log=f"{len(self._outlets)} subscriptions on a link")
        outlet = self._outlets[number] = Push(self, number, service)
        try:
            first = await service.subscribe(slot, body, outlet)
        except BaseException:
            self.forget(outlet)
            raise
        if len(first) > encoding.BODY_BYTES_MAX:
            self.leave(outlet)
            raise TooLarge("This is too large.", log=f"a subscription begins with {len(first)} bytes")
        if not outlet.is_over:
            outlet.begin(first)

    def _fail(self, number: int, trouble: Trouble) -> None:
        self.outbox.put(frame_of(encoding.trouble(number, trouble)))

    def _cancel(self, number: int) -> None:
        self._parts.drop(number)
        self.outbox.drop(number)
        if (outlet := self._outlets.get(number)) is not None and outlet.has_begun:
            self.leave(outlet)
        elif (task := self._running.get(number)) is not None:
            task.cancel()
            task.add_done_callback(lambda _: self._over(number))  # it may not have begun


class Server:
    """Serves links (link.Accept) until it drains."""

    def __init__(self, services: Mapping[str, Service], limits: Limits = Limits()) -> None:  # noqa: B008 - immutable
        """`services`: by kind."""
        self._services = services
        self._limits = limits
        self._serving: set[Serving] = set()  # one each link
        self._is_draining = False

    async def serve(self, link: Link) -> None:
        """Until the link is down."""
        if self._is_draining:
            link.close()
            return
        serving = Serving(link, self._services, self._limits)
        self._serving.add(serving)
        try:
            await serving.run()
        finally:
            self._serving.discard(serving)

    async def drain(self, drain_s: float = DRAIN_S) -> None:
        """Refuse new calls with Moved, finish those in progress within the time, end all links."""
        self._is_draining = True
        serving = list(self._serving)
        try:
            async with asyncio.timeout(drain_s):
                await asyncio.gather(*[each.drain() for each in serving])
        except TimeoutError:
            _log.warning("drain_cut_short", links=len(serving))
        finally:
            for each in serving:
                each.close()


def _stopping() -> Moved:
    return Moved("The server is stopping; try again.", log="the shard is stopping")


def _push(number: int, body: bytes) -> bytes:
    return frame_of(encoding.push(number, body))


def _answer(number: int, body: bytes) -> bytes:
    return frame_of(encoding.answer(number, body))
