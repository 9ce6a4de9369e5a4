"""Uploads and downloads (RFC 8620 6).

The law: an upload is bounded before it is read, and durable before it is answered; a download never changes, so a
client may keep it. Of a large one a few pieces are in memory, the rest is in a file. How many large ones an account may
have under way, or be slow to read, is bounded: more wait. What a client calls the type of what it downloads runs in no
browser as part of our pages.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Final

import orjson

from cluster.blobs.spool import Spool
from cluster.errors import OverQuota, StoreFull
from gateway.counts import Counts
from gateway.jmap import blobs, large, uploads
from gateway.jmap.large import SMALL_BYTES, Span
from gateway.jmap.turn import Reached, Turn
from gateway.web.answers import JSON, OCTETS, PROBLEM, Answer, HttpError, attachment, problem, refusal
from gateway.web.exchange import Exchange
from gateway.web.ranges import download
from gateway.web.room import Room
from mail.jmap.errors import MethodError, RequestError

PIECE_BYTES: Final = 64 * 1024
LARGE_MAX: Final = 4  # of an account at once
WAIT_S: Final = 30.0
SPOOLED_BYTES_MAX: Final = 10_000_000_000  # of all large blobs that come and go through a process, on its disk
MEMORY_BYTES: Final = 2 * SMALL_BYTES  # of one upload: what is small, or a few pieces
_TYPE: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}(?:; ?[ -~]{1,100})?")
_KEPT: Final = ("Cache-Control", "private, immutable, max-age=31536000")  # RFC 8620 6.2
_SANDBOX: Final = ("Content-Security-Policy", "sandbox; default-src 'none'")


class Transfers:
    """Counts what runs."""

    def __init__(self) -> None:
        self._running: Counts[int] = Counts()
        self._reading: dict[int, tuple[asyncio.Semaphore, list[int]]] = {}  # by account, and who uses it
        self._disk = Room(SPOOLED_BYTES_MAX)

    async def upload(self, exchange: Exchange, turn: Turn) -> Answer:
        """RFC 8620 6.1."""
        limits, account_id = turn.limits, exchange.parameters["accountId"]
        try:
            await turn.reach(account_id)
            with self._running.one_more(turn.account, limits.concurrent_uploads_max, _too_many):
                media_type = exchange.header("content-type") or OCTETS
                blob, size = await self._kept(exchange, turn, media_type)
        except MethodError:
            return problem(refusal(404, "There is no such account."))
        except RequestError as error:
            return Answer(error.status, error.body(), PROBLEM)
        except (OverQuota, StoreFull) as error:
            return problem(refusal(507, error.says))
        except HttpError as error:
            if error.status != 413:
                return problem(error.answer)
            told = RequestError("limit", "The upload is larger than allowed.", limit="maxSizeUpload", status=413)
            return Answer(413, told.body(), PROBLEM)
        made = {"accountId": account_id, "blobId": blob, "type": media_type, "size": size}
        return Answer(201, orjson.dumps(made), JSON)

    async def _kept(self, exchange: Exchange, turn: Turn, media_type: str) -> tuple[str, int]:
        """What is uploaded, stored: its blob id and size. Raises OverQuota, StoreFull, HttpError, ConnectionError."""
        most = turn.limits.size_upload_max_bytes
        size = exchange.check_length(most)
        await exchange.take_room(MEMORY_BYTES if size is None else min(size, MEMORY_BYTES))
        if size is None or size > SMALL_BYTES:
            await uploads.check_room(turn.services, turn.account, size or 0)  # before it is read
            exchange.at_end(await self._disk.take(most, str(turn.account)))
        data = await large.received(turn.services, exchange.stream(most))
        try:
            size = data.size if isinstance(data, Spool) else len(data)
            return await uploads.keep(turn.services, turn.account, data, media_type), size
        finally:
            if isinstance(data, Spool):
                await asyncio.to_thread(data.close)

    async def download(self, exchange: Exchange, turn: Turn) -> Answer:
        """RFC 8620 6.2."""
        try:
            return await self._download(exchange, turn)
        except HttpError as error:
            return problem(error.answer)

    async def _download(self, exchange: Exchange, turn: Turn) -> Answer:
        parameters = exchange.parameters
        media_type = exchange.asked("type") or OCTETS
        if not _TYPE.fullmatch(media_type):
            raise HttpError(400, "The type is none.")
        try:
            reached = await turn.reach(parameters["accountId"])
        except MethodError:
            raise HttpError(404, "There is no such account.") from None
        blob = parameters["blobId"]
        tag = f'"{blob}"'
        headers = (_KEPT, _SANDBOX, attachment(parameters.get("name", "")))
        done = await self._turn_of(exchange, turn.account)
        data = await self._opened(exchange, turn, reached, blob)
        if len(data) <= SMALL_BYTES:
            done()

        async def read(start: int, end: int) -> AsyncIterator[bytes]:
            if isinstance(data, Span):
                async for piece in data.pieces(start, end):
                    yield piece
                return
            for at in range(start, end, PIECE_BYTES):
                yield data[at : min(at + PIECE_BYTES, end)]

        return download(exchange, len(data), read, content_type=media_type, tag=tag, headers=headers)

    async def _opened(self, exchange: Exchange, turn: Turn, reached: Reached, blob: str) -> bytes | Span:
        """A blob. Raises HttpError."""
        span = await large.opened(turn, reached, blob)
        if span is not None:
            exchange.at_end(span.spool.close)
            exchange.at_end(await self._disk.take(span.spool.size, str(turn.account)))
            return span
        data = await blobs.read(turn, reached, blob)
        if data is None:
            raise HttpError(404, "There is no such blob.")
        return data

    async def _turn_of(self, exchange: Exchange, account: int) -> Callable[[], None]:
        """Wait until the account may have one more download; what says that it is over, at the end at the latest."""
        slots, users = self._reading.setdefault(account, (asyncio.Semaphore(LARGE_MAX), [0]))
        users[0] += 1

        def leave() -> None:
            users[0] -= 1
            if not users[0]:
                del self._reading[account]

        exchange.at_end(leave)
        try:
            async with asyncio.timeout(WAIT_S):
                await slots.acquire()
        except TimeoutError:
            raise HttpError(429, headers=(("Retry-After", str(round(WAIT_S))),)) from None
        once = [slots.release]

        def done() -> None:
            if once:
                once.pop()()

        exchange.at_end(done)
        return done


def _too_many() -> RequestError:
    return RequestError("limit", "Too many uploads at once.", limit="maxConcurrentUpload", status=429)
