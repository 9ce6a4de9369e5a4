"""actors/mailbox/state.py and decide.py: what commands do, and that the log alone says it all."""

from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from actors.mailbox import events as ev
from actors.mailbox.changing import UID_MAX
from actors.mailbox.decide import Context, Decision, decide, entries_of, first_events
from actors.mailbox.index import Index, ranges_of
from actors.mailbox.state import Account, decode_head, encode_head
from actors.mailbox.types import (
    DELETED,
    FLAGGED,
    INBOX,
    KEYWORD_SHIFT,
    KEYWORDS_MAX,
    SEEN,
    Add,
    Added,
    Changed,
    Command,
    Copy,
    Create,
    Delete,
    Expunge,
    Item,
    Open,
    Opened,
    Prepared,
    Quota,
    Rename,
    Reply,
    SetFlags,
    Subscribe,
)
from cluster.errors import AlreadyExists, NotFound, OverLimit, OverQuota, Refused, Trouble
from cluster.meta.store import VALUE_BYTES_MAX

NOW = 1_700_000_000_000


def message(size: int = 10) -> Prepared:
    return Prepared(b"d" * 32, size, b"record", b"packed")


def item(flags: int = 0, *keywords: str, size: int = 10) -> Item:
    return Item(message(size), NOW, flags, keywords)


class Log:
    """An account with its log, as a shard holds it."""

    def __init__(self, context: Context | None = None) -> None:
        self.context = context or Context(NOW)
        self.account = Account(1, 1)
        self.entries: list[ev.Entry] = []
        self.commit(Decision([first_events(self.context)]))

    def commit(self, decision: Decision) -> Reply:
        for made in entries_of(decision, self.context.now_ms):
            stored = ev.encode(made)
            assert len(stored) <= VALUE_BYTES_MAX
            entry = ev.decode(stored)
            self.entries.append(entry)
            self.account.apply(len(self.entries), entry)
            self.account.check()
        return decision.reply(self.account)

    def do(self, command: Command) -> Any:
        return self.commit(decide(self.account, command, self.context))

    def box(self, name: str = INBOX) -> int:
        return self.account.by_name[name]

    def uids(self, name: str = INBOX) -> list[int]:
        index = self.account.mailboxes[self.box(name)].index
        assert index is not None
        return [int(uid) for uid in index.uids]

    def flags(self, name: str = INBOX) -> list[int]:
        index = self.account.mailboxes[self.box(name)].index
        assert index is not None
        return [int(word) for word in index.flags]


def test_an_account_begins_with_the_special_use_mailboxes() -> None:
    tree = Log().account.tree()
    assert [(box.name, box.role) for box in tree.mailboxes] == [
        ("Archive", "archive"),
        ("Drafts", "drafts"),
        ("INBOX", "inbox"),
        ("Junk", "junk"),
        ("Sent", "sent"),
        ("Trash", "trash"),
    ]
    assert len({box.uidvalidity for box in tree.mailboxes}) == 6


def test_add_gives_ascending_uids_and_remembers_its_key() -> None:
    log = Log()
    first = log.do(Add(INBOX, (item(), item(SEEN)), b"key"))
    again = log.do(Add(INBOX, (item(), item(SEEN)), b"key"))
    assert first == again
    assert first.uids == ((1, 2),)
    assert log.do(Add(INBOX, (item(),))).uids == ((3, 3),)
    assert log.uids() == [1, 2, 3]
    assert log.account.mailboxes[log.box()].unseen == 2


def test_a_delivery_to_a_missing_mailbox_goes_to_inbox_and_an_append_does_not() -> None:
    log = Log()
    assert log.do(Add("Lists", (item(),), deliver=True)).mailbox == log.box(INBOX)
    with pytest.raises(NotFound):
        log.do(Add("Lists", (item(),)))


def test_quota() -> None:
    log = Log(Context(NOW, Quota(25, 0)))
    log.do(Add(INBOX, (item(), item())))
    with pytest.raises(OverQuota):
        log.do(Add(INBOX, (item(),)))
    with pytest.raises(OverQuota):
        log.do(Copy(log.box(), ((1, 1),), "Trash"))
    log.do(Copy(log.box(), ((1, 1),), "Trash", move=True))
    log.context = Context(NOW, Quota(0, 2))
    with pytest.raises(OverQuota):
        log.do(Add(INBOX, (item(),)))


def test_uids_have_an_end() -> None:
    """What comes after it is refused by itself, and does not take the others of its batch along."""
    log = Log(Context(NOW))
    log.do(Add(INBOX, (item(),)))
    log.account.mailboxes[log.box()].uidnext = UID_MAX
    log.do(Add(INBOX, (item(),)))
    with pytest.raises(OverLimit):
        log.do(Add(INBOX, (item(),)))
    with pytest.raises(OverLimit):
        log.do(Copy(log.box(), ((1, 1),), INBOX))
    log.do(Copy(log.box(), ((1, UID_MAX),), "Trash", move=True))


def test_store_says_what_changed_and_what_did_not() -> None:
    log = Log()
    log.do(Add(INBOX, tuple(item() for _ in range(4))))
    changed = log.do(SetFlags(log.box(), ((2, 3), (9, 9)), "add", SEEN))
    assert changed.uids == ((2, 3),)
    assert log.do(SetFlags(log.box(), ((1, 2),), "add", SEEN)).uids == ((1, 1),)
    refused = log.do(SetFlags(log.box(), ((1, 4),), "replace", FLAGGED, ("work",), unchanged_since=changed.modseq))
    assert refused.failed == ((1, 1),)
    assert log.flags() == [SEEN, *[FLAGGED | 1 << KEYWORD_SHIFT] * 3]
    log.do(SetFlags(log.box(), ((1, 9),), "remove", FLAGGED | SEEN, ("WORK", "unknown")))
    assert log.flags() == [0] * 4
    assert log.account.keywords == ["work"]


def test_keywords_are_bounded() -> None:
    log = Log()
    names = tuple(f"k{n}" for n in range(KEYWORDS_MAX))
    log.do(Add(INBOX, (item(0, *names),)))
    assert log.flags() == [(1 << KEYWORDS_MAX + KEYWORD_SHIFT) - (1 << KEYWORD_SHIFT)]
    with pytest.raises(Refused):
        log.do(SetFlags(log.box(), ((1, 1),), "add", 0, ("onemore",)))
    with pytest.raises(Refused):
        log.do(Add(INBOX, (item(0, "x" * 256),)))


def test_expunge_takes_only_the_deleted() -> None:
    log = Log()
    log.do(Add(INBOX, tuple(item(DELETED * (n % 2)) for n in range(6))))
    decision = decide(log.account, Expunge(log.box(), ((1, 4),)), log.context)
    assert [emails.tolist() for emails in decision.dropped] == [[2, 4]]
    assert log.commit(decision).uids == ((2, 2), (4, 4))  # type: ignore[union-attr]
    assert log.do(Expunge(log.box())).uids == ((6, 6),)
    assert log.uids() == [1, 3, 5]
    assert log.do(Add(INBOX, (item(),))).uids == ((7, 7),)


def test_copy_adds_memberships_and_move_takes_them_along() -> None:
    log = Log()
    log.do(Add(INBOX, (item(SEEN, "k"), item(), item())))
    decision = decide(log.account, Copy(log.box(), ((1, 1), (3, 9)), "Archive"), log.context)
    assert decision.copied == [1, 3]
    answer = log.commit(decision)
    assert isinstance(answer, Added)
    assert (answer.source, answer.uids) == (((1, 1), (3, 3)), ((1, 2),))
    decision = decide(log.account, Copy(log.box(), ((2, 3),), "Archive", move=True), log.context)
    assert (decision.copied, decision.dropped) == ([], [])
    log.commit(decision)
    assert log.uids() == [1]
    assert log.uids("Archive") == [1, 2, 3, 4]
    assert log.flags("Archive")[0] == SEEN | 1 << KEYWORD_SHIFT
    assert log.do(Copy(log.box(), ((7, 9),), "Archive")).uids == ()
    with pytest.raises(NotFound):
        log.do(Copy(log.box(), ((1, 1),), "Nowhere"))


def test_a_scattered_change_is_cut_into_entries_that_fit_a_value() -> None:
    log = Log()
    count = 2 * ev.RANGES_PER_EVENT_MAX + 10
    log.do(Add(INBOX, tuple(item(SEEN * (n % 2)) for n in range(2 * count))))
    before = len(log.entries)
    log.do(SetFlags(log.box(), ((1, 2 * count),), "add", SEEN))
    assert len(log.entries) - before == 3
    assert log.account.mailboxes[log.box()].unseen == 0
    assert all(len(ev.encode(entry)) < 100_000 for entry in log.entries)


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (Create("inbox"), AlreadyExists),
        (Create("a//b"), Refused),
        (Create("All my drafts", "drafts"), Refused),
        (Delete("INBOX"), Refused),
        (Delete("nothing"), NotFound),
        (Delete("a"), Refused),
        (Rename("nothing", "x"), NotFound),
        (Rename("Sent", "Trash"), AlreadyExists),
        (Rename("a", "a/b/c/d"), Refused),
        (Rename("Sent", "INBOX"), AlreadyExists),
        (Open("nothing"), NotFound),
    ],
)
def test_refusals(command: Command, error: type[Trouble]) -> None:
    log = Log()
    log.do(Create("a/b/c"))
    with pytest.raises(error):
        log.do(command)


def test_rename_takes_what_is_below_along() -> None:
    log = Log()
    log.do(Create("a/b"))
    log.do(Create("a/b/c"))
    log.do(Add("a/b/c", (item(),)))
    log.do(Rename("a", "z/y"))
    assert {"z/y/b", "z/y/b/c"} <= set(log.account.by_name)
    assert "a/b" not in log.account.by_name
    assert log.uids("z/y/b/c") == [1]


def test_a_rename_of_many_long_names_is_cut_into_entries_that_fit_a_value() -> None:
    log = Log()
    long = "x" * 380
    for number in range(300):
        log.do(Create(f"a/{long}{number:03}"))
    log.do(Rename("a", "b"))
    assert sorted(name for name in log.account.by_name if "/" in name) == [f"b/{long}{n:03}" for n in range(300)]


def test_rename_of_inbox_moves_its_messages() -> None:
    log = Log()
    log.do(Create("INBOX/below"))
    log.do(Add(INBOX, (item(), item(SEEN))))
    log.do(Rename("inbox", "Old"))
    assert (log.uids(), log.uids("Old")) == ([], [1, 2])
    assert "INBOX/below" in log.account.by_name
    assert log.do(Add(INBOX, (item(),))).uids == ((3, 3),)


def test_a_name_made_again_has_a_higher_uidvalidity() -> None:
    log = Log()
    log.do(Create("x"))
    first = log.account.mailboxes[log.box("x")].uidvalidity
    log.do(Delete("x"))
    log.do(Create("x"))
    assert log.account.mailboxes[log.box("x")].uidvalidity > first


def test_subscriptions_outlive_mailboxes() -> None:
    log = Log()
    log.do(Subscribe("No/such"))
    log.do(Delete("Junk"))
    assert {"No/such", "Junk"} <= log.account.subscriptions
    log.do(Subscribe("Junk", on=False))
    assert "Junk" not in log.account.subscriptions


def test_recent_goes_to_one_session() -> None:
    log = Log()
    log.do(Add(INBOX, (item(), item())))
    looked = log.do(Open(INBOX))
    first = log.do(Open(INBOX, claim=True))
    second = log.do(Open(INBOX, claim=True))
    assert isinstance(looked, Opened)
    assert [range(o.recent_from, o.recent_below) for o in (looked, first, second)] == [
        range(1, 3),
        range(1, 3),
        range(3, 3),
    ]
    log.context = Context(NOW, watched=lambda mailbox: mailbox == log.box())
    log.do(Add(INBOX, (item(),)))
    assert log.do(Open(INBOX)).info.recent == 0


NAMES = st.sampled_from(["INBOX", "Trash", "a", "a/b", "a/b/c", "d", "inbox/x"])
RANGES = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 3)), max_size=3).map(
    lambda pairs: tuple((low, low + length) for low, length in sorted(pairs))
)
WORDS = st.integers(0, 31)
KEYWORDS = st.lists(st.sampled_from(["a", "B", "c"]), max_size=2).map(tuple)


class Commands(RuleBasedStateMachine):
    """Whatever commands come: invariants hold, and log or snapshot plus log rebuild the same account."""

    @initialize()
    def begin(self) -> None:
        self.log = Log()
        self.kept: tuple[int, bytes, dict[int, Index]] = (0, b"", {})

    def _try(self, command: Command) -> None:
        try:
            self.log.do(command)
        except Trouble:
            self.log.account.check()

    @rule(name=NAMES, flags=st.lists(WORDS, min_size=1, max_size=4), keywords=KEYWORDS)
    def add(self, name: str, flags: list[int], keywords: tuple[str, ...]) -> None:
        self._try(Add(name, tuple(item(word, *keywords) for word in flags)))

    @rule(name=NAMES, uids=RANGES, mode=st.sampled_from(["add", "remove", "replace"]), flags=WORDS, keywords=KEYWORDS)
    def store(self, name: str, uids: Any, mode: Any, flags: int, keywords: tuple[str, ...]) -> None:
        box = self.log.account.named(name)
        self._try(SetFlags(box.id if box else 99, _merged(uids), mode, flags, keywords))

    @rule(name=NAMES, uids=st.none() | RANGES)
    def expunge(self, name: str, uids: Any) -> None:
        box = self.log.account.named(name)
        self._try(Expunge(box.id if box else 99, None if uids is None else _merged(uids)))

    @rule(name=NAMES, onto=NAMES, uids=RANGES, move=st.booleans())
    def copy(self, name: str, onto: str, uids: Any, move: bool) -> None:
        box = self.log.account.named(name)
        self._try(Copy(box.id if box else 99, _merged(uids), onto, move))

    @rule(name=NAMES)
    def create(self, name: str) -> None:
        self._try(Create(name))

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        self._try(Delete(name))

    @rule(name=NAMES, to=NAMES)
    def rename(self, name: str, to: str) -> None:
        self._try(Rename(name, to))

    @rule()
    def snapshot(self) -> None:
        account = self.log.account
        indexes = {box.id: box.index.share() for box in account.mailboxes.values() if box.index is not None}
        self.kept = (account.modseq, encode_head(account), indexes)

    @invariant()
    def rebuilds(self) -> None:
        modseq, head, indexes = self.kept
        for unloaded in (False, True):
            again = decode_head(head, 1, 1) if head else Account(1, 1)
            for number, entry in enumerate(self.log.entries[modseq:], start=modseq + 1):
                again.apply(number, entry)
            for box in again.mailboxes.values():
                if box.index is None:
                    # Pages may be newer than the head: replay passes over what they have seen.
                    newest = self.log.account.mailboxes[box.id].index
                    assert newest is not None
                    box.loaded(newest.share() if unloaded else indexes[box.id].share())
            again.check()
            assert _seen(again) == _seen(self.log.account)


def _merged(ranges: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    numbers = sorted({n for low, high in ranges for n in range(low, high + 1)})
    return ranges_of(np.array(numbers, np.uint32))


def _seen(account: Account) -> Any:
    rows = {
        box.id: [box.index.uids.tolist(), box.index.flags.tolist(), box.index.modseqs.tolist()]
        for box in account.mailboxes.values()
        if box.index is not None
    }
    return account.tree(), rows, account.next_email, account.next_mailbox


Commands.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
test_commands = Commands.TestCase


def test_changed_answers_carry_modseq() -> None:
    log = Log()
    log.do(Add(INBOX, (item(),)))
    reply = log.do(SetFlags(log.box(), ((1, 1),), "add", SEEN))
    assert isinstance(reply, Changed)
    assert reply.modseq == log.account.modseq == 3
