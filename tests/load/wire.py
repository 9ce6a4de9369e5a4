"""As much of an SMTP and an IMAP client as the kill tests need: bytes as they are, and nothing is ever sent twice.

The law: an answer counts only when its last byte has come; when the server dies or is silent for SILENT_S_MAX,
ConnectionError leaves.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from tests.load.ledger import Broken, Flags, Found, Later

Address = tuple[str, int]
SILENT_S_MAX: Final = 75.0  # of a server that has three deadlines of 20 s to find an owner
LINE_BYTES_MAX: Final = 1 << 20  # of a reader's buffer
_LITERAL: Final = re.compile(rb"\{(\d+)\}\r\n$")
_ROW: Final = re.compile(rb"\* \d+ FETCH \((.*)\)\r\n$", re.DOTALL)
_APPENDUID: Final = re.compile(rb"APPENDUID \d+ ([\d:,]+)\]")
_COPYUID: Final = re.compile(rb"COPYUID \d+ ([\d:,]+) ([\d:,]+)\]")
_EMAILID: Final = re.compile(rb"EMAILID \(([^)]+)\)")
_FLAGS: Final = re.compile(rb"FLAGS \(([^)]*)\)")
_ITEMS: Final = re.compile(rb"UID (\d+)|RFC822\.SIZE (\d+)|FLAGS \(([^)]*)\)")


class Wire:
    """A connection that gives whole lines."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Bytes to the server."""
        self._writer.write(data)
        await self._writer.drain()

    async def line(self) -> bytes:
        """The next line, with its end. ConnectionError when there is none any more."""
        return await self._read(self._reader.readuntil(b"\n"))

    async def exactly(self, count: int) -> bytes:
        """So many bytes. ConnectionError when they do not come."""
        return await self._read(self._reader.readexactly(count))

    async def _read(self, reading: Coroutine[None, None, bytes]) -> bytes:
        try:
            async with asyncio.timeout(SILENT_S_MAX):
                return await reading
        except asyncio.IncompleteReadError as error:
            raise ConnectionResetError from error
        except TimeoutError as error:
            raise ConnectionAbortedError("silent") from error

    async def reply(self) -> tuple[int, bytes]:
        """An SMTP reply: its code and its last line."""
        while (line := await self.line())[3:4] == b"-":
            pass
        return int(line[:3]), line


@asynccontextmanager
async def connected(address: Address) -> AsyncIterator[Wire]:
    """A connection to the server."""
    host, port = address
    reader, writer = await asyncio.open_connection(host, port, limit=LINE_BYTES_MAX)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


class Answer(NamedTuple):
    """What a command got: untagged responses with their literals taken out, and the tagged line."""

    untagged: list[tuple[bytes, list[bytes]]]
    tagged: bytes

    @property
    def is_ok(self) -> bool:
        """Whether it was done."""
        return b" OK " in self.tagged

    def number(self, pattern: bytes) -> int:
        """The number that a response holds, such as rb"UIDNEXT (\\d+)"."""
        text = b"".join(line for line, _literals in self.untagged) + self.tagged
        found = re.search(pattern, text)
        if not found:
            raise Broken(f"no {pattern!r} in {text[:300]!r}")
        return int(found[1])

    def appended(self, count: int) -> list[int]:
        """The UIDs of so many messages, as APPENDUID tells (RFC 4315 3)."""
        text = b"".join(line for line, _literals in self.untagged) + self.tagged
        found = _APPENDUID.search(text)
        uids = list(numbers(found[1])) if found else []
        if len(uids) != count:
            raise Broken(f"{count} messages were appended: {text[:300]!r}")
        return uids

    def copied(self, uids: Sequence[int]) -> list[int]:
        """The new UID of each of these, as COPYUID tells (RFC 4315 3)."""
        text = b"".join(line for line, _literals in self.untagged) + self.tagged
        found = _COPYUID.search(text)
        if not found:
            raise Broken(f"no COPYUID in {text[:300]!r}")
        pairs = dict(zip(numbers(found[1]), numbers(found[2]), strict=True))
        if set(pairs) != set(uids):
            raise Broken(f"{uids} were copied, COPYUID tells of {sorted(pairs)}")
        return [pairs[uid] for uid in uids]

    def rows(self) -> list[Found]:
        """FETCH responses with UID, RFC822.SIZE and FLAGS."""
        return [_row(line) for line, _literals in self.untagged if _ROW.match(line)]

    def emails(self) -> dict[str, Flags]:
        """FETCH responses with EMAILID and FLAGS: the flags of each, in lower case."""
        found = [(_EMAILID.search(line), _FLAGS.search(line)) for line, _literals in self.untagged]
        pairs = ((number[1], flags[1].lower()) for number, flags in found if number and flags)
        return {number.decode(): frozenset(flags.decode().split()) - {"\\recent"} for number, flags in pairs}

    def bodies(self) -> list[tuple[Found, bytes]]:
        """The same with BODY[]."""
        return [(_row(line), literals[0]) for line, literals in self.untagged if literals]


class Imap:
    """One IMAP session, one command at a time."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._count = 0

    async def run(self, command: str, *more: bytes | str) -> Answer:
        """A command, of which bytes are non-synchronizing literals (RFC 7888)."""
        self._count += 1
        tag = b"k%d" % self._count
        parts = [part.encode() if isinstance(part, str) else b"{%d+}\r\n%b" % (len(part), part) for part in more]
        await self.wire.send(b" ".join((tag, command.encode(), *parts)) + b"\r\n")
        return await self._answer(tag + b" ")

    async def done(self, command: str, *more: bytes | str) -> Answer:
        """A command that must be done. Raises Broken, and Later where the server says that it cannot just now."""
        answer = await self.run(command, *more)
        if b" NO [UNAVAILABLE]" in answer.tagged:
            raise Later(answer.tagged.decode(errors="replace").strip())
        if not answer.is_ok:
            raise Broken(f"{command[:80]}: {answer.tagged!r}")
        return answer

    async def _answer(self, tag: bytes) -> Answer:
        untagged: list[tuple[bytes, list[bytes]]] = []
        while True:
            line, literals = await self._response()
            if line.startswith(tag):
                return Answer(untagged, line)
            untagged.append((line, literals))

    async def _response(self) -> tuple[bytes, list[bytes]]:
        parts, literals = [await self.wire.line()], []
        while found := _LITERAL.search(parts[-1]):
            literals.append(await self.wire.exactly(int(found[1])))
            parts.append(await self.wire.line())
        return b"".join(parts), literals


@asynccontextmanager
async def logged_in(address: Address, login: str, password: str) -> AsyncIterator[Imap]:
    """An IMAP session of a user."""
    async with connected(address) as wire:
        await wire.line()
        imap = Imap(wire)
        await imap.done(f"LOGIN {login} {password}")
        yield imap


def numbers(of: bytes) -> Iterator[int]:
    """Of a set such as 1:3,7."""
    for part in of.split(b","):
        first, _, last = part.partition(b":")
        yield from range(int(first), int(last or first) + 1)


def _row(line: bytes) -> Found:
    uid = size = 0
    flags: Flags = frozenset()
    for item in _ITEMS.finditer(line):
        if item[1]:
            uid = int(item[1])
        elif item[2]:
            size = int(item[2])
        else:
            flags = frozenset(item[3].decode().split()) - {"\\Recent"}
    return Found(uid, size, flags)
