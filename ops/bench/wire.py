"""IMAP clients for benchmarks: as little work as possible between the sockets and the clock.

The law: a client never decides a result. It sends bytes made beforehand, knows an answer's end by its last line and
reads no more of it, unless it is asked to keep the answer for a check. Anything but OK is an error.
"""

import asyncio
import socket
from typing import Final, Self, cast

from ops.bench.peers import HOST, PASSWORD, address

ANSWER_S_MAX: Final = 300.0
READ_BYTES: Final = 256 * 1024
LINE_BYTES_MAX: Final = 1024  # of a tagged answer; longer ones would not be recognised


class NotOk(Exception):
    """The server answered something else than OK."""


def ended(tail: bytes, tag: bytes) -> bytes | None:
    """The tagged line that an answer's last bytes end with, or None while it is not there."""
    if not tail.endswith(b"\r\n"):
        return None
    line = tail[tail.rfind(b"\n", 0, -2) + 1 :]
    return line if line.startswith(tag) else None


def checked(line: bytes, tag: bytes) -> None:
    """Raise NotOk for a tagged line that is not OK (RFC 3501 7.1)."""
    if not line.startswith(tag + b"OK"):
        raise NotOk(line.decode(errors="replace").strip())


class Client:
    """One blocking connection, logged in."""

    def __init__(self, port: int, account: int) -> None:
        self._socket = socket.create_connection((HOST, port), ANSWER_S_MAX)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._tags = 0
        try:
            self._until_line(b"* OK")
            self.command(f"LOGIN {address(account)} {PASSWORD}".encode())
        except BaseException:
            self._socket.close()
            raise

    def command(self, command: bytes) -> bytes:
        """Send one; its whole answer."""
        self._tags += 1
        tag = b"T%d " % self._tags
        self._socket.sendall(tag + command + b"\r\n")
        parts: list[bytes] = []
        tail = b""
        while (line := ended(tail, tag)) is None:
            parts.append(self._read())
            tail = (tail + parts[-1])[-LINE_BYTES_MAX:]
        checked(line, tag)
        return b"".join(parts)

    def messages(self) -> int:
        """How many messages INBOX has, by STATUS."""
        answer = self.command(b"STATUS INBOX (MESSAGES)")
        return int(answer[answer.index(b"(MESSAGES ") + 10 : answer.index(b")")])

    def idle(self) -> None:
        """Begin to IDLE (RFC 2177), and stay so."""
        self._socket.sendall(b"I IDLE\r\n")
        self._until_line(b"+ ")

    def close(self) -> None:
        """Without a word."""
        self._socket.close()

    def _until_line(self, start: bytes) -> None:
        got = b""
        while not (got.endswith(b"\r\n") and got[got.rfind(b"\n", 0, -2) + 1 :].startswith(start)):
            got += self._read()

    def _read(self) -> bytes:
        data = self._socket.recv(READ_BYTES)
        if not data:
            raise NotOk("the server closed the connection")
        return data


class Swift(asyncio.Protocol):
    """One connection among many on one event loop; a command at a time."""

    def __init__(self) -> None:
        self._greeted = asyncio.get_running_loop().create_future()
        self._answer: asyncio.Future[bytes] = self._greeted
        self._tags = 0
        self._tag = b"* "
        self._tail = b""
        self._kept: list[bytes] | None = None

    @classmethod
    async def open(cls, port: int, account: int) -> Self:
        """Connect and log in."""
        _transport, client = await asyncio.get_running_loop().create_connection(cls, HOST, port)
        await client._greeted
        await client.command(f"LOGIN {address(account)} {PASSWORD}\r\n".encode())
        return client

    async def command(self, command: bytes, *, keep: bool = False, refusable: bool = False) -> bytes:
        """Send one (with its CRLF); its whole answer if it is to be kept, else nothing. `refusable`: NO will do."""
        self._tags += 1
        self._tag = b"T%d " % self._tags
        self._tail = b""
        self._kept = [] if keep else None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(self._tag + command)
        line = await self._answer
        if not refusable:
            checked(line, self._tag)
        return b"".join(self._kept) if self._kept is not None else b""

    async def idle(self) -> None:
        """Begin to IDLE (RFC 2177), and stay so: what comes then is `heard`."""
        self._tag, self._tail, self._kept = b"+ ", b"", None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(b"I IDLE\r\n")
        await self._answer

    def close(self) -> None:
        """Without a word."""
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        if self._kept is not None:
            self._kept.append(data)
        self._tail = (self._tail + data[-LINE_BYTES_MAX:])[-LINE_BYTES_MAX:]
        line = ended(self._tail, self._tag)
        if self._answer.done():
            self.heard(data)
        elif line is not None:
            self._answer.set_result(line)

    def heard(self, data: bytes) -> None:
        """What a server says that was not asked."""

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's."""
        if not self._answer.done():
            self._answer.set_exception(exc or NotOk("the server closed the connection"))
