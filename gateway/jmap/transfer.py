"""Uploads and downloads (RFC 8620 6).

The law: an upload is bounded before it is read, and durable before it is answered; a download never changes, so a
client may keep it. How many large ones an account may have under way, or be slow to read, is bounded: more wait. What a
client calls the type of what it downloads runs in no browser as part of our pages.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import orjson

from cluster.errors import OverQuota
from gateway.jmap import blobs, uploads
from gateway.jmap.turn import Turn
from gateway.web.answers import JSON, OCTETS, PROBLEM, Answer, HttpError, attachment, problem, refusal
from gateway.web.exchange import Exchange
from gateway.web.ranges import download
from mail.jmap.errors import MethodError, RequestError

PIECE_BYTES: Final = 64 * 1024
SMALL_BYTES: Final = 1024 * 1024  # what is held of one: a mailbox full of pictures comes at once
LARGE_MAX: Final = 4  # of an account at once: each is held while it is read
WAIT_S: Final = 30.0
HELD_BYTES_MAX: Final = 500_000_000  # of all uploads of a process at the same time, which are in memory
RETRY_S: Final = "10"
_TYPE: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}(?:; ?[ -~]{1,100})?")
_KEPT: Final = ("Cache-Control", "private, immutable, max-age=31536000")  # RFC 8620 6.2
_SANDBOX: Final = ("Content-Security-Policy", "sandbox; default-src 'none'")


class Transfers:
    """Counts what runs."""

    def __init__(self) -> None:
        self._running: Counter[int] = Counter()
        self._reading: dict[int, tuple[asyncio.Semaphore, list[int]]] = {}  # by account, and who uses it
        self._held = 0  # bytes of uploads that are not stored yet

    async def upload(self, exchange: Exchange, turn: Turn) -> Answer:
        """RFC 8620 6.1."""
        limits, account_id = turn.limits, exchange.parameters["accountId"]
        try:
            await turn.reach(account_id)
            async with self._one_more(turn), self._body(exchange, limits.size_upload_max_bytes) as data:
                size = len(data)
                media_type = exchange.header("content-type") or OCTETS
                blob = await uploads.keep(turn.services, turn.account, data, media_type)
        except MethodError:
            return problem(refusal(404, "There is no such account."))
        except RequestError as error:
            return Answer(error.status, error.body(), PROBLEM)
        except OverQuota as error:
            return problem(refusal(507, error.says))
        except HttpError as error:
            if error.status != 413:
                return problem(error.answer)
            told = RequestError("limit", "The upload is larger than allowed.", limit="maxSizeUpload", status=413)
            return Answer(413, told.body(), PROBLEM)
        made = {"accountId": account_id, "blobId": blob, "type": media_type, "size": size}
        return Answer(201, orjson.dumps(made), JSON)

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
        done = await self._turn_of(exchange, turn.account)
        data = await blobs.read(turn, reached, parameters["blobId"])
        if data is None:
            raise HttpError(404, "There is no such blob.")
        if len(data) <= SMALL_BYTES:
            done()
        whole = data

        async def read(start: int, end: int) -> AsyncIterator[bytes]:
            for at in range(start, end, PIECE_BYTES):
                yield whole[at : min(at + PIECE_BYTES, end)]

        headers = (_KEPT, _SANDBOX, attachment(parameters["name"]))
        tag = f'"{parameters["blobId"]}"'
        return download(exchange, len(data), read, content_type=media_type, tag=tag, headers=headers)

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

    @asynccontextmanager
    async def _body(self, exchange: Exchange, most: int) -> AsyncIterator[bytes]:
        """What is uploaded, counted while it is held. Raises HttpError (503 where too much is), ConnectionError."""
        pieces: list[bytes] = []
        size = 0
        try:
            async for piece in exchange.stream(most):
                size += len(piece)
                self._held += len(piece)
                if self._held > HELD_BYTES_MAX:
                    raise HttpError(503, headers=(("Retry-After", RETRY_S),))
                pieces.append(piece)
            data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            yield data
        finally:
            self._held -= size

    @asynccontextmanager
    async def _one_more(self, turn: Turn) -> AsyncIterator[None]:
        """Count an upload while it runs. Raises RequestError."""
        if self._running[turn.account] >= turn.limits.concurrent_uploads_max:
            raise RequestError("limit", "Too many uploads at once.", limit="maxConcurrentUpload", status=429)
        self._running[turn.account] += 1
        try:
            yield
        finally:
            self._running[turn.account] -= 1
            if not self._running[turn.account]:
                del self._running[turn.account]
