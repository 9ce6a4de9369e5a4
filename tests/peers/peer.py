"""What a test knows of another mail server: where it is, whose mail it keeps, what it can, what it has received.

The law: each is configured as its manual says, by files of its own world; nothing in it is ours.
"""

import contextlib
import smtplib
import socket
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

from ops import parts
from tests.peers.texts import Text
from tests.peers.world import World

HOST: Final = "127.0.0.1"
NEXT_NAME: Final = "localhost"
USERS: Final = ("ann", "ben")
CLIENT: Final = "client.example.test"
START_S_MAX: Final = 30.0
WAIT_S_MAX: Final = 45.0  # for mail to come through two servers on a busy machine; usually a second
LOOK_S: Final = 0.05


class Abilities(NamedTuple):
    """Extensions of the peer that not every one of them has."""

    chunking: bool = True
    smtputf8: bool = True

    def carry(self, text: Text) -> bool:
        """Whether it takes such a message."""
        return self.smtputf8 or "SMTPUTF8" not in text.options


class Peer(ABC):
    """A server that takes mail for ann and ben @NAME.test, and relays what this machine gives it to one other."""

    name: ClassVar[str]
    part: ClassVar[str]  # of ops/parts.py
    unknown_words: ClassVar[str]  # of an address that it has not
    has_tls: ClassVar[bool] = True
    can: ClassVar[Abilities] = Abilities()
    own_users: ClassVar[dict[str, str]] = {}  # that it wants to run as, with their homes

    def __init__(
        self, folder: Path, ports: tuple[int, int], next_port: int, certificate: tuple[Path, Path], trusted: Path
    ) -> None:
        """`ports`: its own, and one where it offers neither CHUNKING nor (but for OpenSMTPD) DSN. `next_port`: who gets
        what is not for its own domains. `certificate`: the chain and the key. `trusted`: the certificate that the next
        must have, for NEXT_NAME."""
        self.port, self.data_port = ports
        users = self.own_users | {user: f"/var/mail/{user}" for user in USERS}
        is_unpacked = bool(parts.PARTS[self.part].unpacked_with)
        self.world = World(folder, users, parts.unpacked(self.part) if is_unpacked else None)
        chain, key = certificate
        self.world.write("etc/tls/chain.pem", chain.read_text())
        self.world.write("etc/tls/key.pem", key.read_text(), 0o600)
        self.world.write("etc/tls/next.pem", trusted.read_text())
        for user in USERS:
            self.world.folder(f"var/mail/{user}", owner=user)
        self.furnish(next_port)

    @property
    def domain(self) -> str:
        """Its own."""
        return f"{self.name}.test"

    @property
    def data_domain(self) -> str:
        """Its own too, for mail that goes to the port without these."""
        return f"data.{self.domain}"

    def address(self, user: str = "ann", *, by_data: bool = False) -> str:
        """Of a user."""
        return f"{user}@{self.data_domain if by_data else self.domain}"

    @abstractmethod
    def furnish(self, next_port: int) -> None:
        """Write its files."""

    @abstractmethod
    def command(self) -> tuple[str, ...]:
        """What runs it in the foreground."""

    def start(self) -> None:
        """Start, and wait until it greets. Raises RuntimeError with its logs."""
        self.world.start(*self.command())
        deadline = time.monotonic() + START_S_MAX
        while time.monotonic() < deadline and self.world.is_running:
            with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), 5) as connection:
                if connection.recv(100).startswith(b"220"):
                    return
            time.sleep(LOOK_S)
        self.world.close()
        raise RuntimeError(f"{self.name} did not come up:\n{self.world.told()}")

    def stored(self, user: str = "ann") -> list[bytes]:
        """The messages in the mailbox of a user, with LF lines, as Maildir has them."""
        found = sorted((self.world.root / f"var/mail/{user}/new").glob("*"))
        return [path.read_bytes() for path in found]

    def received(self, mark: bytes, user: str = "ann") -> bytes:
        """The one message that holds this, once it is there."""
        (found,) = self.awaited(lambda: [text for text in self.stored(user) if mark in text], f"{mark!r} at {user}")
        return found

    def awaited(self, look: Callable[[], list[bytes]], what: str) -> list[bytes]:
        """What `look` finds, once it finds something. Raises AssertionError with the peer's logs."""
        deadline = time.monotonic() + WAIT_S_MAX
        while not (found := look()):
            assert time.monotonic() < deadline, f"no {what}: {self.world.told()}"
            time.sleep(LOOK_S)
        return found

    @contextlib.contextmanager
    def client(self) -> Iterator[smtplib.SMTP]:
        """A connection as one of its users has it, under TLS where it can."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with smtplib.SMTP(HOST, self.port, CLIENT) as smtp:
            if self.has_tls:
                smtp.starttls(context=context)
            smtp.ehlo()
            yield smtp
