"""A milter made of a script: it does all that real ones do, and what none should.

`answers` says by a command's letter what comes back: bytes as they are, or one of the words below. What is not in it is
continued where an answer is due. `heard` is all that it was told, macros too.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, cast

SILENT: Final = "silent"
CLOSE: Final = "close"
Answer = bytes | str | Callable[[bytes], bytes]

UNANSWERED: Final = "DAQK"
NR: Final[Mapping[str, int]] = {
    "C": 0x1000, "H": 0x2000, "M": 0x4000, "R": 0x8000, "T": 0x10000, "U": 0x20000, "L": 0x80, "N": 0x40000,
    "B": 0x80000,
}  # fmt: skip


def framed(letter: str, data: bytes = b"") -> bytes:
    """One frame; more than a letter is its data."""
    body = letter.encode() + data
    return len(body).to_bytes(4) + body


def options(version: int = 6, actions: int = 0x1FF, protocol: int = 0, macros: bytes = b"") -> bytes:
    """The answer to OPTNEG."""
    return framed("O", b"".join(number.to_bytes(4) for number in (version, actions, protocol)) + macros)


class Double(asyncio.Protocol):
    """One connection. `slow_s`: how long each answer takes."""

    def __init__(self, answers: Mapping[str, Answer] | None = None, *, protocol: int = 0, slow_s: float = 0.0) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.answers: dict[str, Answer] = {"O": options(protocol=protocol), **(answers or {})}
        self.protocol = protocol
        self.slow_s = slow_s
        self.closed = False
        self.transport: asyncio.Transport | None = None
        self._data = b""

    @property
    def letters(self) -> str:
        """The commands, without macros."""
        return "".join(letter for letter, _ in self.heard if letter != "D")

    @property
    def macros(self) -> dict[str, str]:
        """All macros, the last value of each."""
        found: dict[str, str] = {}
        for letter, data in self.heard:
            if letter == "D":
                parts = data[1:].decode().split("\0")
                found |= dict(zip(parts[::2], parts[1::2], strict=False))
        return found

    def told(self, letter: str) -> list[bytes]:
        """The data of all commands of this letter."""
        return [data for one, data in self.heard if one == letter]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True

    def data_received(self, data: bytes) -> None:
        self._data += data
        while len(self._data) >= 4 and len(self._data) >= (end := 4 + int.from_bytes(self._data[:4])):
            letter, body = chr(self._data[4]), self._data[5:end]
            self._data = self._data[end:]
            self.heard.append((letter, body))
            self._answer(letter, body)

    def _answer(self, letter: str, body: bytes) -> None:
        answer = self.answers.get(letter)
        if answer is None:
            if letter in UNANSWERED or NR.get(letter, 0) & self.protocol:
                return
            answer = framed("c")
        if callable(answer):
            answer = answer(body)
        if answer == SILENT or self.transport is None:
            return
        if answer == CLOSE:
            self.transport.close()
        elif self.slow_s:
            asyncio.get_running_loop().call_later(self.slow_s, self._write, cast("bytes", answer))
        else:
            self._write(cast("bytes", answer))

    def _write(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)


class Pipe(asyncio.Transport):
    """A transport in memory: what is written is received by the other side's protocol, a turn of the loop later."""

    def __init__(self) -> None:
        super().__init__()
        self.other: Pipe | None = None
        self.protocol: asyncio.Protocol | None = None
        self._closing = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._closing and self.other is not None:
            asyncio.get_running_loop().call_soon(self.other.receive, bytes(data))

    def receive(self, data: bytes) -> None:
        if not self._closing and self.protocol is not None:
            self.protocol.data_received(data)

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            loop = asyncio.get_running_loop()
            for side in (self, self.other):
                if side is not None:
                    loop.call_soon(side.lost)

    abort = close

    def lost(self) -> None:
        if self.protocol is not None:
            protocol, self.protocol, self._closing = self.protocol, None, True
            protocol.connection_lost(None)


def join(one: asyncio.Protocol, other: asyncio.Protocol) -> None:
    """Connect two protocols in memory."""
    here, there = Pipe(), Pipe()
    here.other, there.other = there, here
    here.protocol, there.protocol = one, other
    one.connection_made(here)
    other.connection_made(there)
