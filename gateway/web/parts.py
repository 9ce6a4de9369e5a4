"""What HTTPS stands on, and what its pieces are to one another, as Protocols: tests stand in for any of it.

The law: nothing here is more than is used.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from cluster.clock import Clock, Dice
from gateway.access.parts import Log
from gateway.web.metrics import WebMetrics
from gateway.web.settings import WebSettings

if TYPE_CHECKING:
    from gateway.web.answers import Answer
    from gateway.web.exchange import Exchange
    from gateway.web.room import Room

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

Handler = Callable[["Exchange"], Awaitable["Answer | None"]]
"""Answers a request; None where it has been answered already, as a stream. May raise HttpError and Trouble."""


class WebServices(NamedTuple):
    """What every request shares."""

    settings: WebSettings
    metrics: WebMetrics
    clock: Clock
    dice: Dice
    log: Log


class Peer(Protocol):
    """A connection, as the requests on it see it."""

    @property
    def id(self) -> str:
        """Its name in the log."""
        ...

    @property
    def ip(self) -> str:
        """The client's address."""
        ...

    @property
    def secure(self) -> bool:
        """Whether nobody between us and the client can read along."""
        ...

    @property
    def room(self) -> "Room":
        """The memory that all of the server's connections share."""
        ...

    @property
    def lost(self) -> bool:
        """The client is gone."""
        ...

    @property
    def stopping(self) -> bool:
        """The server wants to stop."""
        ...

    def unfinished(self, scope: Scope) -> bool:
        """Whether more of this request's body is to come."""
        ...

    def attach(self, task: "asyncio.Task[Any] | None") -> None:
        """The task of a stream, to be cancelled when the client is gone or the server stops; None: it has ended."""
        ...

    def sent(self, count: int) -> None:
        """So many octets of a body."""
        ...

    async def send_fragment(self, data: bytes, *, first: bool, last: bool) -> None:
        """Some of a text message to the client of a WebSocket, once there is room for it."""
        ...

    async def drained(self) -> None:
        """Wait until the client of a WebSocket has read most of what was written."""
        ...

    def abort(self) -> None:
        """Cut the connection without a word."""
        ...
