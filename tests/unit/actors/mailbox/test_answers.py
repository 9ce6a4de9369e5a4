"""actors/mailbox/answers.py: a command with a key is carried out once, whatever lies between the two attempts."""

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.mailbox import answers
from actors.mailbox import events as ev
from actors.mailbox.state import Account, decode_head, encode_head
from actors.mailbox.types import (
    DELETED,
    FLAGGED,
    INBOX,
    SEEN,
    Add,
    Added,
    Command,
    Copy,
    Create,
    Delete,
    Exchange,
    Expunge,
    Open,
    Rename,
    Reply,
    SetFlags,
    Subscribe,
)
from cluster.errors import Trouble
from cluster.meta.memory import MemoryStore
from cluster.meta.store import VALUE_BYTES_MAX
from tests.unit.actors.mailbox.conftest import Place
from tests.unit.actors.mailbox.test_state import NAMES, NOW, RANGES, WORDS, Log, _merged, _seen, item

BOXES = st.integers(1, 8)
COMMANDS = st.one_of(
    st.builds(lambda name, flags: Add(name, tuple(item(word) for word in flags)), NAMES, st.lists(WORDS, min_size=1)),
    st.builds(
        lambda box, uids, mode, flags, since: SetFlags(box, _merged(uids), mode, flags, (), since),
        BOXES,
        RANGES,
        st.sampled_from(["add", "remove", "replace"]),
        WORDS,
        st.none() | st.integers(1, 20),
    ),
    st.builds(lambda box, uids: Expunge(box, uids and _merged(uids)), BOXES, st.none() | RANGES),
    st.builds(lambda box, uids, to, move: Copy(box, _merged(uids), to, move), BOXES, RANGES, NAMES, st.booleans()),
    st.builds(Create, NAMES),
    st.builds(Delete, NAMES),
    st.builds(Rename, NAMES, NAMES),
    st.builds(Exchange, st.lists(NAMES, max_size=3).map(tuple)),
    st.builds(Subscribe, NAMES, st.booleans()),
    st.builds(Open, NAMES, st.just(value=True)),
)


class Keyed(Log):
    """A log whose commands have keys."""

    def ask(self, command: Command, key: bytes) -> Any:
        decision = _decided(self, command, key)
        return decision if isinstance(decision, type) else self.commit(decision)

    def later(self, by_ms: int) -> None:
        """Time passes."""
        self.context = replace(self.context, now_ms=self.context.now_ms + by_ms)

    def reload(self, *, snapshot: bool) -> None:
        """As after a crash: from the log, or from head and rows."""
        account = decode_head(encode_head(self.account), 1, 1) if snapshot else Account(1, 1)
        for number, entry in enumerate(self.entries[account.modseq :], start=account.modseq + 1):
            account.apply(number, entry)
        for box in account.mailboxes.values():
            index = self.account.mailboxes[box.id].index
            assert index is not None
            if box.index is None:
                box.loaded(index.share())
        account.check()
        assert account.answers == self.account.answers
        self.account = account


def _decided(log: Log, command: Command, key: bytes) -> Any:
    from actors.mailbox.decide import decide

    try:
        return decide(log.account, command, log.context, key)
    except Trouble as trouble:
        return type(trouble)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(COMMANDS, st.booleans(), st.sampled_from([None, True, False])), min_size=1, max_size=15))
def test_twice_is_once(steps: list[tuple[Command, bool, bool | None]]) -> None:
    once, twice = Keyed(), Keyed()
    begun: list[tuple[Command, bytes, Any]] = []
    for number, (command, again, crash) in enumerate(steps):
        key = b"%d" % number
        expected = once.ask(command, key)
        assert twice.ask(command, key) == expected
        if crash is not None:
            twice.reload(snapshot=crash)
        if again and not isinstance(expected, type):
            begun.append((command, key, expected))
            before = len(twice.entries)
            assert _plain(twice.ask(command, key)) == _plain(expected)
            assert len(twice.entries) == before or not _changed(once, key)
        assert _seen(twice.account) == _seen(once.account)


def _changed(log: Log, key: bytes) -> bool:
    return any(entry.idem == key for entry in log.entries)


def _plain(reply: Any) -> Any:
    """What must be the same: the mailbox of Open is told as it is."""
    return (reply.recent_from, reply.recent_below) if hasattr(reply, "recent_from") else reply


def test_answers_of_many_messages_are_put_together_again() -> None:
    log = Keyed()
    for _ in range(5):
        log.do(Add(INBOX, tuple(item() for _ in range(1000))))
    every_other = tuple((uid, uid) for uid in range(1, 5001, 2))
    copied = log.ask(Copy(1, every_other, "Trash"), b"c")
    flagged = log.ask(SetFlags(1, every_other, "add", DELETED, (), 0), b"f0")
    stored = log.ask(SetFlags(1, ((1, 5000),), "add", FLAGGED), b"f")
    since = log.account.modseq
    log.do(SetFlags(1, every_other, "add", SEEN))
    mixed = log.ask(SetFlags(1, ((1, 5000),), "add", DELETED, (), since), b"m")
    moved = log.ask(Copy(1, ((1, 5000),), "Archive", move=True), b"v")
    assert isinstance(copied, Added)
    assert copied.source == every_other
    assert len(mixed.failed) == len(mixed.uids) == 2500
    assert moved.uids == ((1, 5000),)
    assert log.entries[-1].answer is not None
    assert all(len(ev.encode(entry)) < VALUE_BYTES_MAX for entry in log.entries)
    log.reload(snapshot=False)
    entries = len(log.entries)
    for key, reply in ((b"c", copied), (b"f", stored), (b"m", mixed), (b"v", moved)):
        again = log.ask(Subscribe("other"), key)  # the key alone says which it was
        assert again == reply
    assert len(log.entries) == entries
    assert flagged.uids == ()


def test_an_add_in_several_entries_is_answered_in_the_same_words() -> None:
    log = Keyed()
    first = log.ask(Add(INBOX, tuple(item() for _ in range(5000))), b"k")
    assert first.uids == ((1, 5000),)
    log.reload(snapshot=True)
    assert log.ask(Add(INBOX, (item(),)), b"k") == first


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "IDEMS_MAX", 3)
    log = Keyed()
    for number in range(5):
        log.ask(Subscribe("x", number % 2 == 0), b"%d" % number)
        log.ask(Add(INBOX, (item(),)), b"a%d" % number)
        log.later(answers.KEPT_MS)
    assert list(log.account.answers.others) == [b"2", b"3", b"4"]
    assert list(log.account.answers.added) == [b"a2", b"a3", b"a4"]
    monkeypatch.setattr(answers, "RANGES_MAX", 4)
    for uid in (1, 3):
        log.ask(SetFlags(1, ((uid, uid),), "add", SEEN), b"f%d" % uid)
        log.later(answers.KEPT_MS)
    log.ask(Copy(1, ((1, 1), (3, 3), (5, 5)), "Trash"), b"c")
    assert list(log.account.answers.others) == [b"c"], "the newest stays, whatever it weighs"


def test_a_retry_within_its_time_finds_its_answer_however_much_was_asked_since() -> None:
    log = Keyed()
    added, subscribed = log.ask(Add(INBOX, (item(),)), b"a"), log.ask(Subscribe("x"), b"s")
    for number in range(2 * answers.IDEMS_MAX):
        log.ask(Add(INBOX, (item(),)), b"a%d" % number)
        log.ask(Subscribe("x", number % 2 == 1), b"s%d" % number)
    log.reload(snapshot=True)
    log.later(answers.KEPT_MS - 1)
    log.ask(Add(INBOX, (item(),)), b"later")
    entries = len(log.entries)
    assert log.ask(Add(INBOX, (item(),)), b"a") == added
    assert log.ask(Subscribe("x"), b"s") == subscribed
    assert len(log.entries) == entries


def test_a_large_answer_pushes_none_out_before_its_time() -> None:
    log = Keyed()
    log.do(Add(INBOX, tuple(item() for _ in range(15_000))))
    every_other = tuple((uid, uid) for uid in range(1, 15_001, 2))
    first = log.ask(Copy(1, every_other, "Trash"), b"1")
    log.ask(Copy(1, every_other, "Archive"), b"2")
    log.reload(snapshot=True)
    entries = len(log.entries)
    assert log.ask(Copy(1, every_other, "Trash"), b"1") == first
    assert len(log.entries) == entries


def test_also_what_is_young_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "IDEMS_MAX", 3)
    log = Keyed()
    for number in range(3 * answers.YOUNG + 2):
        log.ask(Add(INBOX, (item(),)), b"%d" % number)
    assert next(iter(log.account.answers.added)) == b"2"
    log.reload(snapshot=True)
    log.later(answers.KEPT_MS)
    log.ask(Add(INBOX, (item(),)), b"later")
    assert len(log.account.answers.added) == 3


def test_without_a_key_the_log_is_what_it_was() -> None:
    log = Log()
    for command in (Add(INBOX, (item(),), b"k"), SetFlags(1, ((1, 1),), "add", SEEN), Copy(1, ((1, 1),), "Trash")):
        log.do(command)
    for entry in log.entries:
        assert entry.answer is None
        assert len(msgspec.msgpack.decode(ev.encode(entry))) == 4


def test_heads_and_entries_of_before_are_read() -> None:
    log = Log()
    reply = log.do(Add(INBOX, (item(),), b"k"))
    head = msgspec.msgpack.decode(encode_head(log.account))
    assert head[-6] == [
        [b"k", {"mailbox": 1, "uidvalidity": reply.uidvalidity, "uids": [[1, 1]], "modseq": 2, "source": []}]
    ]
    for less in (1, 2, 3, 4, 5):
        old = decode_head(msgspec.msgpack.encode(head[:-less]), 1, 1)
        assert old.answers.get(b"k") == reply
    assert ev.decode(msgspec.msgpack.encode([1, NOW, b"", []])) == ev.Entry(1, NOW, b"", ())


async def test_a_crash_between_two_attempts_changes_nothing() -> None:
    """Through shards: each command is asked of one, and again of the next that starts."""
    commands: list[Command] = [
        Add(INBOX, (item(), item())),
        Create("x"),
        SetFlags(1, ((1, 2),), "add", DELETED),
        Copy(1, ((1, 1),), "x"),
        Copy(1, ((2, 2),), "x", move=True),
        Expunge(1),
        Rename("x", "y"),
        Subscribe("y"),
        Open("y", claim=True),
        Delete("y"),
    ]
    place = Place(MemoryStore())
    replies: list[Reply] = []
    for number, command in enumerate(commands):
        key = b"%032d" % number
        first = await place.new_owner().ask(1, command, key)
        again = await asyncio.gather(*[place.new_owner().ask(1, command, key)])
        assert [_plain(one) for one in again] == [_plain(first)]
        replies.append(first)
    account_modseq = (await place.shards[-1].ask(1, Subscribe("y"), b"0" * 31 + b"7")).modseq  # type: ignore[union-attr]
    assert account_modseq == replies[7].modseq  # type: ignore[union-attr]
    for shard in place.shards:
        await shard.stop()
