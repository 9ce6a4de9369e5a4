"""How long SORT, THREAD and SEARCH take in one large mailbox, and what they cost in CPU: the first time, and again.

The law: every answer is compared with what is known to be right before anything is timed (ops/bench/varied.py).
`first` is on a server just started, which has seen no search of this mailbox: what Dovecot has written into its index
files of earlier ones is taken back. `again` is with whatever a server has kept of the first. SELECT and the log-in are
not timed.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from statistics import median
from typing import Final, NamedTuple

from ops.bench import processes, texts
from ops.bench.delivery import Make, Scratch, Told, turns
from ops.bench.figures import Value
from ops.bench.peers import Server
from ops.bench.varied import Letter, Mailbox, has_needle, sender
from ops.bench.wire import Client

MESSAGES: Final = 100_000
MESSAGES_QUICK: Final = 1000
AGAIN: Final = 5
AGAIN_S_MAX: Final = 10.0  # of all repetitions of a slow one
INDEX_FILES: Final = "dovecot.index*"  # of Dovecot: beside the messages, in the folder of each mailbox
KEPT: Final = "as-filled"  # in the server's directory: those files as they were after filling
SENDER: Final = 17  # whom SEARCH FROM looks for


class Operation(NamedTuple):
    """A row of the table: a command, and the line of data that it must answer."""

    command: str
    answer: Callable[[Mailbox, Sequence[Letter]], str]


def _sorted(key: Callable[[Letter], object], *, reverse: bool = False) -> Callable[[Mailbox, Sequence[Letter]], str]:
    """By a key, and messages with the same in the order of their numbers, whatever is reversed (RFC 5256 3)."""

    def answer(_mailbox: Mailbox, letters: Sequence[Letter]) -> str:
        found = sorted(letters, key=key, reverse=reverse)  # type: ignore[arg-type]
        return "SORT " + " ".join(str(one.number) for one in found)

    return answer


def _found(holds: Callable[[Letter], bool]) -> Callable[[Mailbox, Sequence[Letter]], str]:
    return lambda _mailbox, letters: "SEARCH " + " ".join(str(one.number) for one in letters if holds(one))


def operations(mailbox: Mailbox) -> tuple[Operation, ...]:
    """All; what is looked for depends on the mailbox alone."""
    wanted = mailbox.letter(mailbox.count // 2).subject
    needle = _found(lambda one: has_needle(one.number))
    return (
        Operation("SORT (ARRIVAL) US-ASCII ALL", _sorted(lambda one: one.arrived_s)),
        Operation("SORT (SUBJECT) US-ASCII ALL", _sorted(lambda one: one.subject)),
        Operation("SORT (REVERSE DATE) US-ASCII ALL", _sorted(lambda one: one.sent_s, reverse=True)),
        Operation("SORT (FROM) US-ASCII ALL", _sorted(lambda one: sender(one.sender))),
        Operation("THREAD REFERENCES US-ASCII ALL", lambda mailbox, _letters: "THREAD " + mailbox.threads()),
        Operation("THREAD REFS US-ASCII ALL", lambda mailbox, _letters: "THREAD " + mailbox.threads(newest_last=True)),
        Operation(f"SEARCH FROM {sender(SENDER)}", _found(lambda one: one.sender == SENDER)),
        Operation(f'SEARCH SUBJECT "{wanted}"', _found(lambda one: wanted in one.subject)),
        Operation(f"SEARCH TEXT {texts.NEEDLE}", needle),
        Operation(f"SEARCH BODY {texts.NEEDLE}", needle),
    )


def name_of(operation: Operation) -> str:
    """As the table has it: without what is the same of all, and what is searched for."""
    words = operation.command.removesuffix(" US-ASCII ALL").split(" ")
    return " ".join(words[:2] if words[0] == "SEARCH" else words)


def measure(make: dict[str, Make], scratch: Scratch, rounds: int, *, quick: bool, told: Told) -> Iterator[Value]:
    """Fill once, and check all answers; then start a server anew for each operation, in turns."""
    mailbox = Mailbox(MESSAGES_QUICK if quick else MESSAGES)
    with ExitStack() as stack:
        servers = {name: maker(stack.enter_context(scratch())) for name, maker in make.items()}
        for name, server in servers.items():
            told(f"searching: filling {name}")
            server.furnish(1)
            server.fill_varied(mailbox)
            keep(server)
        told("searching: checking the answers")
        letters = list(mailbox.letters())
        for server in servers.values():
            check(server, mailbox, letters)
        for number in range(rounds):
            for operation in operations(mailbox):
                for name in turns(list(servers), number):
                    told(f"searching: round {number + 1} of {rounds}, {name_of(operation)}, {name}")
                    yield from one_round(servers[name], operation)


def check(server: Server, mailbox: Mailbox, letters: Sequence[Letter]) -> None:
    """Every operation, first and again. Raises RuntimeError where an answer is not what it must be."""
    with server.running():
        client = Client(server.ports.imap, 0)
        try:
            client.command(b"SELECT INBOX")
            for operation in operations(mailbox):
                wanted = operation.answer(mailbox, letters)
                for _ in range(2):
                    answer = client.command(operation.command.encode())
                    compare(f"{server.name}: {operation.command}", answer, wanted)
        finally:
            client.close()


def compare(what: str, answer: bytes, wanted: str) -> None:
    """The one untagged line, but for spaces at its end. Raises RuntimeError that tells where they differ."""
    line = answer.partition(b"\r\n")[0].decode().removeprefix("* ").rstrip()
    if line == wanted:
        return
    at = next((at for at, (one, two) in enumerate(zip(line, wanted, strict=False)) if one != two), len(wanted))
    raise RuntimeError(
        f"{what}: {line[max(0, at - 40) : at + 40]!r}, but it must be {wanted[max(0, at - 40) : at + 40]!r}"
    )


def keep(server: Server) -> None:
    """Remember what Dovecot has of its index files after filling: ours has nothing beside its store."""
    for path in list(server.directory.rglob(INDEX_FILES)):
        target = server.directory / KEPT / path.relative_to(server.directory)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
        shutil.chown(target, path.owner(), path.group())


def forget(server: Server) -> None:
    """Have those files, and no other, as they were."""
    kept = server.directory / KEPT
    for path in list(server.directory.rglob(INDEX_FILES)):
        if not path.is_relative_to(kept):
            path.unlink()
    for path in kept.rglob(INDEX_FILES):
        target = server.directory / path.relative_to(kept)
        shutil.copy2(path, target)
        shutil.chown(target, path.owner(), path.group())


def one_round(server: Server, operation: Operation) -> Iterator[Value]:
    """First, and again."""
    forget(server)
    command, name = operation.command.encode(), name_of(operation)
    with server.running() as roots:
        client = Client(server.ports.imap, 0)
        try:
            client.command(b"SELECT INBOX")
            first_s, first_cpu_s = _timed(client, command, roots)
            again: list[tuple[float, float]] = []
            while len(again) < AGAIN and sum(took_s for took_s, _cpu_s in again) < AGAIN_S_MAX:
                again.append(_timed(client, command, roots))
        finally:
            client.close()
    yield Value(f"{name}: first", "ms", server.name, first_s * 1000)
    yield Value(f"{name}: first, CPU", "ms/command", server.name, first_cpu_s * 1000)
    yield Value(f"{name}: again", "ms", server.name, median(took_s for took_s, _cpu_s in again) * 1000)
    cpu_s = sum(cpu_s for _took_s, cpu_s in again) / len(again)
    yield Value(f"{name}: again, CPU", "ms/command", server.name, cpu_s * 1000)


def _timed(client: Client, command: bytes, roots: list[int]) -> tuple[float, float]:
    cpu_s, started = processes.cpu_s(roots), time.perf_counter()
    client.command(command)
    took_s = time.perf_counter() - started
    return took_s, processes.cpu_s(roots) - cpu_s
