"""How much memory a server takes when nothing happens: empty, with many accounts, with many idle connections.

The law: the whole process tree counts, each shared page once (proportional set size), after a pause in which
everything has started.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from typing import Final, NamedTuple

from ops.bench import processes
from ops.bench.crowd import crowd, raise_files_limit
from ops.bench.delivery import Make, Scratch, Told, turns
from ops.bench.figures import Value
from ops.bench.peers import Server

ACCOUNTS: Final = 100_000
CONNECTIONS: Final = (1000, 10_000)
CONNECTIONS_QUICK: Final = (100, 200)
CONNECTIONS_AN_ACCOUNT: Final = 10
SETTLE_S: Final = 2.0
SPARE: Final = 100  # connections that a server may have besides
MB: Final = 1024 * 1024


class Case(NamedTuple):
    """A row of the table."""

    what: str
    accounts: int
    connections: int = 0


def cases(*, quick: bool) -> list[Case]:
    """Those of the first line, smaller when it has to be quick."""
    accounts = 1000 if quick else ACCOUNTS
    return [
        Case("idle, no account", 0),
        Case(f"idle, {accounts:,} accounts", accounts),
        *(
            Case(f"{connections:,} idle IMAP connections", connections // CONNECTIONS_AN_ACCOUNT, connections)
            for connections in (CONNECTIONS_QUICK if quick else CONNECTIONS)
        ),
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
    server.connections = max(server.connections, case.connections + SPARE)
    with server.running() as roots:
        many = crowd(server.ports.imap, case.connections, case.accounts) if case.connections else nullcontext()
        with many:
            time.sleep(SETTLE_S)
            found = processes.memory(roots)
    yield Value(case.what, "MB", server.name, found.pss / MB)
    yield Value(f"{case.what}: without mapped files", "MB", server.name, (found.pss - found.file) / MB)
