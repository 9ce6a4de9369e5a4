"""A whole IMAP server in one event loop without a socket: the real mailbox client and shard on the memory store.

`World.connect` gives a client whose bytes go straight into a connection and whose answers are lines to await.
"""

import asyncio
import random
import re
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from concurrent.futures import Executor, Future
from typing import Any, Self, cast

from prometheus_client import CollectorRegistry

from actors.directory.types import Group
from actors.mailbox.client import MailboxClient, Message
from actors.mailbox.metrics import ShardMetrics
from actors.mailbox.shard import Shard
from actors.mailbox.types import Quota
from actors.mailbox.views import Directing
from actors.throttle.memory import MemoryTallies
from cluster.blobs.memory import MemoryBlobs
from cluster.clock import ManualClock
from cluster.meta.memory import MemoryStore
from cluster.placement.claims import Alone
from gateway.access import connection as access
from gateway.access.finding.indexes import Indexes
from gateway.imap.connection import Connection
from gateway.imap.metrics import Metrics
from gateway.imap.parts import Services
from gateway.imap.server import ImapServer
from gateway.imap.session import Session
from gateway.imap.settings import ImapSettings
from gateway.logins import CountedLogins, LoginSettings
from mail import sasl
from tests.strict import responses
from tests.strict.stream import split
from tests.unit.actors.mailbox.far import Way

ANSWER_S = 30.0  # a test that waits longer for a line has failed; a busy machine may stand still for seconds
ALICE = 11
BOB = 12
CAROL = 13
TEAM = 14
PASSWORD = "demo"
_SALT = b"0123456789abcdef"


class SilentLog:
    """Keeps events for the test to look at."""

    def __init__(self, lines: list[dict[str, object]] | None = None, **bound: object) -> None:
        self.lines = lines if lines is not None else []
        self._bound = bound

    def bind(self, **values: object) -> "SilentLog":
        return SilentLog(self.lines, **self._bound, **values)

    def info(self, event: str, **values: object) -> None:
        self.lines.append({"event": event, **self._bound, **values})

    warning = info


class Person:
    """A principal, and an account as others may know it."""

    def __init__(self, account: int, login: str, *, shared: bool = False, administrator: bool = False) -> None:
        self.account = self.id = account
        self.login = login
        self.addresses = (login,)
        self.shared = shared
        self.administrator = administrator
        self.quota_bytes = 0
        self.quota_messages = 0
        self.credential = f"password of {login}"
        self.until_ms = 0


class People:
    """A directory of alice, bob and carol, whose password is `demo` and whose tokens are `token.of.NAME`; of `team`, a
    shared account, and of the group `staff`, in which bob is. carol is an administrator."""

    def __init__(self) -> None:
        people = [
            Person(ALICE, "alice"),
            Person(BOB, "bob"),
            Person(CAROL, "carol", administrator=True),
            Person(TEAM, "team", shared=True),
        ]
        self.accounts = {one.login: one for one in people}
        self.people = {one.login: one for one in people if not one.shared}
        self.members = {"staff": {BOB}}
        self.takes_tokens = True
        self.revoked: set[str] = set()

    def token_help(self, service: str) -> tuple[str, str]:
        return service, ""

    async def verify(self, login: str, password: str, service: str = "") -> Person | None:
        return self.people.get(login) if password == PASSWORD else None

    async def stands(self, number: int, credential: str) -> bool:
        return any(one.id == number for one in self.people.values()) and credential not in self.revoked

    async def principal(self, login: str, credential: str = "") -> Person | None:
        return self.people.get(login)

    async def token(self, login: str, token: str, service: str = "") -> Person | None:
        name = token.removeprefix("token.of.")
        return self.people.get(name) if token != name and login in {"", name} else None

    async def named(self, login: str) -> Person | None:
        return self.accounts.get(login)

    async def account_with(self, number: int) -> Person | None:
        return next((one for one in self.accounts.values() if one.id == number), None)

    async def group_named(self, address: str) -> str | None:
        return address if address in self.members else None

    async def groups(self, account: int) -> tuple[str, ...]:
        return tuple(name for name, members in self.members.items() if account in members)

    async def group(self, address: str) -> Group | None:
        return Group(address, (), address.title()) if address in self.members else None

    async def version(self) -> str:
        return repr((sorted(self.accounts), self.members))

    async def neighbours(self, domains: Collection[str] | None, *, limit: int) -> list[Person | Group]:
        groups = [Group(address, (), address.title()) for address in self.members]
        everybody: list[tuple[str, Person | Group]] = [(one.login, one) for one in self.accounts.values()]
        everybody += [(one.address, one) for one in groups]
        chosen = [one for address, one in everybody if domains is None or address.partition("@")[2] in domains]
        return chosen[:limit]

    async def accounts_of_group(self, address: str) -> list[int]:
        return sorted(self.members.get(address, ()))

    async def set_quota(
        self, login: str, *, quota_bytes: int | None = None, quota_messages: int | None = None
    ) -> Person:
        person = self.accounts[login]
        person.quota_bytes = person.quota_bytes if quota_bytes is None else quota_bytes
        person.quota_messages = person.quota_messages if quota_messages is None else quota_messages
        return person

    async def scram(self, login: str, service: str = "") -> sasl.ScramKeys | None:
        return sasl.derive_scram(PASSWORD, _SALT, 4096) if login in self.people else None


class Inline(Executor):
    """Threads that are none."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


class Only:
    """All accounts are on one shard."""

    def __init__(self, shard: Shard) -> None:
        self.shard = shard

    def shard_of(self, account: int) -> Shard:
        return self.shard


class Counting(MailboxClient):
    """Counts what is read (`read` messages' records, `opened` contents), and lets things happen before it."""

    read = 0
    opened = 0
    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def messages(self, account: int, emails: Sequence[int]) -> list[Message | None]:
        self.read += len(emails)
        if self.meanwhile is not None:
            await self.meanwhile()
        return await super().messages(account, emails)

    async def content(self, message: Message) -> bytes:
        self.opened += 1
        return await super().content(message)


class Pipe(asyncio.Transport):
    """A transport whose other end is the test."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 1)})
        self.received = bytearray()
        self.said = bytearray()  # all that ever came
        self.closed = False
        self.paused = False
        self.news = asyncio.Event()
        self.protocol: asyncio.BaseProtocol | None = None
        self.inflating: Any = None  # what the server deflates

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self.protocol is not None
        return self.protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.write_out(data if self.inflating is None else self.inflating.decompress(data))

    def write_out(self, data: bytes | bytearray | memoryview) -> None:
        """What the client understands."""
        self.received += data
        self.said += data
        self.news.set()

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.news.set()
            asyncio.get_running_loop().call_soon(cast("asyncio.BaseProtocol", self.protocol).connection_lost, None)

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


class Client:
    """The other end of one connection."""

    def __init__(self, connection: access.Connection) -> None:
        self.connection = connection
        self.deflating: Any = None
        self.pipe = Pipe()
        self.pipe.protocol = connection
        connection.connection_made(self.pipe)

    def send(self, data: bytes) -> None:
        """Bytes to the server."""
        if self.deflating is not None:
            data = self.deflating.compress(data) + self.deflating.flush(zlib.Z_SYNC_FLUSH)
        self.send_as_it_is(data)

    def send_as_it_is(self, data: bytes) -> None:
        """Bytes to the server that are compressed already, if they should be."""
        cast("Connection", self.pipe.protocol).data_received(data)

    def compress(self) -> None:
        """From here both ends compress (RFC 4978)."""
        self.deflating = zlib.compressobj(6, zlib.DEFLATED, -15)
        self.pipe.inflating = zlib.decompressobj(-15)
        early, self.pipe.received = bytes(self.pipe.received), bytearray()
        self.pipe.said = self.pipe.said.removesuffix(early)
        self.pipe.write_out(self.pipe.inflating.decompress(early))

    def expand(self) -> None:
        """From here nothing is compressed."""
        self.deflating = self.pipe.inflating = None

    async def line(self) -> bytes:
        """The server's next line, without CRLF; b"" when it has closed."""
        while b"\r\n" not in self.pipe.received:
            if self.pipe.closed:
                return b""
            self.pipe.news.clear()
            try:
                await asyncio.wait_for(self.pipe.news.wait(), ANSWER_S)
            except TimeoutError:
                raise AssertionError(f"no line came; {bytes(self.pipe.received)!r} did") from None
        line, _, rest = bytes(self.pipe.received).partition(b"\r\n")
        self.pipe.received[:] = rest
        return line

    async def lines(self) -> AsyncIterator[bytes]:
        """All that comes until the server closes."""
        while line := await self.line():
            yield line

    async def command(self, text: str | bytes) -> list[bytes]:
        """Send a command with a tag of its own; every line up to its tagged answer, which is the last."""
        data = text.encode() if isinstance(text, str) else text
        self.send(b"t " + data + b"\r\n")
        lines: list[bytes] = []
        while not lines or not lines[-1].startswith(b"t "):
            lines.append(await self.line())
            assert lines[-1] or not self.pipe.closed, f"closed after {lines}"
        return lines

    async def ok(self, text: str | bytes) -> list[bytes]:
        """As `command`, which must succeed."""
        lines = await self.command(text)
        assert lines[-1].startswith(b"t OK"), lines[-1]
        return lines

    @property
    def session(self) -> Session:
        """What the server remembers of this client."""
        return cast("Session", self.connection._session)

    def check_grammar(self) -> None:
        """Whatever the server said to this client must be in the grammar, octet for octet; until it compressed it."""
        for text in split(bytes(self.pipe.said), cut_off=self.pipe.closed):
            response = responses.read(text, utf8=self.session.utf8)
            if response.tag and b"DEFLATE begins" in text:
                return

    async def quiet(self) -> bool:
        """Whether the server has nothing more to say, when all it has begun is done."""
        for _ in range(20):
            await asyncio.sleep(0)
        return not self.pipe.received


class World:
    """The server and what it stands on. `far`: the shard is across the data plane."""

    far = False
    indexes: Indexes | None = None
    login_settings = LoginSettings()
    people_type = People

    def __init__(self, **settings: Any) -> None:
        self.clock = ManualClock()
        self.log = SilentLog()
        self.store = MemoryStore()
        self._way: Way | None = None
        self.people = self.people_type()
        metrics = ShardMetrics(CollectorRegistry())
        self.shard = Shard(self.store, self.clock, self._quota_of, metrics, Alone(), 1)
        shards: Directing = Only(self.shard)
        if self.far:
            self._way = Way(self.shard, self.clock)
            shards = self._way.owner
        self.mail = Counting(shards, self.store, MemoryBlobs(clock=self.clock), self.clock, Inline())
        defaults: dict[str, Any] = {"plaintext_login": True, "login_failure_delay_s": 0.0, "drain_s": 1.0}
        self.tallies = MemoryTallies(self.clock)
        counted = CountedLogins(self.login_settings, self.tallies, self.clock, random.Random(2), CollectorRegistry())
        self.services = Services(
            self.mail,
            self.people,
            ImapSettings(**defaults | settings),
            Metrics(CollectorRegistry()),
            self.clock,
            random.Random(1),
            self.log,
            b"a secret of the server",
            counted,
            indexes=self.indexes,
        )
        self.server = ImapServer(self.services)
        self.clients: list[Client] = []

    async def __aenter__(self) -> Self:
        self.loop = asyncio.get_running_loop()
        self.shard.start()
        return self

    async def __aexit__(self, kind: object, *_exc: object) -> None:
        await self.server.close()
        self.mail.close()
        if self._way is not None:
            await self._way.close()
        await self.shard.stop()
        if kind is None:
            for client in self.clients:
                client.check_grammar()

    async def _quota_of(self, account: int) -> Quota:
        person = await self.people.account_with(account)
        return Quota(person.quota_bytes, person.quota_messages) if person is not None else Quota()

    async def connect(self, login: str = "") -> Client:
        """A new client, greeted, and logged in if a name is given."""
        client = Client(Connection(self.server, self.services, f"{len(self.clients):012x}", secure=False))
        self.clients.append(client)
        if login:
            assert (await client.line()).startswith(b"* OK")
            await client.ok(f"LOGIN {login} {PASSWORD}")
        return client

    def lose_views(self) -> None:
        """The gateway loses its links to the shard, where it has any."""
        if self._way is not None:
            self._way.lose()

    async def settle(self) -> None:
        """Return when all views are what the shard has."""
        async with asyncio.timeout(ANSWER_S):
            views = self.mail._views
            # One that was lost while another was made in its place is only among those that are being renewed.
            while views._renewing or any(view.lost for held in views._views.values() for view in held.values()):
                await asyncio.sleep(0)

    async def deliver(self, raw: bytes, account: int = ALICE) -> None:
        """New mail from outside."""
        await self.mail.deliver(account, await self.mail.prepare(raw))


def message(subject: str = "Hello", body: str = "Some text.\r\n", sender: str = "bob@example.test") -> bytes:
    """A small message."""
    word = re.sub("[^a-z0-9]", "", subject.lower())
    return (
        f"From: Bob <{sender}>\r\nTo: alice@example.test\r\nSubject: {subject}\r\n"
        f"Date: Mon, 7 Feb 1994 21:52:25 -0800\r\nMessage-ID: <{word}@example.test>\r\n"
        f"\r\n{body}"
    ).encode()
