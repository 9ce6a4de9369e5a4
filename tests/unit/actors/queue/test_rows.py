"""actors/queue/rows.py: every version is read, nothing else is, and the largest entry there can be fits."""

from pathlib import Path

import msgspec
import pytest

from actors.queue import keys, rows
from actors.queue.entry import ENDED, Condition, Entry
from actors.queue.types import Envelope, Fate, Owed, Recipient, Result, Step, Told
from cluster.errors import Corrupt
from cluster.meta.store import VALUE_BYTES_MAX

FIRST = Path(__file__).parent / "rows" / "version-1"


def test_what_the_first_version_wrote_is_read() -> None:
    """The files are rows as the release before wrote them: waiting, lent, delivered, of a long history."""
    found = {path.stem: rows.load(path.read_bytes()) for path in sorted(FIRST.glob("*.row"))}
    assert found.keys() == {"waiting", "lent", "delivered", "long"}
    for entry in found.values():
        assert entry.mail.recipients == (Recipient("b@example.net"), Recipient("c@example.net"))
        assert rows.load(rows.store(entry)) == entry
    assert [entry.now.status for entry in found.values()] == ["delivered", "lent", "waiting", "waiting"]
    waiting = found["waiting"].shown(bytes(16), whole=True)
    assert (waiting.attempts, waiting.fates[1].result) == (1, Result("deferred", said="451 later"))
    assert found["lent"].now.wake_ms == found["lent"].now.lease_ms == 1_700_000_060_000
    assert found["delivered"].now.ended
    assert found["long"].now.attempts == 45


@pytest.mark.parametrize("stored", [b"", b"\1", b"\2", b"\3\x80", b"\2\xc0", b"\x80", b"\xff" * 100])
def test_what_is_none_is_corrupt(stored: bytes) -> None:
    with pytest.raises(Corrupt):
        rows.load(stored)


def test_recipients_that_are_not_there_are_corrupt() -> None:
    mail = Envelope("x.test", "", (Recipient("a@x.test"),), bytes(32), 1)
    for entry in (
        Entry(mail, Condition(heard=(Told(Result("failed"), (1,)),)), ()),
        Entry(mail, Condition(owed=(Owed("failure", (-1,)),)), ()),
        Entry(mail, Condition(delayed=(7,)), ()),
        Entry(mail, Condition(), (Step("failed", 1, told=(Told(Result("failed"), (0, 1)),)),)),
        Entry(msgspec.structs.replace(mail, recipients=()), Condition(), ()),
    ):
        with pytest.raises(Corrupt):
            rows.load(rows.store(entry))


def worst(index: int) -> Result:
    """As long as a hostile server can make it, for every recipient another."""
    return Result(
        "deferred", 451, "4.999.999", f"{index}" + "é" * 5000, "h" * 300, "f" * 45, "t" * 300, "dane", cause="c" * 100
    )


def test_the_largest_entry_fits_a_row() -> None:
    from actors.queue.state import Queue
    from actors.queue.types import Report

    people = tuple(Recipient(f"{n:03}{'x' * 150}@y", ("SUCCESS", "FAILURE", "DELAY"), "rfc822;" + "z" * 30)
                   for n in range(100))  # fmt: skip
    mail = Envelope(
        "d" * 253, "s" * 320, people, bytes(32), 2**40, ident="i" * 100, message_id="m" * 998, envid="e" * 100
    )
    entry = Entry(mail, Condition(), (Step("queued", 1, 1),))
    name, queue = keys.entry_id("x", b"1"), Queue()
    largest = 0
    for attempt in range(1, 60):
        entry = entry.then(Step("lent", attempt, attempt + 1, attempt))
        told = tuple(Told(worst(attempt * 100 + index), (index,)) for index in range(attempt % 7, 100))
        owed = (Owed("delay", tuple(range(100))),)
        decided = queue.decide(0, Report(name, attempt, told, attempt, owed), {name: entry}, attempt)
        changed = decided.changes[name]
        assert changed is not None
        entry = changed
        largest = max(largest, len(rows.store(entry)))
        again = rows.load(rows.store(entry))
        assert again.now == entry.now, "what is remembered follows from what is stored"
        assert again.timer() == entry.timer()
        for owing in entry.now.owed:
            entry = entry.then(Step("told", attempt, owed=(owing,)))
    assert entry.now.status not in ENDED
    assert largest < VALUE_BYTES_MAX


def test_words_are_whole_while_there_is_room() -> None:
    mail = Envelope("x.test", "", (Recipient("a@x.test"), Recipient("b@x.test")), bytes(32), 1)
    long = "w" * 500
    step = Step("deferred", 5, 6, 1, told=(Told(Result("deferred", said=long), (0, 1)),))
    entry = Entry(mail, Condition(), ()).then(Step("lent", 4, 9, 1)).then(step)
    shown = rows.load(rows.store(entry)).shown(bytes(16), whole=True)
    assert shown.fates == (Fate(Result("deferred", said=long), 5),) * 2


def test_that_nothing_was_tried_does_not_push_words_out() -> None:
    mail = Envelope("x.test", "", (Recipient("a@x.test"),), bytes(32), 1)
    entry = Entry(mail, Condition(), (Step("queued", 1, 1),)).then(Step("lent", 2, 9, 1))
    entry = entry.then(Step("deferred", 3, 4, 1, told=(Told(Result("deferred", 451, said="why"), (0,)),)))
    for attempt in range(2, 100):
        entry = entry.then(Step("lent", 10 * attempt, 10 * attempt + 9, attempt))
        entry = entry.then(Step("postponed", 10 * attempt + 1, 10 * attempt + 5, attempt))
        again = rows.load(rows.store(entry))
        assert (again.now, again.timer()) == (entry.now, entry.timer())
    assert [step.what for step in entry.steps] == ["queued", "lent", "deferred", "lent", "postponed"]
    assert (entry.now.attempts, entry.now.tries, entry.now.due_ms) == (99, 1, 995)
