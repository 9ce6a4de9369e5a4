"""Senders: how benchmark mail gets into a server, 20 sessions at a time, each message on a connection of its own.

The law: both servers get the very same. `smtp-source` (Postfix's) sends to one address a run, so there is one run an
account, 20 at a time. Its text compresses to nothing, which flatters a server that compresses; `Noise` sends texts
that hardly compress, from 20 processes that speak as smtp-source does.
"""

import multiprocessing
import random
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, Protocol

from cluster.errors import Misconfigured
from ops.bench import texts
from ops.bench.peers import HOST, address

SESSIONS: Final = 20
SENDER: Final = "sender@elsewhere.test"
SEND_S_MAX: Final = 600.0
REPLY_BYTES_MAX: Final = 4096


class Load(NamedTuple):
    """What is sent: `each` messages of `size_bytes` to each of the accounts."""

    accounts: int
    each: int
    size_bytes: int

    @property
    def messages(self) -> int:
        """In all."""
        return self.accounts * self.each


class Sender(Protocol):
    """One way to send."""

    name: str

    def send(self, load: Load, port: int) -> None:
        """Send all; return when all are acknowledged. Raises if one is not."""
        ...


def smtp_source_command(load: Load, account: int, port: int, program: str = "smtp-source") -> list[str]:
    """One account's run: one session, a connection for each message (no -d)."""
    options = ["-s", "1", "-m", str(load.each), "-l", str(load.size_bytes), "-f", SENDER, "-t", address(account)]
    return [program, *options, f"{HOST}:{port}"]


class SmtpSource:
    """Postfix's own load generator."""

    name = "smtp-source"

    def __init__(self) -> None:
        program = shutil.which("smtp-source", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        if program is None:
            raise Misconfigured("smtp-source is not installed: apt install postfix.")
        self._program = program

    def send(self, load: Load, port: int) -> None:
        """As Sender has it."""

        def one(account: int) -> None:
            subprocess.run(smtp_source_command(load, account, port, self._program), check=True, timeout=SEND_S_MAX)

        threads = ThreadPoolExecutor(SESSIONS)
        try:
            list(threads.map(one, range(load.accounts)))
        finally:
            threads.shutdown(cancel_futures=True)


class Noise:
    """Our own: random base64 lines, so that hardly anything is left to compress."""

    name = "noise"

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    def send(self, load: Load, port: int) -> None:
        """As Sender has it."""
        self._pool.starmap(_send_to, [(load, account, port) for account in range(load.accounts)], chunksize=1)


@contextmanager
def noise() -> Iterator[Noise]:
    """The sender with its 20 processes, which are forked before anything is timed and share one text."""
    global _noise  # noqa: PLW0603 - forked processes read it; it cannot be handed to them without copying
    _noise = texts.noise()
    with multiprocessing.get_context("fork").Pool(SESSIONS, obedient) as pool:
        yield Noise(pool)


_noise: texts.Pool | None = None


def obedient() -> None:
    """A worker ends when the pool says so, in silence, whatever the parent does with its signals."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _send_to(load: Load, account: int, port: int) -> None:
    assert _noise is not None
    dice = random.Random(account)  # noqa: S311 - not for secrets
    for number in range(load.each):
        header = texts.header(number, SENDER, address(account))
        text = _noise.text(dice, load.size_bytes - len(header))
        _send_one(port, Letter("bench.test", SENDER, address(account), header + text))


class Letter(NamedTuple):
    """A message made beforehand, and its envelope. No line of it begins with a dot."""

    helo: str
    sender: str
    recipient: str
    message: bytes


class Post:
    """Sends given letters."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    def send(self, numbers: Sequence[int], port: int) -> None:
        """These of them, in about this order; return when all are acknowledged. Raises if one is not."""
        for _ in self._pool.imap_unordered(_post_one, [(number, port) for number in numbers]):
            pass


@contextmanager
def post(letters: Sequence[Letter]) -> Iterator[Post]:
    """The same processes as of `noise`, which have the letters when they begin."""
    global _letters  # noqa: PLW0603 - as above
    _letters = letters
    with multiprocessing.get_context("fork").Pool(SESSIONS, obedient) as pool:
        yield Post(pool)


_letters: Sequence[Letter] = ()


def _post_one(which: tuple[int, int]) -> None:
    number, port = which
    _send_one(port, _letters[number])


def _send_one(port: int, letter: Letter) -> None:
    """The dialogue of smtp-source, without PIPELINING as there."""
    with socket.create_connection((HOST, port), SEND_S_MAX) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _expect(connection, b"220")
        for command, code in (
            (f"HELO {letter.helo}\r\n".encode(), b"250"),
            (f"MAIL FROM:<{letter.sender}>\r\n".encode(), b"250"),
            (f"RCPT TO:<{letter.recipient}>\r\n".encode(), b"250"),
            (b"DATA\r\n", b"354"),
            (letter.message + b".\r\n", b"250"),
            (b"QUIT\r\n", b"221"),
        ):
            connection.sendall(command)
            _expect(connection, code)


def _expect(connection: socket.socket, code: bytes) -> None:
    reply = connection.recv(REPLY_BYTES_MAX)
    while reply and not reply.endswith(b"\n"):
        reply += connection.recv(REPLY_BYTES_MAX)
    if not reply.startswith(code):
        raise RuntimeError(f"expected {code.decode()}, got {reply.decode(errors='replace').strip() or 'nothing'}")
