"""How fast mail gets from SMTP to where IMAP shows it, and how much CPU a message takes.

The law: the clock stops when the last message of the last account is counted by IMAP, not when SMTP has said yes
(Postfix says it when the message is in its queue). CPU is that of the server's whole process tree, senders excluded.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from ops.bench import processes
from ops.bench.figures import Value
from ops.bench.peers import Server
from ops.bench.sending import Load, Noise, Sender, SmtpSource, noise
from ops.bench.wire import Client

ACCOUNTS: Final = 100
SMALL_BYTES: Final = 4096
LARGE_BYTES: Final = 1024 * 1024
ASK_EVERY_S: Final = 0.01  # the error of the clock; only one account is asked at a time, so asking costs nothing
VISIBLE_S_MAX: Final = 600.0

Make = Callable[[Path], Server]
Told = Callable[[str], None]
Scratch = Callable[[], AbstractContextManager[Path]]


class Case(NamedTuple):
    """A row of the table."""

    what: str
    load: Load
    sender: Sender


def cases(source: SmtpSource, own: Noise, *, quick: bool) -> list[Case]:
    """5,000 messages of 4 kB and 500 of 1 MB, each with text that compresses and with text that hardly does."""
    small = Load(ACCOUNTS, 5 if quick else 50, SMALL_BYTES)
    large = Load(ACCOUNTS, 1 if quick else 5, LARGE_BYTES)
    return [
        Case("4 kB, smtp-source", small, source),
        Case("4 kB, noise", small, own),
        Case("1 MB, smtp-source", large, source),
        Case("1 MB, noise", large, own),
    ]


def measure(make: dict[str, Make], directory: Scratch, rounds: int, *, quick: bool, told: Told) -> Iterator[Value]:
    """All cases, the servers taking turns, each on an empty directory each time."""
    with noise() as own:
        for case in cases(SmtpSource(), own, quick=quick):
            for number in range(rounds):
                for name in turns(list(make), number):
                    told(f"{case.what}: round {number + 1} of {rounds}, {name}")
                    with directory() as path:
                        yield from one_round(make[name](path), case)


def turns(names: Sequence[str], number: int) -> list[str]:
    """Who comes first changes with each round."""
    first = number % len(names)
    return [*names[first:], *names[:first]]


def one_round(server: Server, case: Case) -> Iterator[Value]:
    """Send once; the values."""
    server.furnish(case.load.accounts)
    with server.running() as roots, watching(server, case.load.accounts) as clients:
        cpu_s, started = processes.cpu_s(roots), time.monotonic()
        case.sender.send(case.load, server.ports.smtp)
        accepted_s = time.monotonic() - started
        wait_until_visible(clients, case.load.each)
        visible_s = time.monotonic() - started
        cpu_s = processes.cpu_s(roots) - cpu_s
    count = case.load.messages
    yield Value(f"{case.what}: visible in IMAP", "messages/s", server.name, count / visible_s)
    yield Value(f"{case.what}: accepted by SMTP", "messages/s", server.name, count / accepted_s)
    yield Value(f"{case.what}: CPU", "ms/message", server.name, cpu_s / count * 1000)


@contextmanager
def watching(server: Server, accounts: int) -> Iterator[list[Client]]:
    """A client in each account, logged in and having asked once (so that each INBOX exists) before the clock starts."""
    with ExitStack() as stack:
        clients = []
        for account in range(accounts):
            clients.append(Client(server.ports.imap, account))
            stack.callback(clients[-1].close)
            assert clients[-1].messages() == 0, "not emptied"
        yield clients


def wait_until_visible(clients: Sequence[Client], each: int) -> None:
    """Until every account has so many messages. Raises TimeoutError."""
    deadline = time.monotonic() + VISIBLE_S_MAX
    for client in clients:
        while client.messages() < each:
            if time.monotonic() > deadline:
                raise TimeoutError("not all messages became visible")
            time.sleep(ASK_EVERY_S)
