"""A server that takes mail as badly as servers do, and keeps a log of what it took: `python -m tests.kill.sink`.

It answers 4xx and 5xx at every place where it may, hangs at the end of a message and leaves, leaves in the middle of
anything, sends half an answer. The law: what it answers 250 to is in the log, with fsync, before the first byte of that
answer leaves; nothing else is. While a file `calm` is in its folder it is polite.
"""

import asyncio
import contextlib
import json
import os
import random
import re
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.load.messages import is_sent_on, token_of

HOST: Final = "127.0.0.1"
LOG: Final = "taken"
CALM: Final = "calm"
READY: Final = "ready"  # appears when it listens
LINE_BYTES_MAX: Final = 1 << 20
HANG_S: Final = (0.5, 4.0)
SILENT_S_MAX: Final = 120.0
LEAVE_SHARE: Final = 0.012  # of commands, and of answers, at which it leaves
HANG_SHARE: Final = 0.02  # of messages
LATER_SHARES: Final = {"mail": 0.06, "rcpt": 0.10, "data": 0.05, "end": 0.14}  # together 30 % of messages
NEVER_SHARES: Final = {"rcpt": 0.025, "end": 0.025}
HALF_SHARE: Final = 0.01  # of messages, which get half of a 250
CLOSING_SHARE: Final = 0.05  # of messages after whose 250 it closes, in order
CHUNKING_SHARE: Final = 0.5  # of connections
_PATH: Final = re.compile(rb"<([^>]*)>")


class Left(Exception):
    """It has had enough of this connection."""


class Log:
    """What was taken, one JSON object a line."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._count = 0

    def taken(self, token: str, recipients: Iterable[str], *, whole: bool, since: float) -> int:
        """Durable on return; its number. `since`: when the connection began."""
        self._count += 1
        entry = {"n": self._count, "token": token, "to": [*recipients], "whole": whole, "since": since}
        self._write(entry | {"at": time.monotonic()})
        os.fsync(self._file.fileno())
        return self._count

    def heard(self, number: int) -> None:
        """The client has said something more after that 250."""
        self._write({"n": number, "heard": time.monotonic()})

    def _write(self, entry: dict[str, Any]) -> None:
        self._file.write(json.dumps(entry).encode() + b"\n")


@dataclass
class Session:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    log: Log
    dice: random.Random
    folder: Path
    since: float = field(default_factory=time.monotonic)
    recipients: list[str] = field(default_factory=list)
    in_mail: bool = False
    chunks: bytearray = field(default_factory=bytearray)
    unheard: int = 0  # the number of the message whose 250 is the last that was said

    @property
    def calm(self) -> bool:
        """Whether to be polite."""
        return (self.folder / CALM).exists()

    def happens(self, share: float) -> bool:
        """Whether something bad does."""
        return not self.calm and self.dice.random() < share

    async def run(self) -> None:
        """Until either leaves."""
        await self.say(b"220 sink.test ESMTP")
        while True:
            line = await self.line()
            verb = line[:4].upper()
            if verb == b"QUIT":
                await self.say(b"221 2.0.0 bye")
                return
            await self.command(verb, line)

    async def command(self, verb: bytes, line: bytes) -> None:
        """Do what it asks, or not."""
        match verb:
            case b"EHLO":
                self.reset()
                await self.say(*self.offers())
            case b"RSET":
                self.reset()
                await self.say(b"250 2.0.0 ok")
            case b"NOOP":
                await self.say(b"250 2.0.0 ok")
            case b"MAIL":
                await self.mail()
            case b"RCPT":
                await self.rcpt(line)
            case b"DATA":
                await self.data()
            case b"BDAT":
                await self.bdat(line)
            case _:
                await self.say(b"502 5.5.1 not here")

    def offers(self) -> list[bytes]:
        """Half of the connections have CHUNKING."""
        offered = [b"PIPELINING", b"8BITMIME", b"SMTPUTF8", b"ENHANCEDSTATUSCODES", b"DSN", b"SIZE 50000000"]
        if self.dice.random() < CHUNKING_SHARE:
            offered.append(b"CHUNKING")
        names = [b"sink.test", *offered]
        return [b"250-%b" % name for name in names[:-1]] + [b"250 %b" % names[-1]]

    async def mail(self) -> None:
        """A transaction begins."""
        self.reset()
        if self.happens(LATER_SHARES["mail"]):
            await self.say(b"451 4.3.0 not now, said at MAIL")
        else:
            self.in_mail = True
            await self.say(b"250 2.1.0 ok")

    async def rcpt(self, line: bytes) -> None:
        """A recipient."""
        found = _PATH.search(line)
        if not self.in_mail or found is None:
            await self.say(b"503 5.5.1 MAIL first")
        elif self.happens(NEVER_SHARES["rcpt"]):
            await self.say(b"550 5.1.1 nobody of that name, said at RCPT")
        elif self.happens(LATER_SHARES["rcpt"]):
            await self.say(b"450 4.2.1 not now, said at RCPT")
        else:
            self.recipients.append(found[1].decode())
            await self.say(b"250 2.1.5 ok")

    async def data(self) -> None:
        """Its text, with dots."""
        if not self.recipients:
            await self.say(b"503 5.5.1 RCPT first")
        elif self.happens(LATER_SHARES["data"]):
            await self.say(b"451 4.3.0 not now, said at DATA")
        else:
            await self.say(b"354 go on")
            lines: list[bytes] = []
            while (line := await self.read(self.reader.readuntil(b"\r\n"))) != b".\r\n":
                lines.append(line.removeprefix(b"."))
            await self.end(b"".join(lines))

    async def bdat(self, line: bytes) -> None:
        """Its text, counted (RFC 3030). What is refused is read all the same."""
        words = line.split()
        self.chunks += await self.read(self.reader.readexactly(int(words[1])))
        if not self.recipients:
            self.chunks.clear()
            await self.say(b"503 5.5.1 RCPT first")
        elif words[-1].upper() == b"LAST":
            await self.end(bytes(self.chunks))
        else:
            await self.say(b"250 2.0.0 more")

    async def end(self, text: bytes) -> None:
        """Take the message, or one of many ways not to."""
        recipients = self.recipients
        self.reset()
        if self.happens(HANG_SHARE):
            await asyncio.sleep(self.dice.uniform(*HANG_S))
            raise Left
        if self.happens(LATER_SHARES["end"]):
            await self.say(b"451 4.3.0 not now, said at the end")
        elif self.happens(NEVER_SHARES["end"]):
            await self.say(b"554 5.6.0 never, said at the end")
        elif self.happens(HALF_SHARE):
            self.writer.write(b"250-2.0.0 all of it\r\n250 2.")
            await self.writer.drain()
            raise Left
        else:
            await self.take(text, recipients)

    async def take(self, text: bytes, recipients: list[str]) -> None:
        """The one place where it says 250 to a message."""
        token = token_of(text)
        self.unheard = self.log.taken(
            token, recipients, whole=bool(token) and is_sent_on(text, token), since=self.since
        )
        self.writer.write(b"250 2.0.0 taken\r\n")
        await self.writer.drain()
        if self.happens(CLOSING_SHARE):
            self.writer.write_eof()  # and read on: a socket closed with something unread would take the 250 back
            while await self.read(self.reader.read(LINE_BYTES_MAX)):
                pass
            raise Left

    async def say(self, *lines: bytes) -> None:
        """An answer."""
        if self.happens(LEAVE_SHARE):
            raise Left
        self.writer.write(b"\r\n".join(lines) + b"\r\n")
        await self.writer.drain()

    async def line(self) -> bytes:
        """A command."""
        line = await self.read(self.reader.readuntil(b"\r\n"))
        if self.unheard:
            self.log.heard(self.unheard)
            self.unheard = 0
        elif self.happens(LEAVE_SHARE):
            raise Left
        return line

    async def read(self, reading: Any) -> bytes:
        """What comes in time."""
        async with asyncio.timeout(SILENT_S_MAX):
            return bytes(await reading)

    def reset(self) -> None:
        """No transaction."""
        self.recipients, self.in_mail = [], False
        self.chunks.clear()


async def serve(folder: Path, port: int, seed: int) -> None:
    """For ever."""
    log, dice = Log(folder / LOG), random.Random(seed)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(Left, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            await Session(reader, writer, log, dice, folder).run()
        writer.close()

    server = await asyncio.start_server(connected, HOST, port, limit=LINE_BYTES_MAX, backlog=1000)
    (folder / READY).touch()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
