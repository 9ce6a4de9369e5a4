"""The least of HTTP/1.1 (RFC 9112) that a scraper and a health check need: one GET a connection.

The law: no client can hold more than a bounded time, memory or number of connections.
"""

import asyncio
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, NamedTuple

HEAD_BYTES_MAX: Final = 8192  # a scraper's request has a few hundred
CONNECTIONS_MAX: Final = 32  # scrapers and probes are few
REQUEST_SECONDS_MAX: Final = 5.0  # from connect to the whole request head
ANSWER_SECONDS_MAX: Final = 10.0  # until the client has taken the answer; Prometheus itself gives up after 10


class Answer(NamedTuple):
    """What is sent back."""

    status: int
    content_type: str
    body: bytes


Answerer = Callable[[str, str], Answer]
"""From the path and the Accept field to the answer."""


class Server:
    """A listening endpoint."""

    def __init__(self, answerer: Answerer) -> None:
        self._answer = answerer
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port listened on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self, sock: socket.socket) -> None:
        """Serve a bound socket."""
        self._server = await asyncio.start_server(self._connected, sock=sock, limit=HEAD_BYTES_MAX)

    async def close(self) -> None:
        """Stop listening and drop what is under way."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= CONNECTIONS_MAX:
            writer.transport.abort()
            return
        task = asyncio.create_task(self._converse(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS_MAX):
                head = await reader.readuntil(b"\r\n\r\n")
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                writer.write(respond(head, self._answer))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except asyncio.LimitOverrunError:
            writer.write(_response(_refusal(431)))
        except (OSError, EOFError, TimeoutError):  # the client left or dawdles; nobody is there to be told
            writer.transport.abort()
        finally:
            writer.close()


async def serve(answerer: Answerer, sock: socket.socket) -> Server:
    """Start a server on a bound socket."""
    server = Server(answerer)
    await server.start(sock)
    return server


def respond(head: bytes, answerer: Answerer) -> bytes:
    """The whole response to a request head that ends in an empty line."""
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):  # RFC 9112 §3: method SP request-target SP HTTP-version
        return _response(_refusal(400))
    method, target, _ = words
    if method not in ("GET", "HEAD"):
        return _response(_refusal(405), "Allow: GET, HEAD\r\n")
    response = _response(answerer(target.partition("?")[0], _field(lines[1:], "accept")))
    return response if method == "GET" else response[: response.index(b"\r\n\r\n") + 4]


def _field(lines: list[str], name: str) -> str:
    pairs = (line.partition(":") for line in lines)
    return ",".join(value.strip() for key, _, value in pairs if key.lower() == name)


def _refusal(status: int) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", HTTPStatus(status).phrase.encode() + b"\n")


def _response(answer: Answer, fields: str = "") -> bytes:
    head = (
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\n"
        f"Content-Type: {answer.content_type}\r\nContent-Length: {len(answer.body)}\r\n"
        f"Cache-Control: no-store\r\nConnection: close\r\n{fields}\r\n"
    )
    return head.encode("latin-1") + answer.body
