"""How long a client takes to come back to a large mailbox that has changed meanwhile, and what that costs in CPU.

The law: every answer is checked before anything is timed: exactly the messages that left are told as gone, and exactly
those that came or changed with their flags. The changes are made by commands, the same for all. Half of them are flags,
the other half messages that leave and as many that come.
"""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median
from typing import Final, NamedTuple

from ops.bench import processes, texts
from ops.bench.delivery import Make, Scratch, Told, turns
from ops.bench.figures import Value
from ops.bench.imap import append
from ops.bench.peers import Server, address
from ops.bench.varied import Mailbox
from ops.bench.wire import Client

MESSAGES: Final = 100_000
CHANGES: Final = 10_000
QUICK_DIVISOR: Final = 100
AT_ONCE: Final = 500  # UIDs in one command
AGAIN: Final = 5
MESSAGE_BYTES: Final = 1024
_VANISHED: Final = re.compile(rb"^\* VANISHED \(EARLIER\) ([0-9:,]+)\r\n", re.MULTILINE)
_FETCHED: Final = re.compile(rb"^\* \d+ FETCH \((.*)\)\r\n", re.MULTILINE)
_UID: Final = re.compile(rb"\bUID (\d+)")
_VALIDITY: Final = re.compile(rb"\[UIDVALIDITY (\d+)\]")
_HIGHEST: Final = re.compile(rb"\[HIGHESTMODSEQ (\d+)\]")


class Known(NamedTuple):
    """What the client remembers, and what it must hear."""

    uid_validity: int
    mod_sequence: int
    gone: frozenset[int]
    flagged: frozenset[int]
    new: frozenset[int]


def measure(make: dict[str, Make], scratch: Scratch, rounds: int, *, quick: bool, told: Told) -> Iterator[Value]:
    """Fill and change once, and check; then start each server anew in each round."""
    divisor = QUICK_DIVISOR if quick else 1
    mailbox, changes = Mailbox(MESSAGES // divisor), CHANGES // divisor
    with ExitStack() as stack:
        servers = {name: maker(stack.enter_context(scratch())) for name, maker in make.items()}
        known: dict[str, Known] = {}
        for name, server in servers.items():
            told(f"resync: filling and changing {name}")
            server.furnish(1)
            server.fill_varied(mailbox)
            with server.running():
                known[name] = change(Client(server.ports.imap, 0), mailbox.count, changes)
                check(Client(server.ports.imap, 0), known[name])
        for number in range(rounds):
            for name in turns(list(servers), number):
                told(f"resync: round {number + 1} of {rounds}, {name}")
                yield from one_round(servers[name], known[name], mailbox.count, changes)


def change(client: Client, messages: int, changes: int) -> Known:
    """Flags on every so-many-eth message, others away, and as many new ones."""
    selected = client.command(b"SELECT INBOX (CONDSTORE)")
    validity, highest = int(_found(_VALIDITY, selected)), int(_found(_HIGHEST, selected))
    step = messages // (changes // 2)
    flagged = range(1, messages + 1, step)
    gone = range(2, messages + 1, 2 * step)
    for uids in _some(flagged):
        client.command(b"UID STORE %b +FLAGS.SILENT (\\Flagged)" % uids)
    for uids in _some(gone):
        client.command(b"UID STORE %b +FLAGS.SILENT (\\Deleted)" % uids)
        client.command(b"UID EXPUNGE %b" % uids)
    words = texts.prose()
    for number in range(len(gone)):
        content = texts.letter(number, address(0), MESSAGE_BYTES, words)
        client.command(append("INBOX", content).removesuffix(b"\r\n"))
    client.close()
    new = range(messages + 1, messages + 1 + len(gone))
    return Known(validity, highest, frozenset(gone), frozenset(flagged), frozenset(new))


def commands(known: Known) -> dict[str, bytes]:
    """How clients come back: with QRESYNC (RFC 7162 3.2.5), or with CONDSTORE alone, which tells nothing that left."""
    return {
        "QRESYNC": b"SELECT INBOX (QRESYNC (%d %d))" % (known.uid_validity, known.mod_sequence),
        "CHANGEDSINCE": b"UID FETCH 1:* (FLAGS) (CHANGEDSINCE %d)" % known.mod_sequence,
    }


def check(client: Client, known: Known) -> None:
    """Raises RuntimeError where an answer is not what it must be."""
    client.command(b"ENABLE QRESYNC")
    for name, command in commands(known).items():
        answer = client.command(command)
        rows = [found[1] for found in _FETCHED.finditer(answer)]
        flagged = {int(_found(_UID, row)) for row in rows if b"\\Flagged" in row}
        told = {int(_found(_UID, row)) for row in rows}
        gone = {uid for found in _VANISHED.finditer(answer) for uid in _numbers(found[1])}
        if flagged != known.flagged or told != known.flagged | known.new or len(rows) != len(told):
            raise RuntimeError(f"{name}: {len(rows)} messages were told, {len(flagged)} of them with the flag")
        if name == "QRESYNC" and gone != known.gone:
            raise RuntimeError(f"{name}: {len(gone)} messages were told as gone, {len(known.gone)} are")
    client.close()


def one_round(server: Server, known: Known, messages: int, changes: int) -> Iterator[Value]:
    """First after a start, and again; then with nothing to be told. What comes before is not timed."""
    what = f"after {changes:,} changes in {messages:,} messages"
    with server.running() as roots:
        client = Client(server.ports.imap, 0)
        try:
            client.command(b"ENABLE QRESYNC")
            wanted = commands(known)
            first_s, _cpu_s = _timed(client, wanted["QRESYNC"], roots)
            yield Value(f"QRESYNC {what}: first after a start", "ms", server.name, first_s * 1000)
            yield from _again(f"QRESYNC {what}: again", client, wanted["QRESYNC"], server, roots)
            yield from _again(f"FETCH CHANGEDSINCE {what}", client, wanted["CHANGEDSINCE"], server, roots)
            now = int(_found(_HIGHEST, client.command(b"SELECT INBOX")))
            nothing = b"SELECT INBOX (QRESYNC (%d %d))" % (known.uid_validity, now)
            yield from _again("QRESYNC when nothing has changed", client, nothing, server, roots)
        finally:
            client.close()


def _again(what: str, client: Client, command: bytes, server: Server, roots: list[int]) -> Iterator[Value]:
    timed = [_timed(client, command, roots) for _ in range(AGAIN)]
    yield Value(what, "ms", server.name, median(took_s for took_s, _cpu_s in timed) * 1000)
    yield Value(f"{what}: CPU", "ms/command", server.name, sum(cpu_s for _took_s, cpu_s in timed) / AGAIN * 1000)


def _timed(client: Client, command: bytes, roots: list[int]) -> tuple[float, float]:
    cpu_s, started = processes.cpu_s(roots), time.perf_counter()
    client.command(command)
    took_s = time.perf_counter() - started
    return took_s, processes.cpu_s(roots) - cpu_s


def _some(uids: range) -> Iterator[bytes]:
    """A few hundred UIDs a command, so that no line is too long."""
    for first in range(0, len(uids), AT_ONCE):
        yield b",".join(b"%d" % uid for uid in uids[first : first + AT_ONCE])


def _found(pattern: "re.Pattern[bytes]", text: bytes) -> bytes:
    found = pattern.search(text)
    if found is None:
        raise RuntimeError(f"no {pattern.pattern!r} in {text[:300]!r}")
    return found[1]


def _numbers(numbers: bytes) -> Iterator[int]:
    """Of a set such as 1:3,7."""
    for part in numbers.split(b","):
        first, _, last = part.partition(b":")
        yield from range(int(first), int(last or first) + 1)
