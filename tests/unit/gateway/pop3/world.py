"""The world of the IMAP tests with a POP3 server in it: both on one mailbox shard, without a socket."""

import random
from typing import Any

from prometheus_client import CollectorRegistry

from gateway.pop3.connection import Connection
from gateway.pop3.metrics import Metrics
from gateway.pop3.parts import Services
from gateway.pop3.server import Pop3Server
from gateway.pop3.settings import Pop3Settings
from tests.unit.gateway.imap import world
from tests.unit.gateway.imap.world import PASSWORD, message

__all__ = ["PASSWORD", "Client", "World", "message"]


class Client(world.Client):
    """The other end of one POP3 connection."""

    def check_grammar(self) -> None:
        """IMAP's is not for this client."""

    async def say(self, text: str | bytes) -> bytes:
        """A command, and the first line of its answer."""
        self.send((text.encode() if isinstance(text, str) else text) + b"\r\n")
        return await self.line()

    async def done(self, text: str | bytes) -> bytes:
        """As `say`, which must succeed."""
        answer = await self.say(text)
        assert answer.startswith(b"+OK"), answer
        return answer

    async def all(self, text: str | bytes) -> list[bytes]:
        """The lines of a multi-line answer, which must succeed, without doubled dots and the last."""
        await self.done(text)
        lines: list[bytes] = []
        while (line := await self.line()) != b".":
            assert not self.pipe.closed
            lines.append(line.removeprefix(b"."))
        return lines


class World(world.World):
    """Both servers and what they stand on; the settings are POP3's."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        defaults: dict[str, Any] = {"plaintext_login": True, "login_failure_delay_s": 0.0, "drain_s": 1.0}
        self.pop3 = Services(
            self.mail,
            self.people,
            Pop3Settings(**defaults | settings),
            Metrics(CollectorRegistry()),
            self.clock,
            random.Random(2),
            self.log,
            b"a secret of the server",
            self.services.logins,
        )
        self.pop3_server = Pop3Server(self.pop3)

    async def __aexit__(self, *exc: object) -> None:
        await self.pop3_server.close()
        await super().__aexit__(*exc)

    async def reader(self, login: str = "") -> Client:
        """A new POP3 client, greeted, and logged in if a name is given."""
        client = Client(Connection(self.pop3_server, self.pop3, f"{len(self.clients):012x}", secure=False))
        self.clients.append(client)
        if login:
            assert (await client.line()).startswith(b"+OK")
            await client.done(f"USER {login}")
            await client.done(f"PASS {PASSWORD}")
        return client
