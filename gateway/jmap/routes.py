"""JMAP over HTTP (RFC 8620 2, 3).

The law: nobody is answered who has not said who he is; requests of one account that run at the same time are bounded,
and what a request has to say is bounded before it is read. A request runs until its client has read the answer: what
slow readers make us hold is bounded by the same. Of a large answer what one call says is held, never what all say.
"""

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

import orjson

from actors.mailbox.cache import Cache
from cluster.errors import Trouble
from gateway.counts import Counts
from gateway.jmap.dispatch import Calls, Response
from gateway.jmap.parts import Services
from gateway.jmap.session import API, DOWNLOAD, EVENTS, SOCKET, UPLOAD, offered_by, session_of
from gateway.jmap.streaming import Streams
from gateway.jmap.transfer import Transfers
from gateway.jmap.turn import Turn
from gateway.login import Principal
from gateway.push.watcher import Watcher
from gateway.sentry import Sentry
from gateway.web.answers import JSON, PROBLEM, Answer, HttpError
from gateway.web.conditions import unchanged
from gateway.web.credentials import Credentials
from gateway.web.exchange import Exchange
from gateway.web.router import Router
from gateway.web.websocket import WebSocket
from mail.jmap.capabilities import PRINCIPALS_OWNER
from mail.jmap.errors import RequestError
from mail.jmap.request import NO_MEMBERS, Request, decode, encode_begin, encode_end
from mail.jmap.websocket import response_members

WELL_KNOWN: Final = "/.well-known/jmap"
SESSION: Final = "/jmap/session"
SCOPE: Final = "jmap"
WHOLE_BYTES: Final = 1024 * 1024  # an answer of so many octets goes whole
STATE_S: Final = 0.5  # that a session's state is known without a look: as long as the directory is (its cache.py)
STATES_MAX: Final = 20_000  # of accounts: about 200 bytes each
CHANGES_SESSIONS: Final = frozenset({"Mailbox/set", "PushSubscription/set"})  # RFC 9670 1.4, 9749 5; not only one's own
_NOT_KEPT: Final = (("Cache-Control", "no-cache, no-store, must-revalidate"),)  # RFC 8620 2


class Jmap:
    """The handlers."""

    def __init__(self, services: Services, credentials: Credentials, watcher: Watcher) -> None:
        self._services = services
        self._credentials = credentials
        self._streams = Streams(watcher, Sentry(services.directory.stands, services.clock))
        self._running: Counts[int] = Counts()
        self._transfers = Transfers()
        self._states: Cache[tuple[int, str], tuple[float, str]] = Cache(STATES_MAX)

    def add_to(self, router: Router) -> None:
        """Say which paths are ours."""
        router.add(WELL_KNOWN, self.session, cors=True)
        router.add(SESSION, self.session, cors=True)
        router.add(API, self.api, methods=("POST",), cors=True)
        router.add(UPLOAD, self.upload, methods=("POST",), cors=True)
        router.add(DOWNLOAD, self.download, cors=True)
        router.add(DOWNLOAD.removesuffix("{name}"), self.download, cors=True)  # a name may be empty (RFC 6570 3.2.2)
        router.add(EVENTS, self.event_source, cors=True)
        router.add(SOCKET, self.websocket, websocket=True)

    async def session(self, exchange: Exchange) -> Answer:
        """The Session object, at the well-known path too: a redirection (RFC 8620 2.2) loses what a client said."""
        found = await self._session(await self._principal(exchange), base_of(exchange))
        tag = f'"{found["state"]}"'
        if same := unchanged(exchange, tag):
            return same._replace(headers=same.headers + _NOT_KEPT)
        return Answer(200, orjson.dumps(found), JSON, (*_NOT_KEPT, ("ETag", tag)))

    async def api(self, exchange: Exchange) -> Answer:
        """A request."""
        principal = await self._principal(exchange)
        limits = self._services.limits
        try:
            if not self._running.begin(principal.account, limits.concurrent_requests_max):
                raise _too_many()
            exchange.at_end(partial(self._running.end, principal.account))
            request = decode(await self._body(exchange), limits, self._usable)
            # HTTP/1.0 has no way to tell where pieces end.
            most = math.inf if exchange.is_old else WHOLE_BYTES
            return Answer(200, await self._carried_out(exchange, principal, request, most), JSON)
        except RequestError as error:
            return Answer(error.status, error.body(), PROBLEM)

    async def event_source(self, exchange: Exchange) -> None:
        """Changes, as they come."""
        principal = await self._principal(exchange)
        await self._streams.event_source(exchange, principal)

    async def websocket(self, exchange: Exchange) -> None:
        """Requests and changes."""
        principal = await self._principal(exchange)
        limits = self._services.limits

        async def carry(request: Request, request_id: str | None, socket: WebSocket) -> None:
            with self._running.one_more(principal.account, limits.concurrent_requests_max, _too_many):
                members = response_members(request_id)
                told = await self._carried_out(exchange, principal, request, WHOLE_BYTES, members)
                await (socket.send(told) if isinstance(told, bytes) else socket.send_pieces(told))

        await self._streams.websocket(exchange, principal, limits, self._usable, carry)

    async def upload(self, exchange: Exchange) -> Answer:
        """A new blob."""
        return await self._transfers.upload(exchange, self._turn(await self._principal(exchange)))

    async def download(self, exchange: Exchange) -> Answer:
        """A blob's bytes."""
        return await self._transfers.download(exchange, self._turn(await self._principal(exchange)))

    async def _body(self, exchange: Exchange) -> bytes:
        if exchange.content_type != JSON:
            raise RequestError("notJSON", "The Content-Type is not application/json.")
        try:
            return await exchange.body(self._services.limits.size_request_max_bytes)
        except HttpError as error:
            if error.status != 413:
                raise
            raise RequestError("limit", "The request is larger than allowed.", limit="maxSizeRequest") from None

    async def _carried_out(
        self,
        exchange: Exchange,
        principal: Principal,
        request: Request,
        most: float,
        members: Mapping[str, str] = NO_MEMBERS,
    ) -> bytes | AsyncIterator[bytes]:
        """A Response object: whole if it has no more octets than `most`, else in pieces; a call is carried out when
        what was told before is taken. `members`: others of the object."""
        turn = self._turn(principal, request.using, request.created_ids, ip=exchange.ip)
        calls, pieces, size = Calls(turn, request), list[bytes](), 0
        with self._services.metrics.seconds.time():
            while calls and size <= most:
                pieces += _encoded(await calls.next())
                size = sum(map(len, pieces))

        async def end() -> bytes:
            if any(call.name in CHANGES_SESSIONS for call in request.calls):
                self._states = Cache(STATES_MAX)
            try:
                state = await self._session_state(principal, exchange)
            except Trouble:  # too late to say so: who knows another state asks for the session
                state = ""
            return encode_end(state, turn.created.json())

        begin = encode_begin(members)
        if size <= most:
            return begin + b",".join(pieces) + await end()
        return _pieces(begin, pieces, calls, end)

    async def _session_state(self, principal: Principal, exchange: Exchange) -> str:
        """As the Session object has it, or had a moment ago: it is in each answer, and changes a few times a year."""
        base = base_of(exchange)
        held = self._states.get((principal.account, base))
        if held is not None and held[0] > self._services.clock.monotonic():
            return held[1]
        state: str = (await self._session(principal, base))["state"]
        return state

    async def _session(self, principal: Principal, base: str) -> dict[str, Any]:
        now, states = self._services.clock.monotonic(), self._states
        found = await session_of(self._turn(principal), base)
        states.put((principal.account, base), (now + STATE_S, found["state"]))
        return found

    @property
    def _usable(self) -> frozenset[str]:
        """All that the session and its accounts tell of may stand in `using`, with methods or not (RFC 8620 3.3)."""
        return frozenset((*offered_by(self._services), PRINCIPALS_OWNER))

    async def _principal(self, exchange: Exchange) -> Principal:
        return await self._credentials.principal(exchange, SCOPE)

    def _turn(
        self,
        principal: Principal,
        using: frozenset[str] = frozenset(),
        created: dict[str, str] | None = None,
        *,
        ip: str = "",
    ) -> Turn:
        credential = principal.credential
        return Turn(self._services, principal.account, principal.login, using, created, credential, ip=ip)


async def _pieces(
    before: bytes, pieces: list[bytes], calls: Calls, end: Callable[[], Awaitable[bytes]]
) -> AsyncIterator[bytes]:
    """A Response object. All calls are carried out, whether the client stays to the end or not."""
    try:
        while True:
            while pieces:
                yield before
                yield pieces.pop(0)
                before = b","
            if not calls:
                break
            pieces = _encoded(await calls.next())
        yield await end()
    finally:
        while calls:
            await calls.next()


def _encoded(responses: list[Response]) -> list[bytes]:
    return [orjson.dumps(response) for response in responses]


def base_of(exchange: Exchange) -> str:
    """Where the client reached us."""
    return f"{'https' if exchange.secure else 'http'}://{exchange.authority}"


def _too_many() -> RequestError:
    return RequestError("limit", "Too many requests at the same time.", limit="maxConcurrentRequests", status=429)
