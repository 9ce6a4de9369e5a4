"""The ASGI application: a request to its handler, and what comes of it to the client, the log and the metrics.

The law: every request is answered, whatever its handler does, and is counted once; what ails us is told to the log
alone. A connection goes on only when all of its request has been read, so that no body is taken for a request.
"""

import asyncio
from collections.abc import AsyncIterator
from email.utils import formatdate
from functools import cache, lru_cache
from typing import Final, cast

from cluster.errors import NoRight, NotFound, Trouble
from gateway.logins import TooManyFailures
from gateway.web.answers import JSON, Answer, Headers, HttpError, closed_after, refusal
from gateway.web.compression import LARGE, chosen, pack, pack_pieces
from gateway.web.cors import Origins
from gateway.web.exchange import Exchange
from gateway.web.parts import Handler, Peer, Receive, Scope, Send, WebServices
from gateway.web.router import Route, Router

UNREAD_MAX: Final = 64 * 1024  # of a body that nobody wants: so much is read for the connection to go on
LINGER_BYTES: Final = (
    8 * 1024 * 1024
)  # and so much that a client which still sends hears why it is refused (RFC 9112 9.6)
LINGER_S: Final = 2.0
PIECE_BYTES: Final = 256 * 1024  # of a body; most have fewer
RETRY_S: Final = 10  # what a client is told when something is away
ELSEWHERE: Final = "-"  # the route of what has none

# What any answer says unless its handler says otherwise: nothing is kept, framed, sniffed or told to others.
_USUAL: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_OF_DOCUMENTS: Final = ("content-security-policy", "referrer-policy")  # what is JSON neither runs nor leads anywhere
_OWN: Final = (("Cross-Origin-Resource-Policy", "same-origin"),)
_BODILESS: Final = (204, 304)


class Application:
    """What uvicorn calls for each request."""

    def __init__(self, router: Router, services: WebServices) -> None:
        """Raises Misconfigured."""
        self._router = router
        self._services = services
        self._origins = Origins(services.settings.origins)
        hsts_s = services.settings.hsts_s
        usual = _USUAL | ({"strict-transport-security": f"max-age={hsts_s}"} if hsts_s else {})
        self._usual = [(name.encode(), value.encode()) for name, value in usual.items()]
        self._usual_of_data = [pair for pair in self._usual if pair[0].decode() not in _OF_DOCUMENTS]
        self._lines = lru_cache(maxsize=256)(self._encoded)  # most answers say what many say
        self._date = (0, b"")
        metrics = services.metrics
        # Finding what belongs to labels takes longer than counting; there are few.
        self._counter = cache(lambda route, method, status: metrics.requests.labels(route, method, str(status)))
        self._timer = cache(metrics.seconds.labels)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Raises nothing."""
        peer = cast("Peer", scope["state"]["connection"])
        exchange = Exchange(scope, receive, send, peer, self._services)
        exchange.use(self)
        began = self._services.clock.monotonic()
        found = self._router.find(exchange.path)
        exchange.route = found.route if found else None
        if found:
            exchange.parameters = found.parameters
        try:
            answer = await self._answered(exchange)
            if answer is not None:
                await self._respond(exchange, answer)
            elif exchange.is_streaming and not exchange.is_websocket:
                await exchange.send_piece(b"", more=False)
        except ConnectionError:
            pass  # nobody is there to be told
        except asyncio.CancelledError:
            await self._cut(exchange)
        except Exception as error:
            self._services.log.warning("web.defect", conn=peer.id, error=repr(error), exc_info=error)
            peer.abort()
        finally:
            peer.attach(None)
            exchange.end()
            self._count(exchange, self._services.clock.monotonic() - began)

    # from a request to its answer

    async def _answered(self, exchange: Exchange) -> Answer | None:
        """What the handler says, in an answer whatever it raises."""
        route = exchange.route
        try:
            return await _handler(exchange, route, self._origins)(exchange)
        except HttpError as error:
            answer = error.answer
        except Trouble as trouble:
            answer = self._trouble(exchange, trouble)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:
            name = route.name if route else ELSEWHERE
            self._services.log.warning("web.defect", conn=exchange.id, route=name, error=repr(error), exc_info=error)
            answer = refusal(500)
        if exchange.is_answered:
            raise ConnectionAbortedError  # too late: it is cut off
        return answer

    def _trouble(self, exchange: Exchange, trouble: Trouble) -> Answer:
        if isinstance(trouble, TooManyFailures):
            return refusal(429, trouble.says, (("Retry-After", str(max(1, round(trouble.wait_s)))),))
        if isinstance(trouble, NotFound):
            return refusal(404)
        if isinstance(trouble, NoRight):
            return refusal(403)
        name = exchange.route.name if exchange.route else ELSEWHERE
        self._services.log.warning("web.trouble", conn=exchange.id, route=name, why=trouble.log)
        return refusal(503, headers=(("Retry-After", str(RETRY_S)),)) if trouble.retry else refusal(500)

    # from an answer to the client

    async def _respond(self, exchange: Exchange, answer: Answer) -> None:
        if self._services.settings.compress and exchange.method != "HEAD":
            answer = await self._packed(exchange, answer)
        body = answer.body
        length = len(body) if isinstance(body, bytes) else answer.length
        if length is None and exchange.is_old:
            answer, body, length = refusal(505), b"", 0  # RFC 9112 §7.1: chunks cannot be sent
        whole = await exchange.discard(UNREAD_MAX) if exchange.is_unfinished else True
        headers = answer.headers if whole else (*answer.headers, ("Connection", "close"))
        await self.begin(exchange, answer.status, answer.content_type, headers, length)
        if isinstance(body, bytes):
            await _send(exchange, b"" if answer.status in _BODILESS else body, more=not whole)
        else:
            await _pour(exchange, body)
        if not whole:
            await _linger(exchange)

    async def begin(
        self, exchange: Exchange, status: int, content_type: str, headers: Headers, length: int | None = None
    ) -> None:
        """The head of an answer. Without a length its body has no end that is known."""
        lines = [(b"date", self._now()), *self._lines(headers, self._shared(exchange), content_type == JSON)]
        if status not in _BODILESS:
            lines.append((b"content-type", content_type.encode("latin-1")))
            if length is not None:
                lines.append((b"content-length", b"%d" % length))
        exchange.status, exchange.is_answered = status, True
        kind = "websocket.http.response.start" if exchange.is_websocket else "http.response.start"
        await exchange.send({"type": kind, "status": status, "headers": lines})

    def _encoded(self, headers: Headers, shared: Headers, is_data: bool) -> tuple[tuple[bytes, bytes], ...]:
        """What an answer says, as it goes over the line."""
        lines = [(name.lower().encode(), value.encode("latin-1")) for name, value in (*headers, *shared)]
        said = {name for name, _ in lines}
        usual = self._usual_of_data if is_data else self._usual
        return (*lines, *(pair for pair in usual if pair[0] not in said))

    def _shared(self, exchange: Exchange) -> Headers:
        """Who else may see it."""
        if exchange.route is None or not exchange.route.cors:
            return _OWN
        return self._origins.headers(exchange.header("origin"))

    async def _packed(self, exchange: Exchange, answer: Answer) -> Answer:
        """Smaller, where the client takes that. A body in pieces of a known length is a file, which has ranges."""
        said, body = {name.lower() for name, _ in answer.headers}, answer.body
        if answer.status in (206, *_BODILESS) or "content-encoding" in said or answer.length is not None:
            return answer
        size = len(body) if isinstance(body, bytes) else LARGE
        coding = chosen(exchange.header("accept-encoding"), answer.content_type, size)
        if not coding:
            return answer
        packed = await pack(body, coding) if isinstance(body, bytes) else pack_pieces(body, coding)
        # What is packed is another representation: its tag may no more be a strong one (RFC 9110 §8.8.3).
        headers = [(name, _weakened(value) if name.lower() == "etag" else value) for name, value in answer.headers]
        headers += [("Content-Encoding", coding), ("Vary", "Accept-Encoding")]
        return answer._replace(body=packed, headers=tuple(headers))

    def _now(self) -> bytes:
        """The Date (RFC 9110 §6.6.1), worked out once a second."""
        second = self._services.clock.now_ms() // 1000
        if self._date[0] != second:
            self._date = second, formatdate(second, usegmt=True).encode()
        return self._date[1]

    async def _cut(self, exchange: Exchange) -> None:
        """The task was cancelled: the client is gone, or the server stops, and a stream ends as it should."""
        peer = exchange.peer
        if peer.lost:
            return
        if not exchange.is_streaming or exchange.is_websocket:
            peer.abort()
            return
        try:
            await exchange.send_piece(b"", more=False)
        except ConnectionError:
            pass

    def _count(self, exchange: Exchange, seconds: float) -> None:
        route = exchange.route
        name = route.name if route else ELSEWHERE
        metrics = self._services.metrics
        method = exchange.method if route and exchange.method in route.handlers else ELSEWHERE
        self._counter(name, method, exchange.status).inc()
        if exchange.is_streaming:
            metrics.streams.labels("websocket" if exchange.is_websocket else "events").dec()
        else:
            self._timer(name).observe(seconds)
        wanted = self._services.settings.log_requests
        if wanted == "all" or (wanted == "failed" and exchange.status >= 400):
            self._services.log.info(
                "web.request",
                conn=exchange.id,
                ip=exchange.ip,
                route=name,
                method=exchange.method,
                status=exchange.status,
                ms=round(seconds * 1000),
                bytes=exchange.sent_bytes,
            )


def _handler(exchange: Exchange, route: Route | None, origins: Origins) -> Handler:
    """What answers; raises HttpError where nothing does."""
    if route is None:
        raise HttpError(404)
    if exchange.is_websocket and not route.websocket:
        raise HttpError(400, "There is no WebSocket here")
    if handler := route.handlers.get(exchange.method):
        return handler
    if exchange.method != "OPTIONS":
        raise HttpError(405, headers=(("Allow", ", ".join(route.allowed)),))
    asked = route.cors and exchange.header("access-control-request-method")
    answer = origins.preflight(route.allowed) if asked else Answer(204)
    answer = answer._replace(headers=(("Allow", ", ".join(route.allowed)), *answer.headers))

    async def options(_exchange: Exchange) -> Answer:
        return answer

    return options


async def _send(exchange: Exchange, body: bytes, *, more: bool) -> None:
    """A body, or a piece: a large one as there is room, so that the exchange lasts as long as its client reads."""
    at = 0
    while len(body) - at > PIECE_BYTES:
        await exchange.send_piece(body[at : at + PIECE_BYTES])
        at += PIECE_BYTES
    await exchange.send_piece(body[at:] if at else body, more=more)


async def _pour(exchange: Exchange, pieces: AsyncIterator[bytes]) -> None:
    """A body in pieces, each when there is room for it."""
    async with closed_after(pieces):
        if exchange.method != "HEAD":
            async for piece in pieces:
                if piece:
                    await _send(exchange, piece, more=True)
        await exchange.send_piece(b"", more=False)


async def _linger(exchange: Exchange) -> None:
    """The answer is sent; what still comes is read for a while, as closing over it would take the answer away."""
    try:
        async with asyncio.timeout(LINGER_S):
            await exchange.skip(LINGER_BYTES)
    except TimeoutError:
        pass
    await exchange.send_piece(b"", more=False)


def _weakened(tag: str) -> str:
    return tag if tag.startswith("W/") else f"W/{tag}"
