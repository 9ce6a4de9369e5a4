"""What goes on after a request: event sources (RFC 8620 7.3) and WebSockets (RFC 8887).

The law: how many one account may have open is bounded, and none outlives what it was asked with (gateway/sentry.py).
Over a WebSocket requests are answered in the order they came; changes are told of between answers, never within one.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, Self

from cluster.errors import Trouble
from gateway.counts import Counts
from gateway.login import Principal
from gateway.push.audience import Listener
from gateway.push.streams import events
from gateway.push.watcher import Watcher
from gateway.sentry import Sentry
from gateway.web.answers import HttpError
from gateway.web.exchange import Exchange
from gateway.web.websocket import POLICY, WebSocket
from mail.jmap.errors import RequestError
from mail.jmap.limits import Limits
from mail.jmap.push import read_event_source
from mail.jmap.request import Request
from mail.jmap.websocket import (
    SUBPROTOCOL,
    Message,
    PushDisable,
    PushEnable,
    encode_error,
    read_message,
)

STREAMS_MAX: Final = 100  # of one account: devices and windows, and those of a shared login

Carry = Callable[[Request, str | None, WebSocket], Awaitable[None]]
"""Carries a request out, and sends the answer. Raises RequestError."""


class Streams:
    """Counts what is open."""

    def __init__(self, watcher: Watcher, sentry: Sentry) -> None:
        self._watcher = watcher
        self._sentry = sentry
        self._open: Counts[int] = Counts()

    async def event_source(self, exchange: Exchange, who: Principal) -> None:
        """Tell of changes until the client leaves."""
        try:
            wanted = read_event_source({name: values[0] for name, values in exchange.query.items()})
        except ValueError as error:
            raise HttpError(400, str(error)) from None
        task = asyncio.current_task()
        assert task is not None
        with (
            self._open.one_more(who.account, STREAMS_MAX, _too_many),
            self._sentry.over(who, task.cancel),
        ):  # which ends the answer as it should
            pieces = events(self._watcher, who.account, wanted, exchange.header("last-event-id"))
            try:
                first = await anext(pieces)  # what refuses it comes before the answer has begun
                async with exchange.events() as stream:
                    await stream.pass_on(first)
                    async for piece in pieces:
                        await stream.pass_on(piece)
            finally:
                await pieces.aclose()

    async def websocket(
        self, exchange: Exchange, who: Principal, limits: Limits, capabilities: frozenset[str], carry: Carry
    ) -> None:
        """Answer until the client leaves."""
        with self._open.one_more(who.account, STREAMS_MAX, _too_many):
            async with (
                exchange.websocket(SUBPROTOCOL) as socket,
                _Pushing(self._watcher, who.account, socket) as pushing,
                _ending(self._sentry, who, socket),
            ):

                async def obey(message: Message) -> None:
                    if isinstance(message, PushEnable):
                        await pushing.enable(message)
                    elif isinstance(message, PushDisable):
                        pushing.disable()
                    else:
                        await carry(message.request, message.id, socket)

                async for text in socket:
                    held = [text]
                    del text  # it may be large: nothing is to hold it while the next is waited for
                    try:
                        await obey(read_message(held.pop().encode("utf-8", "surrogatepass"), limits, capabilities))
                    except RequestError as error:
                        await socket.send(encode_error(error))
                    except Trouble as trouble:
                        await socket.close(POLICY, trouble.says[:100])


def _too_many() -> HttpError:
    return HttpError(429, "Too many streams are open")


@asynccontextmanager
async def _ending(sentry: Sentry, who: Principal, socket: WebSocket) -> AsyncIterator[None]:
    """Within, a WebSocket is closed when its credential is good no more (RFC 8887 4.2)."""
    closing: list[asyncio.Task[None]] = []

    def end() -> None:
        reason = "What you have logged in with is not valid any more"
        closing.append(asyncio.get_running_loop().create_task(socket.close(POLICY, reason)))

    with sentry.over(who, end):
        try:
            yield
        finally:
            for task in closing:
                task.cancel()
            await asyncio.gather(*closing, return_exceptions=True)


class _Pushing:
    """What a WebSocket is told of, if anything."""

    def __init__(self, watcher: Watcher, account: int, socket: WebSocket) -> None:
        self._watcher = watcher
        self._account = account
        self._socket = socket
        self._listener: Listener | None = None
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.disable()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await self._task

    async def enable(self, wanted: PushEnable) -> None:
        """From now on, or with other types. Raises Trouble."""
        self.disable()
        types = None if wanted.types is None else wanted.types
        self._listener = await self._watcher.listen(
            self._account, types, mark=wanted.push_state or "", woken=self._ready.set
        )
        self._ready.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._tell(), name="jmap push")

    def disable(self) -> None:
        """No more."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _tell(self) -> None:
        while True:
            await self._ready.wait()
            self._ready.clear()
            told = self._listener.take() if self._listener is not None else None
            if told is not None:
                await self._socket.send(told.data)
