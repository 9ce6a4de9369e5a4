"""Work for servers: deliveries over SMTP and commands over IMAP, many at a time, each answer waited for.

The law: what is sent is made before the clock starts, and whatever is answered but OK is an error.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from ops.bench import texts
from ops.bench.imap import append
from ops.bench.peers import HOST, address
from ops.bench.wire import Swift

SESSIONS: Final = 20
MESSAGE_BYTES: Final = 4096
TARGET: Final = "Sent"  # what commands read is what APPEND put there


class Command(NamedTuple):
    """A row of the table: a client sends the variants in turns, so that each STORE changes something."""

    what: str
    variants: Sequence[bytes]


def commands() -> list[Command]:
    """In this order: the later ones read what APPEND has written."""
    content = texts.letter(1, address(0), MESSAGE_BYTES, texts.noise())
    return [
        Command("APPEND 4 kB", [append(TARGET, content)]),
        Command("STATUS", [b"STATUS INBOX (MESSAGES UNSEEN UIDNEXT)\r\n"]),
        Command("SELECT", [b"SELECT %s\r\n" % TARGET.encode()]),
        Command("STORE a flag", [b"STORE 1 %cFLAGS (\\Flagged)\r\n" % sign for sign in b"+-"]),
        Command("FETCH an envelope", [b"FETCH 1 (UID FLAGS ENVELOPE)\r\n"]),
    ]


def letters(accounts: Sequence[int]) -> list[tuple[int, bytes]]:
    """A message for each."""
    pool = texts.noise()
    return [
        (account, texts.letter(number, address(account), MESSAGE_BYTES, pool))
        for number, account in enumerate(accounts)
    ]


async def deliver(port: int, sent: Sequence[tuple[int, bytes]], sessions: int = SESSIONS) -> None:
    """Each message to its account, in so many sessions at a time. Raises RuntimeError when one is refused."""
    waiting = iter(sent)

    async def session() -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        try:
            await _replies(reader, 1)
            writer.write(b"EHLO bench.test\r\n")
            await _replies(reader, 1)
            for account, content in waiting:
                envelope = b"MAIL FROM:<a@bench.test>\r\nRCPT TO:<%b>\r\n" % address(account).encode()
                writer.write(b"%bBDAT %d LAST\r\n%b" % (envelope, len(content), content))
                await _replies(reader, 3)
        finally:
            writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(sessions):
            group.create_task(session())


async def log_in(port: int, accounts: Sequence[int]) -> list[Swift]:
    """A client for each."""
    return [await Swift.open(port, account) for account in accounts]


async def repeat(clients: Sequence[Swift], command: Command, times: int) -> None:
    """Each client so often, all at once."""

    async def one(client: Swift) -> None:
        for turn in range(times):
            await client.command(command.variants[turn % len(command.variants)])

    async with asyncio.TaskGroup() as group:
        for client in clients:
            group.create_task(one(client))


async def _replies(reader: asyncio.StreamReader, count: int) -> None:
    while count:
        line = await reader.readline()
        if line[:1] != b"2":
            raise RuntimeError(f"SMTP answered {line!r}")
        count -= line[3:4] == b" "
