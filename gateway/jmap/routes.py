"""JMAP over HTTP (RFC 8620 2, 3).

The law: nobody is answered who has not said who he is; requests of one account that run at the same time are bounded,
and what a request has to say is bounded before it is read. A request runs until its client has read the answer: what
slow readers make us hold is bounded by the same.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import orjson

from actors.mailbox.cache import Cache
from gateway.jmap.dispatch import carry_out
from gateway.jmap.parts import Services
from gateway.jmap.sentry import Sentry
from gateway.jmap.session import API, DOWNLOAD, EVENTS, SOCKET, UPLOAD, offered_by, session_of
from gateway.jmap.streaming import Streams
from gateway.jmap.transfer import Transfers
from gateway.jmap.turn import Turn
from gateway.login import Principal
from gateway.push.watcher import Watcher
from gateway.web.answers import JSON, PROBLEM, Answer, HttpError
from gateway.web.credentials import Credentials
from gateway.web.exchange import Exchange
from gateway.web.router import Router
from mail.jmap.errors import RequestError
from mail.jmap.request import Request, decode, encode
from mail.jmap.websocket import encode_response

WELL_KNOWN: Final = "/.well-known/jmap"
SESSION: Final = "/jmap/session"
SCOPE: Final = "jmap"
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
        self._running: Counter[int] = Counter()
        self._transfers = Transfers()
        self._states: Cache[tuple[int, str], tuple[float, str]] = Cache(STATES_MAX)

    def add_to(self, router: Router) -> None:
        """Say which paths are ours."""
        router.add(WELL_KNOWN, self.session, cors=True)
        router.add(SESSION, self.session, cors=True)
        router.add(API, self.api, methods=("POST",), cors=True)
        router.add(UPLOAD, self.upload, methods=("POST",), cors=True)
        router.add(DOWNLOAD, self.download, cors=True)
        router.add(EVENTS, self.event_source, cors=True)
        router.add(SOCKET, self.websocket, websocket=True)

    async def session(self, exchange: Exchange) -> Answer:
        """The Session object, at the well-known path too: a redirection (RFC 8620 2.2) loses what a client said."""
        found = await self._session(await self._principal(exchange), base_of(exchange))
        return Answer(200, orjson.dumps(found), JSON, _NOT_KEPT)

    async def api(self, exchange: Exchange) -> Answer:
        """A request."""
        principal = await self._principal(exchange)
        limits = self._services.limits
        try:
            exchange.at_end(self._one_more(principal.account))
            request = decode(await self._body(exchange), limits, self._offered)
            turn, responses = await self._carried_out(principal, request, exchange.ip)
            state = await self._session_state(principal, exchange)
            return Answer(200, encode(responses, state, turn.created.json()), JSON)
        except RequestError as error:
            return Answer(error.status, error.body(), PROBLEM)

    async def event_source(self, exchange: Exchange) -> None:
        """Changes, as they come."""
        principal = await self._principal(exchange)
        await self._streams.event_source(exchange, principal)

    async def websocket(self, exchange: Exchange) -> None:
        """Requests and changes."""
        principal = await self._principal(exchange)

        async def carry(request: Request, request_id: str | None, send: Callable[[bytes], Awaitable[None]]) -> None:
            done = self._one_more(principal.account)
            try:
                turn, responses = await self._carried_out(principal, request, exchange.ip)
                state = await self._session_state(principal, exchange)
                await send(encode_response(request_id, responses, state, turn.created.json()))
            finally:
                done()

        limits = self._services.limits
        await self._streams.websocket(exchange, principal, limits, frozenset(self._offered), carry)

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
        self, principal: Principal, request: Request, ip: str
    ) -> tuple[Turn, list[tuple[str, Any, str]]]:
        with self._services.metrics.seconds.time():
            turn = self._turn(principal, request.using, request.created_ids, ip=ip)
            responses = await carry_out(turn, request)
            if any(call.name in CHANGES_SESSIONS for call in request.calls):
                self._states = Cache(STATES_MAX)
            return turn, responses

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
    def _offered(self) -> Mapping[str, Any]:
        return offered_by(self._services)

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

    def _one_more(self, account: int) -> Callable[[], None]:
        """Count a request; what is to be called when it is over. Raises RequestError."""
        if self._running[account] >= self._services.limits.concurrent_requests_max:
            raise RequestError(
                "limit", "Too many requests at the same time.", limit="maxConcurrentRequests", status=429
            )
        self._running[account] += 1

        def done() -> None:
            self._running[account] -= 1
            if not self._running[account]:
                del self._running[account]

        return done


def base_of(exchange: Exchange) -> str:
    """Where the client reached us."""
    return f"{'https' if exchange.secure else 'http'}://{exchange.authority}"
