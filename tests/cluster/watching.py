"""IDLE clients: each holds what its server told it of a mailbox, to be held against what is there.

The law: a watcher knows only what it was told. One whose connection breaks comes back, to any gateway, and begins anew.
"""

import asyncio
import re
import time
from contextlib import suppress
from typing import Final

from tests.load.clients import Load
from tests.load.ledger import Broken
from tests.load.wire import Imap

_COUNT: Final = re.compile(rb"\* (\d+) (EXISTS|EXPUNGE)\r\n")
COME_BACK_S: Final = 0.1


class Watcher:
    """One client that idles in one mailbox."""

    def __init__(self, login: str, mailbox: str) -> None:
        self.login = login
        self.mailbox = mailbox
        self.count = -1  # messages, as told; -1: not connected
        self.heard_at = 0.0  # the last time it was told of a message, on time.monotonic
        self.begun = 0  # how often it had to begin

    async def watch(self, load: Load) -> None:
        """Until the load is over. Raises Broken."""
        while not load.is_over:
            with suppress(ConnectionError, OSError):
                async with load.mailboxes_of(self.login) as imap:
                    await self._idle(load, imap)
            self.count = -1
            if not load.is_over:
                await asyncio.sleep(COME_BACK_S)

    async def _idle(self, load: Load, imap: Imap) -> None:
        opened = await imap.done(f"SELECT {self.mailbox}")
        self.count = opened.number(rb"\* (\d+) EXISTS")
        self.begun += 1
        await imap.wire.send(b"i IDLE\r\n")
        while not load.is_over:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.2):  # cancelled only while nothing is there: see StreamReader.readuntil
                    self.take(await imap.wire.line())

    def take(self, line: bytes) -> None:
        """What the server tells. Raises Broken."""
        if line.startswith(b"* BYE"):
            raise ConnectionResetError
        found = _COUNT.fullmatch(line)
        if not found:
            return
        number = int(found[1])
        if found[2] == b"EXISTS":
            if number < self.count:
                raise Broken(f"an IDLE client of {self.login} was told of {number} messages while it had {self.count}")
            self.count = number
            self.heard_at = time.monotonic()
            return
        if not 0 < number <= self.count:
            raise Broken(f"an IDLE client of {self.login} with {self.count} messages was told to expunge {number}")
        self.count -= 1
