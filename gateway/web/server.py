"""HTTPS listeners: one request a connection, answered by the first resource that knows the path.

The law: no client can hold more than a bounded time, memory or number of connections; there is no HTTP without TLS.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

from cluster.errors import Trouble
from gateway.web.http import HEAD_BYTES_MAX, BadRequest, Request, Response, read_request, refusal

CONNECTIONS_MAX: Final = 200  # senders fetch a policy about once a day each
HANDSHAKE_S: Final = 10.0
REQUEST_S: Final = 10.0  # until the whole head is there
ANSWER_S: Final = 20.0  # until it is made and taken
BACKLOG: Final = 128

Resource = Callable[[Request], Awaitable[Response]]
"""Answers a request for its path. May raise Trouble."""


class Log(Protocol):
    """A structlog logger, or one that behaves like it."""

    def warning(self, event: str, **fields: object) -> object:
        """What somebody should look at."""
        ...


class WebServer:
    """All HTTPS listeners of one process. `resources` by path."""

    def __init__(self, resources: Mapping[str, Resource], tls: ssl.SSLContext, log: Log) -> None:
        self._resources = dict(resources)
        self._tls = tls
        self._log = log
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, sock: socket.socket) -> None:
        """Serve a bound socket."""
        self._servers.append(
            await asyncio.start_server(
                self._connected,
                sock=sock,
                limit=HEAD_BYTES_MAX,
                ssl=self._tls,
                ssl_handshake_timeout=HANDSHAKE_S,
                backlog=BACKLOG,
            )
        )

    async def close(self) -> None:
        """Stop listening and drop what is under way."""
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= CONNECTIONS_MAX:
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._converse(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_S):
                head = await reader.readuntil(b"\r\n\r\n")
            async with asyncio.timeout(ANSWER_S):
                writer.write(await self.answer(head))
                await writer.drain()
        except asyncio.LimitOverrunError:
            writer.write(refusal(431).encode())
        except (OSError, EOFError, TimeoutError):  # the client left or dawdles; nobody is there to be told
            writer.transport.abort()
        finally:
            writer.close()

    async def answer(self, head: bytes) -> bytes:
        """The whole response to a request's head. Raises nothing for any bytes."""
        try:
            request = read_request(head)
        except BadRequest as bad:
            return refusal(bad.status).encode()
        resource = self._resources.get(request.path)
        if resource is None:
            return refusal(404).encode(request.method)
        try:
            response = await resource(request)
        except Trouble as trouble:
            self._log.warning("web.trouble", path=request.path, why=trouble.log)
            response = refusal(503)
        return response.encode(request.method)
