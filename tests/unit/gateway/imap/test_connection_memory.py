"""What one connection can make the gateway hold, measured: never twice its limits, whatever it sends or does not read.

All memory that Python gives out is counted (tracemalloc), at its peak, from the first octet of an attack on; what the
client has not read is counted too, as the transport would hold it. The limits are those of ops/docs/limits.md.
"""

import asyncio
import gc
import tracemalloc
import zlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.access.connection import READ_AHEAD_BYTES, READ_BYTES, STRANGER_BYTES, STRANGER_UNREAD_BYTES
from gateway.imap.connection import Connection
from mail.imap.limits import BEFORE_LOGIN
from tests.unit.gateway.imap.world import Client, Pipe, World, message

MESSAGE_BYTES = 1024 * 1024
COMMAND_BYTES = 64 * 1024
UNREAD_BYTES = 128 * 1024
TOGETHER_BYTES = 512 * 1024  # answers made at once
STRANGER_MAX = BEFORE_LOGIN.line_max_bytes + BEFORE_LOGIN.literal_max_bytes + 2 * STRANGER_BYTES + STRANGER_UNREAD_BYTES
CLIENT_MAX = MESSAGE_BYTES + COMMAND_BYTES + READ_AHEAD_BYTES + READ_BYTES + UNREAD_BYTES + TOGETHER_BYTES
OBJECTS_BYTES = 16 * 1024  # what a connection is made of, and what a command leaves in counters and caches
SENT_BYTES = 128 * 1024  # of each attack, at most


class Slow(Pipe):
    """A client that reads nothing: its transport says so as real ones do."""

    high = 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high or 0

    def write_out(self, data: bytes | bytearray | memoryview) -> None:
        self.received += data
        self.news.set()
        if tracemalloc.is_tracing():
            gc.collect()  # which empties Python's lists of free objects, that nobody holds
        if len(self.received) > self.high and not self.closed:
            assert isinstance(self.protocol, Connection)
            if not self.protocol.clogged:
                self.protocol.pause_writing()


class Rude(Client):
    """Sends as a network would: no more at once than there is room for, and nothing while it is not read."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.deflating: Any = None
        self.pipe = Slow()
        self.pipe.protocol = connection
        connection.connection_made(self.pipe)

    async def attack(self, data: bytes, step: int) -> None:
        """All of it, or until the server does not read or has closed."""
        view = memoryview(data)
        for _ in range(len(data)):
            if not view or self.pipe.closed:
                return
            for _ in range(200):
                if not self.pipe.paused:
                    break
                await asyncio.sleep(0)
            else:
                return
            room = self.connection.get_buffer(-1)
            count = min(len(room), len(view), step)
            room[:count] = view[:count]
            self.connection.buffer_updated(count)
            view = view[count:]
            await asyncio.sleep(0)


async def rude(world: World, login: str = "") -> Rude:
    world.log.lines = deque[Any](maxlen=1)  # type: ignore[assignment]  # a log keeps nothing in memory
    client = Rude(Connection(world.server, world.services, "rude", secure=False))
    assert (await client.line()).startswith(b"* OK")
    if login:
        await client.ok(f"LOGIN {login} demo")
    return client


async def grown(work: Callable[[], Awaitable[object]]) -> int:
    """By how much memory grew, at its peak, while this was done and all that follows from it."""
    gc.collect()
    gc.freeze()  # so that collecting takes no time
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        await work()
        for _ in range(50):
            await asyncio.sleep(0)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
        gc.unfreeze()


WORDS = {
    "a tag without an end": b"x" * SENT_BYTES,
    "lines without sense": b"x" * 200 + b"\r\n",
    "long tags": b"x" * 120 + b" NOOP\r\n",
    "too long tags": b"x" * 129 + b" NOOP\r\n",
    "a command without an end": b"a LIST " + b"x" * SENT_BYTES,
    "half a command": b"a LOGIN x",
    "half a literal": b"a LOGIN {4000}\r\nx",
    "parentheses": b"a SEARCH " + b"(" * 7000 + b"\r\n",
    "NOT NOT NOT": b"a SEARCH " + b"NOT " * 1900 + b"ALL\r\n",
    "no operations": b"a NOOP\r\n",
    "capabilities": b"a CAPABILITY\r\n",
    "an absurd literal": b"a LOGIN {99999999999999999999999+}\r\n" + b"x" * SENT_BYTES,
    "a large literal": b"a LOGIN {60000+}\r\n" + b"x" * 60_000 + b" {60000+}\r\n" + b"x" * SENT_BYTES,
    "literals of nothing": b"a LOGIN" + b" {0+}\r\n" * 5000,
    "literals of one octet": b"a LOGIN" + b" {1+}\r\nx" * 5000,
    "literals of an APPEND": b"a APPEND x" + b" {0+}\r\n" * 5000,
    "literals that wait": b"a LOGIN {10}\r\n" * 5000,
    "an APPEND": b"a APPEND INBOX {60000+}\r\n" + b"x" * SENT_BYTES,
    "logins": b"a LOGIN nobody wrong\r\n",
    "a login and more": b"a LOGIN nobody wrong\r\n" + b"x" * SENT_BYTES,
    "authentications": b"a AUTHENTICATE PLAIN\r\nAAAA\r\n",
    "an authentication": b"a AUTHENTICATE PLAIN\r\n" + b"A" * SENT_BYTES,
    "identities": b'a ID ("name" "' + b"x" * 7000 + b'")\r\n',
    "nothing": b"\r\n",
    "octets": bytes(range(256)) * 100,
}


def repeated(words: bytes) -> bytes:
    return (words * (SENT_BYTES // len(words) + 1))[:SENT_BYTES]


@pytest.fixture(autouse=True)
def hosting() -> None:
    """The shard beside the gateway: it makes no difference here."""


@pytest.mark.parametrize("name", WORDS)
async def test_a_stranger_holds_less_than_twice_its_limits(name: str) -> None:
    async with World(login_failures_max=1000) as world:
        data, step = repeated(WORDS[name]), 1 << 20 if len(name) % 2 else 333
        await (await rude(world)).attack(data[: SENT_BYTES // 4], step)  # for the caches
        client = await rude(world)
        held = await grown(lambda: client.attack(data, step))
        assert held < 2 * STRANGER_MAX + OBJECTS_BYTES, held


async def test_a_stranger_whose_password_is_being_checked_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check takes its time, and what comes meanwhile stays with the client."""
    async with World() as world:
        checking = asyncio.Event()

        async def slowly(_login: str, _password: str) -> Any:
            await checking.wait()

        monkeypatch.setattr(world.services.directory, "verify", slowly)
        data = b"a LOGIN alice demo\r\n" + b"b NOOP\r\n" * (SENT_BYTES // 8)
        client = await rude(world)
        held = await grown(lambda: client.attack(data, 1 << 20))
        assert client.pipe.paused
        assert held < 2 * STRANGER_MAX + OBJECTS_BYTES, held
        checking.set()


COMMANDS = {
    **{name: words for name, words in WORDS.items() if name not in {"logins", "authentications", "an authentication"}},
    "an upload that stops": b"a APPEND INBOX {%d+}\r\n" % MESSAGE_BYTES + b"x" * (MESSAGE_BYTES - 1),
    "an upload that is too large": b"a APPEND INBOX {%d+}\r\n" % (MESSAGE_BYTES + 1) + b"x" * MESSAGE_BYTES,
    "uploads in one command": b"a APPEND INBOX" + b" {1000+}\r\n" * 2000,
    "literals of a SEARCH": b"a SEARCH" + (b" TEXT {1000+}\r\n" + b"x" * 1000) * 500,
    "sequence sets": b"a FETCH " + b"1:*," * 12_000 + b"1 UID\r\n",
    "many items": b"a FETCH 1:* (" + b" ".join(b"BODY.PEEK[]<%d.9999>" % at for at in range(900)) + b")\r\n",
    "everything": b"a FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE BODY.PEEK[])\r\n",
    "envelopes": b"a FETCH 1:* ENVELOPE\r\n",
    "the largest": b"a FETCH 1 (BODY.PEEK[] RFC822 BODY.PEEK[TEXT])\r\n",
    "mailboxes": b'a LIST "" *\r\n',
    "searches": b"a UID SEARCH ALL\r\n",
    "stores": b"a STORE 1:* +FLAGS (\\Seen)\r\na STORE 1:* -FLAGS (\\Seen)\r\n",
    "selections": b"a SELECT INBOX\r\na EXAMINE INBOX\r\n",
    "copies that are refused": b"a COPY 1:* nowhere\r\n",
    "idling": b"a IDLE\r\nDONE\r\n",
    "decoded parts": b"a FETCH 1 (BINARY.PEEK[1] BINARY.PEEK[1] BINARY.SIZE[1])\r\n",
    "previews": b"a FETCH 1:* (PREVIEW EMAILID THREADID SAVEDATE MODSEQ)\r\n",
    "sorts": b"a UID SORT (SUBJECT FROM SIZE) UTF-8 ALL\r\n",
    "threads": b"a UID THREAD REFERENCES UTF-8 ALL\r\n",
    "contexts": b"".join(b"a%d SEARCH RETURN (CONTEXT UPDATE COUNT ALL) ALL\r\n" % at for at in range(2000)),
    "saved": b"a SEARCH RETURN (SAVE ALL) ALL\r\na FETCH $ UID\r\n",
    "notifications": b"a NOTIFY SET STATUS (personal (MessageNew MessageExpunge FlagChange MailboxName))\r\n",
    "mailboxes with their counts": b'a LIST "" * RETURN (STATUS (MESSAGES UNSEEN SIZE) SUBSCRIBED CHILDREN)\r\n',
    "searches everywhere": b"a ESEARCH IN (personal) RETURN (ALL) ALL\r\n",
    "annotations": b"a SETMETADATA INBOX (/private/comment {1000+}\r\n" + b"x" * 1000 + b")\r\n",
    "resynchronisation": b"a SELECT INBOX (QRESYNC (1 1))\r\n",
    "many commands that fail": b"a FETCH 99999 UID\r\nb NOOP\r\n",
}


@pytest.fixture
async def full() -> Any:
    """A mailbox with one message of the largest size, some with large envelopes, and many mailboxes."""
    async with World(message_bytes_max=MESSAGE_BYTES, write_buffer_bytes=UNREAD_BYTES) as world:
        await world.deliver(message("large", "y" * (MESSAGE_BYTES - 1000)))
        for number in range(20):
            addresses = ",\r\n ".join(f'"{"n" * 60}" <a{at}@{"x" * 60}.example.test>' for at in range(400))
            await world.deliver(f"To: {addresses}\r\nSubject: many {number}\r\n\r\nHello.\r\n".encode())
        for number in range(300):
            await world.mail.create(11, f"{'m' * 100}{number}")
        yield world


@pytest.mark.parametrize("name", COMMANDS)
async def test_a_client_that_reads_nothing_holds_less_than_twice_its_limits(full: World, name: str) -> None:
    data = repeated(COMMANDS[name])
    if name in {"an upload that stops", "an upload that is too large"}:
        data = COMMANDS[name]
    client = await rude(full, "alice")
    await client.ok("SELECT INBOX")
    held = await grown(lambda: client.attack(data, 1 << 20))
    assert held < 2 * CLIENT_MAX + OBJECTS_BYTES, held


async def test_a_bomb_bursts_bit_by_bit(full: World) -> None:
    """RFC 4978: a thousand octets that would be a million, again and again."""
    client = await rude(full, "alice")
    await client.ok("COMPRESS DEFLATE")
    deflating = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = deflating.compress(b"a LIST " + b"x" * 100_000_000 + b"\r\n") + deflating.flush(zlib.Z_SYNC_FLUSH)

    async def burst() -> None:
        for start in range(0, len(bomb), READ_BYTES):
            client.send_as_it_is(bomb[start : start + READ_BYTES])
            for _ in range(100):
                await asyncio.sleep(0)

    held = await grown(burst)
    assert held < 2 * CLIENT_MAX + OBJECTS_BYTES, held


async def test_who_idles_and_does_not_read_is_not_told_more(full: World) -> None:
    client = await rude(full, "alice")
    await client.ok("SELECT INBOX")
    client.send(b"a IDLE\r\n")
    assert await client.line() == b"+ idling"
    changing = await full.connect("alice")
    await changing.ok("SELECT INBOX")

    async def change() -> None:
        for number in range(300):
            await changing.ok(f"STORE 1:* {'+-'[number % 2]}FLAGS (\\Flagged)")

    before = len(client.pipe.received)
    await change()
    assert client.connection.clogged
    assert len(client.pipe.received) - before < 2 * UNREAD_BYTES


async def test_looking_at_a_mailbox_costs_nothing_for_each_message() -> None:
    r"""\Recent is all of it, for everybody who looks (RFC 3501 6.3.2); the columns are shared."""
    async with World() as world:
        for number in range(500):
            await world.deliver(message(f"m{number}"))
        first = await world.connect("alice")
        await first.ok("EXAMINE INBOX")
        clients = [await world.connect("alice") for _ in range(20)]

        async def look() -> None:
            for client in clients:
                assert b"* 500 RECENT" in await client.ok("EXAMINE INBOX")

        assert await grown(look) < 20 * 4096
