"""How soon all who hold an event source open over HTTPS have heard of a delivery, and what an event source costs.

The law: a turn begins when all have heard of the one before; the clock runs from before the delivery is sent by SMTP
until an event has been read by its client, all of whom are in a process of their own. CPU is that of the server's
whole process tree, with the delivery itself, by the number of streams.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from ops.bench import load, processes
from ops.bench.crowd import raise_files_limit
from ops.bench.delivery import Scratch, Told
from ops.bench.figures import Value
from ops.bench.hearers import Hearers, hearers
from ops.bench.imap import loop_factory
from ops.bench.peers import OURS
from ops.bench.people import Https, listening

TURNS: Final = 10
SETTLE_S: Final = 2.0  # before memory is read
PAUSE_S: Final = 0.2  # between turns: an account may have more to tell of one delivery
QUERY: Final = "types=Mailbox,Email,EmailDelivery&closeafter=no&ping=300"


class Case(NamedTuple):
    """So many streams over so many accounts, each of which is delivered to once a turn."""

    accounts: int
    streams: int

    @property
    def what(self) -> str:
        """As the table has it."""
        return f"{self.streams:,} event sources of {self.accounts:,} account{'s' * (self.accounts > 1)}"


CASES: Final = (Case(10, 1000), Case(1000, 1000))  # an account may have 100 streams
CASES_QUICK: Final = (Case(1, 20), Case(10, 20))


def measure(
    make: Mapping[str, Callable[[Path], Https]], scratch: Scratch, rounds: int, *, quick: bool, told: Told
) -> Iterator[Value]:
    """Each case and round on a fresh server."""
    raise_files_limit()
    for case in CASES_QUICK if quick else CASES:
        for number in range(rounds):
            told(f"pushed: {case.what}, round {number + 1} of {rounds}")
            with ExitStack() as stack:
                server = make[OURS](stack.enter_context(scratch()))
                server.furnish(case.accounts)
                roots = stack.enter_context(server.running())
                yield from _one_round(server, roots, stack.enter_context(hearers()), case)


def _one_round(server: Https, roots: list[int], ears: Hearers, case: Case) -> Iterator[Value]:
    streams = [listening(server.https, number % case.accounts, QUERY) for number in range(case.streams)]
    held, cpu_s = processes.memory(roots).anonymous, processes.cpu_s(roots)
    with ears.listening(server.https, streams):
        cpu_s = processes.cpu_s(roots) - cpu_s
        time.sleep(SETTLE_S)
        held = processes.memory(roots).anonymous - held
        yield Value(f"opening one of {case.what}: CPU", "ms/stream", OURS, cpu_s / case.streams * 1000)
        yield Value(f"one of {case.what}: memory", "kB", OURS, held / case.streams / 1000)
        yield from _turns(server, roots, ears, case)


def _turns(server: Https, roots: list[int], ears: Hearers, case: Case) -> Iterator[Value]:
    sent = load.letters(range(case.accounts))
    heard: list[list[float]] = []
    cpu_s = processes.cpu_s(roots)
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        for _ in range(TURNS):
            ears.settle(PAUSE_S)
            started = time.perf_counter()  # which is the same in all processes of a Linux machine
            telling = ears.heard()
            runner.run(load.deliver(server.ports.smtp, sent))
            heard.append([(at_s - started) * 1000 for at_s in telling.result()])
    cpu_s = processes.cpu_s(roots) - cpu_s
    yield from told_of(f"a delivery to {case.what}", heard)
    yield Value(f"a delivery to {case.what}: CPU", "us/stream", OURS, cpu_s / TURNS / case.streams * 1e6)


def told_of(what: str, heard: Sequence[Sequence[float]]) -> list[Value]:
    """The medians of the turns; of each turn the times of all streams in ms."""
    return [
        Value(f"{what}: the first has heard", "ms", OURS, median(min(times) for times in heard)),
        Value(f"{what}: half have heard", "ms", OURS, median(median(times) for times in heard)),
        Value(f"{what}: all have heard", "ms", OURS, median(max(times) for times in heard)),
    ]
