"""How much memory a server takes when nothing happens: empty, with many accounts, with many idle connections.

The law: the whole process tree counts, each shared page once (proportional set size), after a pause in which
everything has started.
"""

import resource
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final, NamedTuple

from ops.bench import processes
from ops.bench.delivery import Make, Scratch, Told, turns
from ops.bench.figures import Value
from ops.bench.peers import Server
from ops.bench.wire import Client

ACCOUNTS: Final = 100_000
CONNECTIONS: Final = 1000
CONNECTED_ACCOUNTS: Final = 100  # ten connections each
SETTLE_S: Final = 2.0
FILES_MAX: Final = 16_384  # a server of many connections needs them, and so does their client
MB: Final = 1024 * 1024


class Case(NamedTuple):
    """A row of the table."""

    what: str
    accounts: int
    connections: int = 0


def cases(*, quick: bool) -> list[Case]:
    """Those of the first line, smaller when it has to be quick."""
    accounts, connections = (1000, 100) if quick else (ACCOUNTS, CONNECTIONS)
    return [
        Case("idle, no account", 0),
        Case(f"idle, {accounts:,} accounts", accounts),
        Case(f"{connections:,} idle IMAP connections", CONNECTED_ACCOUNTS, connections),
    ]


def measure(make: dict[str, Make], scratch: Scratch, rounds: int, *, quick: bool, told: Told) -> Iterator[Value]:
    """Furnish once a case, then start anew in each round."""
    raise_files_limit()
    for case in cases(quick=quick):
        with ExitStack() as stack:
            servers = {name: maker(stack.enter_context(scratch())) for name, maker in make.items()}
            for server in servers.values():
                server.furnish(case.accounts)
            for number in range(rounds):
                for name in turns(list(servers), number):
                    told(f"memory: {case.what}, round {number + 1} of {rounds}, {name}")
                    yield from one_round(servers[name], case)


def one_round(server: Server, case: Case) -> Iterator[Value]:
    """Start, connect, wait, look."""
    with server.running() as roots, idling(server, case.connections):
        time.sleep(SETTLE_S)
        found = processes.memory(roots)
    yield Value(case.what, "MB", server.name, found.pss / MB)
    yield Value(f"{case.what}: without mapped files", "MB", server.name, (found.pss - found.file) / MB)


@contextmanager
def idling(server: Server, connections: int) -> Iterator[None]:
    """So many clients that have selected INBOX and IDLE."""
    with ExitStack() as stack:
        for number in range(connections):
            client = Client(server.ports.imap, number % CONNECTED_ACCOUNTS)
            stack.callback(client.close)
            client.command(b"SELECT INBOX")
            client.idle()
        yield


def raise_files_limit() -> None:
    """Open files of this process and of the servers that it starts, as a service's unit file would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_MAX if hard == resource.RLIM_INFINITY else min(FILES_MAX, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
