"""How long it takes to SELECT a mailbox of a million messages.

The law: both at the same size. Ours is filled by its own code while no server runs, the peers' by `doveadm import`
without fsync; where theirs takes longer than FILL_S_MAX, both are measured at what it has reached by then, and ours
at the whole size as well.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median
from typing import Final

from ops.bench.delivery import Make, Scratch, Told, turns
from ops.bench.figures import Value
from ops.bench.peers import OURS, Server
from ops.bench.wire import Client

MESSAGES: Final = 1_000_000
MESSAGES_QUICK: Final = 20_000
FILL_S_MAX: Final = 300.0
AGAIN: Final = 5  # SELECTs after the first


def measure(make: dict[str, Make], scratch: Scratch, rounds: int, *, quick: bool, told: Told) -> Iterator[Value]:
    """Fill once, then start each server anew in each round."""
    wanted = MESSAGES_QUICK if quick else MESSAGES
    with ExitStack() as stack:
        servers = {name: maker(stack.enter_context(scratch())) for name, maker in make.items()}
        reached = wanted
        for name in sorted(servers, key=lambda name: name == OURS):  # ours last, to the size that the peers reached
            told(f"SELECT: filling {name}")
            servers[name].furnish(1)
            reached = servers[name].fill(reached, FILL_S_MAX)
        yield from _rounds(servers, reached, rounds, told)
        if reached < wanted:
            ours = {OURS: servers[OURS]}
            ours[OURS].fill(wanted - reached, FILL_S_MAX)
            yield from _rounds(ours, wanted, rounds, told)


def _rounds(servers: dict[str, Server], messages: int, rounds: int, told: Told) -> Iterator[Value]:
    for number in range(rounds):
        for name in turns(list(servers), number):
            told(f"SELECT: round {number + 1} of {rounds}, {name}")
            yield from one_round(servers[name], messages)


def one_round(server: Server, messages: int) -> Iterator[Value]:
    """The first SELECT after a start, and more on the same connection. Logging in is not timed."""
    with server.running():
        client = Client(server.ports.imap, 0)
        try:
            times_ms = [_select_ms(client, messages) for _ in range(1 + AGAIN)]
        finally:
            client.close()
    yield Value(f"SELECT of {messages:,} messages, first after a start", "ms", server.name, times_ms[0])
    yield Value(f"SELECT of {messages:,} messages, again", "ms", server.name, median(times_ms[1:]))


def _select_ms(client: Client, messages: int) -> float:
    started = time.perf_counter()
    answer = client.command(b"SELECT INBOX")
    took_ms = (time.perf_counter() - started) * 1000
    assert b"* %d EXISTS\r\n" % messages in answer, answer[:500]
    return took_ms
