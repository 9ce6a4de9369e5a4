"""What a mail client's commonest requests over JMAP cost in a mailbox of 100,000 messages, over HTTPS and beside Cyrus:
a page of it, what has changed, changing many, a large blob.

The law: both servers get the same messages and the same requests, but for their ids; every answer is compared with what
must be in it before anything is timed. Clients are in a process of their own, each on a connection that stays and is
logged in before the clock starts (askers.py); CPU is that of the server's whole process tree.
"""

import datetime as dt
import random
import smtplib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from ops.bench import processes, texts
from ops.bench.askers import Ask, Askers, Times, askers
from ops.bench.cyrus import CYRUS
from ops.bench.delivery import Scratch, Told, turns
from ops.bench.figures import Value
from ops.bench.peers import HOST, address
from ops.bench.people import Call, Https, Person
from ops.bench.varied import IN_A_THREAD, Letter, Mailbox, sender
from ops.bench.wire import Client

MESSAGES: Final = 100_000
MESSAGES_QUICK: Final = 1000
PAGE: Final = 50
SET: Final = 500
CHANGED: Final = 2 * SET
SETS: Final = 8  # each of half of CHANGED
BLOB_BYTES: Final = 25_000_000
BLOB_BYTES_QUICK: Final = 100_000
BLOBS: Final = 3
ARRIVALS: Final = 10
SECONDS: Final = 3.0
SECONDS_QUICK: Final = 0.3
OF_ONE_PERSON: Final = 4  # clients: no more requests at a time than either server lets one have
PEOPLE: Final = 8  # the first owns the mailbox and shares it with the others
LARGE_BYTES: Final = 1000
SENDER: Final = 17
BEFORE: Final = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
PROPERTIES: Final = [
    "threadId", "mailboxIds", "keywords", "from", "to", "subject", "receivedAt", "size", "preview", "hasAttachment",
]  # fmt: skip
Row = tuple[str, str, str, int]  # receivedAt, subject, address of the sender, size


class Case(NamedTuple):
    """A page, and which letters of the mailbox may be on it; of the filter what is besides the mailbox."""

    what: str
    clients: int
    condition: dict[str, Any]
    fits: Callable[[Mailbox, Letter], bool]
    collapses: bool = False
    unserved_by: str = ""  # a server that answers serverFail

    @property
    def title(self) -> str:
        """As the table has it."""
        clients = f"{self.clients} client{'s' * (self.clients > 1)}"
        return ", ".join(filter(None, [f"page of {PAGE}", self.what, clients]))


def _all(_mailbox: Mailbox, _letter: Letter) -> bool:
    return True


def _large_and_old(mailbox: Mailbox, letter: Letter) -> bool:
    return letter.arrived_s < BEFORE.timestamp() and len(mailbox.raw(letter)) >= LARGE_BYTES


def _of_sender(_mailbox: Mailbox, letter: Letter) -> bool:
    return letter.sender == SENDER


CASES: Final = (
    Case("", 1, {}, _all),
    Case("", OF_ONE_PERSON, {}, _all),
    Case("", OF_ONE_PERSON * PEOPLE, {}, _all),
    Case("threads collapsed", OF_ONE_PERSON, {}, _all, collapses=True),
    Case("1 kB and before 2025", OF_ONE_PERSON, {"minSize": LARGE_BYTES, "before": f"{BEFORE:%FT%TZ}"}, _large_and_old),
    Case("from a sender", OF_ONE_PERSON, {"from": sender(SENDER)}, _of_sender, unserved_by=CYRUS),
)  # fmt: skip


class Bench(NamedTuple):
    """A server that runs, and who asks it."""

    server: Https
    roots: list[int]
    askers: Askers
    seconds: float
    people: list[Person]

    def cases(self) -> Iterator[Case]:
        """Those that this server serves."""
        return (case for case in CASES if case.unserved_by != self.server.name)

    def again(self, what: str, asks: list[Ask]) -> list[Value]:
        """So many clients, for so long."""
        with self.askers.connected(self.server.https, asks):
            return self._values(what, lambda: self.askers.again(asks, self.seconds))

    def once(self, what: str, asks: list[Ask]) -> list[Value]:
        """One client, these one after the other; its connection begins with something small."""
        with self.askers.connected(self.server.https, [self.people[0].asking(("Mailbox/get", {"ids": []}))]):
            return self._values(what, lambda: self.askers.once(asks))

    def arrivals(self, what: str) -> list[Value]:
        """The page after each message that comes."""
        asks = [self.people[0].asking(*page(self.people[0], CASES[0]))]
        each_s, cpu_s = [], 0.0
        with self.askers.connected(self.server.https, asks), smtplib.LMTP(HOST, self.server.ports.smtp) as lmtp:
            for letter in islice(texts.letters(), ARRIVALS):
                lmtp.sendmail("sender@elsewhere.test", address(0), letter)
                before_s = processes.cpu_s(self.roots)
                each_s += self.askers.once(asks).each_s
                cpu_s += processes.cpu_s(self.roots) - before_s
        return values(what, self.server.name, Times(each_s, sum(each_s)), cpu_s)

    def _values(self, what: str, run: Callable[[], Times]) -> list[Value]:
        cpu_s = processes.cpu_s(self.roots)
        times = run()
        return values(what, self.server.name, times, processes.cpu_s(self.roots) - cpu_s)


def values(what: str, server: str, times: Times, cpu_s: float) -> list[Value]:
    """Of one kind of request."""
    return [
        Value(what, "requests/s", server, times.rate),
        Value(f"{what}: median", "ms", server, times.median_ms),
        Value(f"{what}: 99 of 100", "ms", server, times.late_ms),
        Value(f"{what}: CPU", "ms/request", server, cpu_s / len(times.each_s) * 1000),
    ]


def measure(
    make: Mapping[str, Callable[[Path], Https]], scratch: Scratch, rounds: int, *, quick: bool, told: Told
) -> Iterator[Value]:
    """Both are filled once and stay up; they take turns, request by request."""
    mailbox = Mailbox(MESSAGES_QUICK if quick else MESSAGES)
    blob_bytes = BLOB_BYTES_QUICK if quick else BLOB_BYTES
    with ExitStack() as stack:
        asking = stack.enter_context(askers())
        benches = {}
        for name, maker in make.items():
            told(f"jmap: filling {name}")
            server = maker(stack.enter_context(scratch()))
            fill(server, mailbox)
            roots = stack.enter_context(server.running())
            people = [Person(server.https, number) for number in range(PEOPLE)]
            benches[name] = Bench(server, roots, asking, SECONDS_QUICK if quick else SECONDS, people)
        told("jmap: checking the answers")
        newest = sorted(mailbox.letters(), key=lambda one: (one.arrived_s, one.number), reverse=True)
        for bench in benches.values():
            check(bench, mailbox, newest)
        for number in range(rounds):
            for part in (_pages, _changing, lambda bench, number: _blobs(bench, number, blob_bytes)):
                for name in turns(list(benches), number):
                    told(f"jmap: round {number + 1} of {rounds}, {name}")
                    yield from part(benches[name], number)


def fill(server: Https, mailbox: Mailbox) -> None:
    """The mailbox; and that others may read it, which is said while it is empty because Cyrus looks at all of it."""
    server.furnish(PEOPLE)
    with server.running():
        for number in range(PEOPLE):
            client = Client(server.ports.imap, number)
            if number == 0:
                for other in range(1, PEOPLE):
                    client.command(f"SETACL INBOX {address(other)} lrs".encode())
            client.close()
    server.fill_varied(mailbox)


def check(bench: Bench, mailbox: Mailbox, newest: list[Letter]) -> None:
    """Every page, as everybody sees it; the order of those of the same second is the server's (RFC 8621 4.4.2). Raises
    RuntimeError where it is not what it must be."""
    for case in bench.cases():
        wanted = rows_of(mailbox, newest, case)
        for person in bench.people[: -(-case.clients // OF_ONE_PERSON)]:
            query, got = person.told(*page(person, case, calculateTotal=True))
            found = [(one["receivedAt"], one["subject"], one["from"][0]["email"], one["size"]) for one in got["list"]]
            if [one["id"] for one in got["list"]] != query["ids"]:
                raise RuntimeError(f"{case.title}: Email/get has another order than Email/query")
            if [row[0] for row in found] != [row[0] for row in wanted] or sorted(found) != sorted(wanted):
                raise RuntimeError(f"{case.title}: {found}, but it must be {wanted}")
            if not case.condition and query["total"] != mailbox.count // (IN_A_THREAD if case.collapses else 1):
                raise RuntimeError(f"{case.title}: {query['total']} in all")


def rows_of(mailbox: Mailbox, newest: Iterable[Letter], case: Case) -> list[Row]:
    """What a page must show, of all letters with the newest first."""
    fitting: Iterator[Letter] = (letter for letter in newest if case.fits(mailbox, letter))
    if case.collapses:
        fitting = _first_of_each_thread(fitting)
    rows = []
    for letter in islice(fitting, PAGE):
        arrived = f"{dt.datetime.fromtimestamp(letter.arrived_s, dt.UTC):%FT%TZ}"
        subject = "Re: " * (letter.place > 0) + letter.subject
        rows.append((arrived, subject, sender(letter.sender), len(mailbox.raw(letter))))
    return rows


def _first_of_each_thread(letters: Iterable[Letter]) -> Iterator[Letter]:
    seen = set()
    for letter in letters:
        if letter.thread not in seen:
            seen.add(letter.thread)
            yield letter


def page(person: Person, case: Case, **more: Any) -> tuple[Call, Call]:
    """The newest, as a list of them shows them."""
    asked = {
        "filter": {"inMailbox": person.inbox, **case.condition},
        "sort": [{"property": "receivedAt", "isAscending": False}],
        "limit": PAGE,
        **({"collapseThreads": True} if case.collapses else {}),
        **more,
    }
    ids = {"resultOf": "0", "name": "Email/query", "path": "/ids"}
    return ("Email/query", asked), ("Email/get", {"#ids": ids, "properties": PROPERTIES})


def _pages(bench: Bench, _number: int) -> Iterator[Value]:
    for case in bench.cases():
        people = [bench.people[client // OF_ONE_PERSON] for client in range(case.clients)]
        yield from bench.again(case.title, [person.asking(*page(person, case)) for person in people])
    yield from bench.arrivals(f"{CASES[0].title}, when a message has come")


def _changing(bench: Bench, _number: int) -> Iterator[Value]:
    """Flags are set and taken away again, so that each request changes all that it names."""
    person = bench.people[0]
    newest = {"sort": [{"property": "receivedAt", "isAscending": False}], "limit": CHANGED}
    query, got = person.told(("Email/query", newest), ("Email/get", {"ids": []}))
    ids = query["ids"]
    asks = []
    for turn in range(SETS):
        some, flagged = ids[SET * (turn % 2) :][:SET], turn // 2 % 2 == 0 or None
        asks.append(person.asking(("Email/set", {"update": {one: {"keywords/$flagged": flagged} for one in some}})))
    changes = ("Email/changes", {"sinceState": got["state"]})
    yield from bench.once(f"Email/set of {SET}", asks[:-2])
    (told,) = person.told(changes)
    if sorted(told["updated"]) != sorted(ids) or told["hasMoreChanges"]:
        raise RuntimeError(f"{bench.server.name}: Email/changes tells of {len(told['updated'])} of {len(ids)}")
    yield from bench.again(f"Email/changes after {CHANGED:,} changes", [person.asking(changes)])
    bench.once("", asks[-2:])


def _blobs(bench: Bench, number: int, size_bytes: int) -> Iterator[Value]:
    """Each is new; the last comes back."""
    person = bench.people[0]
    dice = random.Random(number)  # noqa: S311 - not for secrets
    blobs = [dice.randbytes(size_bytes) for _ in range(BLOBS)]
    size = f"{size_bytes / 1e6:g} MB"
    yield from bench.once(f"upload of {size}", [person.uploading(blob) for blob in blobs])
    blob_id = person.sent(person.uploading(blobs[-1]))["blobId"]
    yield from bench.once(f"download of {size}", [person.downloading(blob_id, blobs[-1])] * BLOBS)
