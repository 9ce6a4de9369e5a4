"""SORT and THREAD over random mailboxes are what slow, plain references make of the messages' records."""

import random
import re
from collections.abc import Callable
from functools import cmp_to_key
from typing import Any

import pytest

from actors.search.entry import entry_of
from mail.message import sorting
from mail.message.record import Record, read_message
from mail.message.thread import is_reply, parents_of
from tests.unit.actors.search import making
from tests.unit.gateway.imap.indexed import Asked, IndexedWorld
from tests.unit.gateway.imap.world import ALICE, Client, message
from tests.unit.mail.message.slow_threading import Slow

MESSAGES = 40
COPIES = 5
WORDS = ("apple", "Ärger", "banana", "arger", "BANANA", "zoo", "日本", "")
NAMES = ("Zoe", "émile", "", "Adam", "ADAM", "=?utf-8?q?=C3=84nne?=")

_KEYS: dict[str, Callable[[Record, int], Any]] = {
    "ARRIVAL": lambda _record, date_ms: date_ms // 1000,
    "SIZE": lambda record, _date: record.size,
    "DATE": sorting.sent_s,
    "SUBJECT": lambda record, _date: sorting.subject(record).encode(),
    "FROM": lambda record, _date: sorting.mailbox_from(record).encode(),
    "TO": lambda record, _date: sorting.mailbox_to(record).encode(),
    "CC": lambda record, _date: sorting.mailbox_cc(record).encode(),
    "DISPLAYFROM": lambda record, _date: sorting.display_from(record).encode(),
    "DISPLAYTO": lambda record, _date: sorting.display_to(record).encode(),
}


def _letter(dice: random.Random) -> bytes:
    lines = []
    for name in ("From", "To", "Cc"):
        if dice.random() < 0.8:
            people = [f"{dice.choice(NAMES)} <{dice.choice('abcz')}@example.test>" for _ in range(dice.randrange(1, 3))]
            lines.append(f"{name}: " + (f"group: {people[0]};" if dice.random() < 0.1 else ", ".join(people)))
    if dice.random() < 0.8:
        lines.append(f"Subject: {dice.choice(('', 'Re: ', '[list] ', 'Fwd: '))}{dice.choice(WORDS)}")
    if dice.random() < 0.7:
        lines.append(f"Date: Mon, {dice.randrange(1, 5)} Feb 2021 10:00:00 +0{dice.randrange(3)}00")
    if dice.random() < 0.9:
        lines.append(f"Message-ID: <{dice.randrange(MESSAGES)}@example.test>")
    if dice.random() < 0.6:
        ids = " ".join(f"<{dice.randrange(MESSAGES)}@example.test>" for _ in range(dice.randrange(1, 4)))
        lines.append(f"{dice.choice(('References', 'In-Reply-To'))}: {ids}")
    return ("\r\n".join([*lines, "", ""]) + "x" * dice.randrange(5)).encode()


class _Mailbox:
    def __init__(self, dice: random.Random) -> None:
        self.raws = [_letter(dice) for _ in range(MESSAGES)]
        self.records = [read_message(raw) for raw in self.raws]
        self.days = [dice.randrange(1, 4) for _ in range(MESSAGES)]
        self.dates_ms = [(1_612_137_600 + 86_400 * (day - 1)) * 1000 for day in self.days]
        self.seen = {number for number in range(1, MESSAGES + 1) if dice.random() < 0.5}
        # The first come once more at the end, so that what an index knows is not the beginning of the mailbox.
        self.raws += self.raws[:COPIES]
        self.records += self.records[:COPIES]
        self.days += self.days[:COPIES]
        self.dates_ms += self.dates_ms[:COPIES]
        self.seen |= {MESSAGES + number for number in range(1, COPIES + 1) if number in self.seen}

    async def fill(self, client: Client) -> None:
        for number, (raw, day) in enumerate(zip(self.raws[:MESSAGES], self.days, strict=False), 1):
            flags = b"\\Seen" if number in self.seen else b""
            await client.ok(b'APPEND INBOX (%b) "0%d-Feb-2021 00:00:00 +0000" {%d+}\r\n' % (flags, day, len(raw)) + raw)
        await client.ok("SELECT INBOX")
        await client.ok(f"COPY 1:{COPIES} INBOX")

    def sorted(self, numbers: list[int], criteria: list[tuple[str, bool]]) -> list[int]:
        def compare(one: int, other: int) -> int:
            for name, is_reverse in criteria:
                mine, its = (_KEYS[name](self.records[at - 1], self.dates_ms[at - 1]) for at in (one, other))
                if mine != its:
                    return -1 if (mine < its) != is_reverse else 1
            return one - other

        return sorted(numbers, key=cmp_to_key(compare))

    def threaded(self, numbers: list[int], *, by_subject: bool) -> str:
        records = [self.records[number - 1] for number in numbers]
        sent = [sorting.sent_s(record, self.dates_ms[at - 1]) for record, at in zip(records, numbers, strict=True)]
        slow = Slow(
            [record.message_id for record in records],
            [parents_of(record) for record in records],
            sent,
            [sorting.subject(record) for record in records],
            [is_reply(record.subject or "") for record in records],
        )
        # The rows that it tells are places among what was found.
        words = slow.thread(by_subject=by_subject).replace("(", " ( ").replace(")", " ) ").split()
        text = " ".join(str(numbers[int(word)]) if word.isdigit() else word for word in words)
        return text.replace("( ", "(").replace(" )", ")").replace(") (", ")(")

    def latest(self, thread: str) -> tuple[int, int]:
        """The latest arrival in a thread."""
        return max((self.days[number - 1], number) for number in map(int, re.findall("[0-9]+", thread)))


def _threads(text: str) -> list[str]:
    """The threads of a THREAD response, apart."""
    found, depth = [""], 0
    for char in text:
        depth += {"(": 1, ")": -1}.get(char, 0)
        found[-1] += char
        if not depth:
            found.append("")
    return found[:-1]


@pytest.mark.parametrize(("seed", "recent", "left"), [(1, 0, 0), (2, 10, 0), (3, 0, 15), (4, 5, MESSAGES - 5)])
async def test_sort_and_thread(seed: int, recent: int, left: int) -> None:
    dice = random.Random(seed)
    box = _Mailbox(dice)
    async with IndexedWorld() as world:
        client = await world.connect("alice")
        await box.fill(client)
        await client.ok("EXAMINE INBOX")
        await world.index(recent=recent, left=left)
        everything = list(range(1, MESSAGES + COPIES + 1))
        for key, numbers in (("ALL", everything), ("UNSEEN", [n for n in everything if n not in box.seen])):
            for _ in range(25):
                criteria = [(name, dice.random() < 0.4) for name in dice.sample([*_KEYS], dice.randrange(1, 4))]
                words = " ".join(f"REVERSE {name}" if is_reverse else name for name, is_reverse in criteria)
                lines = await client.ok(f"SORT ({words}) UTF-8 {key}")
                assert list(map(int, lines[0].split()[2:])) == box.sorted(numbers, criteria), words
            lines = await client.ok(f"THREAD REFERENCES UTF-8 {key}")
            assert lines[0].decode() == f"* THREAD {box.threaded(numbers, by_subject=True)}"
            lines = await client.ok(f"UID THREAD REFS UTF-8 {key}")
            threads = _threads(box.threaded(numbers, by_subject=False))
            assert lines[0].decode() == f"* THREAD {''.join(sorted(threads, key=box.latest))}"
        assert world.mail.opened == 0


async def test_what_is_indexed_is_sorted_without_reading_it() -> None:
    async with IndexedWorld() as world:
        for number in range(20):
            await world.deliver(message(f"letter {number % 7}"))
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        await world.index(recent=4, left=2)
        await client.ok("SORT (SUBJECT DATE) UTF-8 ALL")
        assert world.mail.read == 2
        await client.ok("UID SORT (SUBJECT DATE) UTF-8 ALL")  # the same messages: their order is known
        await client.ok("SORT (ARRIVAL REVERSE SIZE) UTF-8 ALL")
        assert world.mail.read == 2
        await client.ok("THREAD REFERENCES UTF-8 ALL")
        assert world.mail.read == 4
        await client.ok("UID THREAD REFERENCES UTF-8 ALL")
        assert world.mail.read == 4
        await client.ok("STORE 3 +FLAGS.SILENT (\\Deleted)")
        await client.ok("EXPUNGE")
        lines = await client.ok("SORT (SUBJECT DATE) UTF-8 ALL")  # one message less: another order
        assert sorted(map(int, lines[0].split()[2:])) == list(range(1, 20))
        assert world.memory.wanted == {11}


async def test_relevancy_orders_what_fuzzy_finds() -> None:
    """RFC 6203: other forms of words are found, the better ones first; what is exact fits best."""
    async with IndexedWorld() as world:
        subjects = ["the runners were running far", "nothing of the kind", "we run", "he runs and jumps", "jumps"]
        for subject in subjects:
            await world.deliver(message(subject))
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        await world.index(left=1)
        assert await _scores(client, "SEARCH RETURN (ALL RELEVANCY) FUZZY SUBJECT run") == ("1,3:4", [1, 2, 1])
        assert (await client.ok("SORT (RELEVANCY) UTF-8 FUZZY SUBJECT run"))[0] == b"* SORT 3 1 4"
        assert (await client.ok("SORT (REVERSE RELEVANCY) UTF-8 FUZZY SUBJECT run"))[0] == b"* SORT 1 4 3"
        sort = "SORT RETURN (ALL RELEVANCY) (RELEVANCY) UTF-8 FUZZY SUBJECT run"
        assert await _scores(client, sort) == ("3,1,4", [2, 1, 1])
        lines = await client.ok(sort.replace("ALL", "PARTIAL 1:2"))
        assert re.fullmatch(rb'\* ESEARCH \(TAG "t"\) PARTIAL \(1:2 3,1\) RELEVANCY \(100 [0-9]+\)', lines[0])
        # several keys are as good as their mean, alternatives as the best; what is behind the index fits as it is
        both = "SEARCH RETURN (ALL RELEVANCY) FUZZY (SUBJECT run SUBJECT jumps)"
        assert await _scores(client, both) == ("4", [1])
        one = "SEARCH RETURN (ALL RELEVANCY) OR FUZZY SUBJECT runs FUZZY SUBJECT jumps"
        assert await _scores(client, one) == ("1,3:5", [1, 1, 2, 2])
        assert (await client.ok("SEARCH NOT FUZZY SUBJECT run"))[0] == b"* SEARCH 2 5"
        lines = await client.ok("SEARCH RETURN (ALL RELEVANCY) FUZZY SEEN")
        assert lines[0] == b'* ESEARCH (TAG "t")'


async def test_fuzzy_finds_what_has_no_other_forms_as_it_stands() -> None:
    """Signs and accents alone are no words; a header's words are known, but not in which field they are."""
    async with IndexedWorld() as world:
        for number in range(40):
            await world.deliver(message(f"e\u0301 !! letter {number}", sender=f"run{number % 2}@example.test"))
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        everything = b"* SEARCH " + b" ".join(b"%d" % number for number in range(1, 41))
        for recent, left in ((0, 0), (20, 0), (0, 20), (40, 0)):
            await world.index(recent=recent, left=left)
            for needle in ("", "!!", "\u0301"):
                for field in ("TEXT", "SUBJECT", "HEADER Subject"):
                    literal = f"{{{len(needle.encode())}+}}\r\n{needle}"
                    lines = await client.ok(f"SEARCH CHARSET UTF-8 FUZZY {field} {literal}")
                    assert lines[0] == everything, (recent, left, needle, field)
            assert (await client.ok("SEARCH FUZZY HEADER Subject run1"))[0] == b"* SEARCH"
            assert (await client.ok("SEARCH FUZZY HEADER From run1 1:5"))[0] == b"* SEARCH 2 4"
            assert (await client.ok("SEARCH RETURN (COUNT RELEVANCY) FUZZY TEXT nowhere"))[0].endswith(b" COUNT 0")


@pytest.mark.parametrize("recent", [0, 40])
async def test_scores_say_nothing_of_what_may_not_be_read(recent: int) -> None:
    """How rare a word is counts among the messages of the mailbox alone where somebody else reads it."""
    told = set()
    for hidden in ("plums of mine", "about the weather"):
        async with IndexedWorld() as world:
            alice = await world.connect("alice")
            await alice.ok("CREATE open")
            for number in range(20):
                await world.deliver(message(f"{('apples', 'plums')[number % 2]} {number}"))
            await alice.ok("SELECT INBOX")
            await alice.ok("MOVE 1:* open")
            for number in range(20):
                await world.deliver(message(f"{hidden} {number}"))
            await alice.ok("SETACL open bob lr")
            await _indexed_all(world, recent)
            bob = await world.connect("bob")
            await bob.ok('EXAMINE "Other Users/alice/open"')
            lines = await bob.ok('SEARCH RETURN (ALL RELEVANCY) FUZZY SUBJECT "apples plums"')
            assert b" ALL 1:20 " in lines[0]
            told.add(lines[0])
            lines = await bob.ok(
                'ESEARCH IN (MAILBOXES "Other Users/alice/open") RETURN (RELEVANCY) FUZZY SUBJECT "apples plums"'
            )
            told.add(lines[0].partition(b"RELEVANCY")[2])
    assert len(told) == 2


async def _indexed_all(world: IndexedWorld, recent: int) -> None:
    """All mail of alice, whatever mailbox it is in."""
    entries = []
    for mailbox in ("open", "INBOX"):
        hold = await world.mail.select(ALICE, mailbox, read_only=True, changed=lambda: None)
        emails = hold.view.index.emails.tolist()
        await hold.close()
        for email, one in zip(emails, await world.mail.messages(ALICE, emails), strict=True):
            assert one is not None
            entries.append(entry_of(email, await world.mail.content(one), one.record))
    entries.sort(key=lambda entry: entry.email)
    old, new = entries[: len(entries) - recent], entries[len(entries) - recent :]
    world.memory.made[ALICE] = Asked(making.index_of([making.part_of(old)] if old else [], new))


async def _scores(client: Client, text: str) -> tuple[str, list[int]]:
    """What was found, and the ranks of its scores, the best the highest."""
    found = re.fullmatch(
        r'\* ESEARCH \(TAG "t"\) ALL (\S+) RELEVANCY \(([0-9 ]+)\)', (await client.ok(text))[0].decode()
    )
    assert found is not None
    scores = [int(score) for score in found[2].split()]
    assert all(0 < score <= 100 for score in scores)
    ranks = sorted(set(scores))
    return found[1], [ranks.index(score) + 1 for score in scores]
