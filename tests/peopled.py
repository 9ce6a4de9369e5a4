"""A running server with more accounts than its demo's, so that tests share one start and no mailbox.

The law: an account is handed out once; who changes the server's settings or stops it starts one of their own.
"""

import asyncio
import contextlib
import datetime as dt
import imaplib
import smtplib
import ssl
import zlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cluster.certificates import self_signed
from ops.core import Core, opened
from tests.running import DOMAIN, PASSWORD, Running

HOST: Final = "localhost"
CLIENT: Final = "client.example.test"  # in EHLO; to ask the resolver for our name may take seconds
ACCOUNTS: Final = 40  # more than the tests of any one module
# Wrong passwords are told at once: what the pause is for is tested where time is not real.
SETTINGS: Final = """
[imap]
login_failure_delay_s = 0.0
[pop3]
login_failure_delay_s = 0.0
[smtp]
auth_pause_s = 0.0
[directory]
default_domain = "example.test"
"""


@dataclass
class Peopled:
    """A server, and the accounts that nobody has yet."""

    running: Running
    logins: Iterator[str] = field(default_factory=lambda: (f"user{n}@{DOMAIN}" for n in range(ACCOUNTS)))

    @property
    def ports(self) -> dict[str, int]:
        """By name (tests.running.PROTOCOLS)."""
        return self.running.ports

    @property
    def certificate(self) -> Path:
        """The server's own, self-signed."""
        return self.running.data / "tls" / "certificate.pem"

    @property
    def trust(self) -> ssl.SSLContext:
        """Trusts just that."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def account(self) -> str:
        """The login of an account that is this caller's alone; its password is PASSWORD."""
        return next(self.logins)

    def deliver(self, raw: bytes, *recipients: str) -> None:
        """Mail from outside."""
        with smtplib.SMTP(HOST, self.ports["smtp"], CLIENT) as smtp:
            smtp.sendmail(f"outside@{DOMAIN}", recipients, raw)

    def imap(self, login: str) -> imaplib.IMAP4_SSL:
        """A session of that account."""
        imap = imaplib.IMAP4_SSL(HOST, self.ports["imaps"], ssl_context=self.trust)
        imap.login(login, PASSWORD)
        return imap


@contextlib.contextmanager
def peopled(
    data: Path, settings: str = SETTINGS, furnish: Callable[[Core], Awaitable[None]] | None = None
) -> Iterator[Peopled]:
    """Start it; stop it at the end, which must succeed. `furnish`: what else it is to have."""
    self_signed(data / "tls", [HOST], dt.datetime.now(dt.UTC))  # clients compare it with the name they connect to
    asyncio.run(_furnish(data, furnish))
    server = Peopled(Running(data, settings).start())
    try:
        yield server
    finally:
        if server.running.process is not None:
            assert server.running.stop() == 0, server.running.output.read_text(errors="replace")[-4000:]


async def _furnish(data: Path, more: Callable[[Core], Awaitable[None]] | None) -> None:
    """The accounts, and an address of every other kind."""
    async with opened(data) as core:
        await core.directory.add_domain(DOMAIN)
        await asyncio.gather(
            *(core.directory.add_account(f"user{number}@{DOMAIN}", PASSWORD) for number in range(ACCOUNTS))
        )
        await _share(core)
        if more is not None:
            await more(core)


async def _share(core: Core) -> None:
    directory = core.directory
    for login in ("anna", "ben", "carla"):
        await directory.add_account(f"{login}@{DOMAIN}", PASSWORD)
    await directory.add_alias(f"info@{DOMAIN}", [f"anna@{DOMAIN}"])
    await directory.add_list(f"news@{DOMAIN}", [f"anna@{DOMAIN}", f"ben@{DOMAIN}"])
    await directory.add_group(f"sales@{DOMAIN}", [f"ben@{DOMAIN}", f"carla@{DOMAIN}"])
    await directory.add_domain("other.test")
    await directory.change_domain("other.test", catch_all=f"carla@{DOMAIN}")


def message(subject: str = "Hello", body: str = "Some text.\r\n", sender: str = f"outside@{DOMAIN}") -> bytes:
    """A small message; the same each time."""
    unique = zlib.crc32(f"{subject} {body}".encode())
    return (
        f"From: {sender}\r\nTo: somebody@{DOMAIN}\r\nSubject: {subject}\r\n"
        f"Date: Mon, 7 Feb 1994 21:52:25 -0800\r\nMessage-ID: <{unique:x}@{DOMAIN}>\r\n\r\n{body}"
    ).encode()
