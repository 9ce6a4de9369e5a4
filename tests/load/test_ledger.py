"""The kill test's own eyes: every way to break a promise is seen."""

import pytest

from tests.load.ledger import Box, Broken, Doubled, Found, Later, Ledger, Lost
from tests.load.messages import is_whole, message, stuffed, token_of
from tests.load.wire import Answer

PLACE = ("alice", "INBOX")
NO_FLAGS: frozenset[str] = frozenset()
SEEN = frozenset({"\\Seen"})
TRACE = b"Return-Path: <a@b.c>\r\nReceived: from x ([::1])\r\n\tby y with ESMTP id z;\r\n\tMon, 1 Jan 2024 00:00:00\r\n"


@pytest.fixture
def ledger() -> Ledger:
    """One message was sent to alice and acknowledged."""
    made = Ledger()
    made.acknowledge(made.sending("t", PLACE, traced=True), "SMTP")
    return made


@pytest.fixture
def box(ledger: Ledger) -> Box:
    """It was found as UID 1."""
    ledger.found(Found(1, 10, NO_FLAGS), "t", PLACE)
    found = ledger.box(PLACE)
    found.opened(7, 2)
    found.uidnext = 2
    return found


def test_lost(ledger: Ledger) -> None:
    with pytest.raises(Broken, match="are lost"):
        ledger.round_is_over()


def test_found_twice(ledger: Ledger, box: Box) -> None:
    with pytest.raises(Broken, match="also UID 1"):
        ledger.found(Found(2, 10, NO_FLAGS), "t", PLACE)


def test_sent_again_and_kept_once(ledger: Ledger, box: Box) -> None:
    ledger.acknowledge(ledger.sending("t", PLACE, traced=True), "SMTP")
    assert ledger.round_is_over() == []


def test_from_nowhere(ledger: Ledger) -> None:
    with pytest.raises(Broken, match="nobody sent"):
        ledger.found(Found(1, 10, NO_FLAGS), "u", PLACE)


def test_unanswered_and_late() -> None:
    ledger = Ledger()
    unanswered = ledger.sending("t", PLACE, traced=True)
    assert ledger.round_is_over() == [unanswered]
    with pytest.raises(Broken, match="came late"):
        ledger.found(Found(1, 10, NO_FLAGS), "t", PLACE)


def test_another_uid_than_promised() -> None:
    ledger = Ledger()
    ledger.acknowledge(ledger.sending("t", PLACE, traced=False), "APPEND", 5)
    with pytest.raises(Broken, match="promised UID 5"):
        ledger.found(Found(6, 10, NO_FLAGS), "t", PLACE)


@pytest.mark.parametrize(("uidvalidity", "uidnext", "why"), [(8, 2, "UIDVALIDITY"), (7, 1, "went back")])
def test_numbers_that_never_change(box: Box, uidvalidity: int, uidnext: int, why: str) -> None:
    with pytest.raises(Broken, match=why):
        box.opened(uidvalidity, uidnext)


@pytest.mark.parametrize(
    ("row", "why"),
    [(None, "nobody expunged"), (Found(1, 11, NO_FLAGS), "has 11"), (Found(1, 10, SEEN), "has flags")],
)
def test_changed_in_the_mailbox(box: Box, row: Found | None, why: str) -> None:
    with pytest.raises(Broken, match=why):
        box.listed([row] if row else [])


def test_expunged_and_back(box: Box) -> None:
    box.expunged([1])
    with pytest.raises(Broken, match="not there before"):
        box.listed([Found(1, 10, NO_FLAGS)])


def test_an_unanswered_store_may_have_happened_but_then_stays(box: Box) -> None:
    box.known[1].may_be |= {SEEN}
    box.listed([Found(1, 10, SEEN)])
    with pytest.raises(Broken, match="has flags"):
        box.listed([Found(1, 10, NO_FLAGS)])


def test_bytes() -> None:
    raw = message("x.1")
    assert token_of(TRACE + raw) == "x.1"
    assert is_whole(TRACE + raw, "x.1", traced=True)
    assert is_whole(raw, "x.1", traced=False)
    for wrong in (raw, TRACE + raw + b"\r\n", TRACE + TRACE + raw, TRACE + raw[:-3], TRACE + b"X: y\r\n" + raw):
        assert not is_whole(wrong, "x.1", traced=True)
    assert stuffed(b".\r\na.\r\n..\r\n") == b"..\r\na.\r\n...\r\n.\r\n"


def test_a_message_is_of_its_token_alone() -> None:
    assert message("x.1") == message("x.1") != message("x.2")


TRASH = ("alice", "Trash")


def test_moved_and_still_there(ledger: Ledger, box: Box) -> None:
    ledger.copying(box, 1, TRASH, move=True)
    with pytest.raises(Doubled, match="still there"):
        ledger.found(Found(1, 10, NO_FLAGS), "t", TRASH)


def test_moved_and_nowhere(ledger: Ledger, box: Box) -> None:
    ledger.copying(box, 1, TRASH, move=True)
    box.listed([])
    with pytest.raises(Lost, match="is nowhere"):
        ledger.round_is_over()


def test_a_move_that_was_not_answered_may_have_happened_or_not(ledger: Ledger, box: Box) -> None:
    ledger.copying(box, 1, TRASH, move=True)
    box.listed([Found(1, 10, NO_FLAGS)])
    assert [sent.place for sent in ledger.round_is_over()] == [TRASH]
    assert ledger.may_copy(box.known[1], TRASH)
    ledger.copying(box, 1, TRASH, move=True)
    box.listed([])
    ledger.found(Found(1, 10, NO_FLAGS), "t", TRASH)
    assert ledger.round_is_over() == []


def test_copied_twice(ledger: Ledger, box: Box) -> None:
    ledger.acknowledge(ledger.copying(box, 1, TRASH, move=False), "COPY", 1)
    ledger.found(Found(1, 10, NO_FLAGS), "t", TRASH)
    assert not ledger.may_copy(box.known[1], TRASH)
    with pytest.raises(Doubled):
        ledger.found(Found(2, 10, NO_FLAGS), "t", TRASH)


@pytest.mark.parametrize("found", [0, 1, 2])
def test_of_one_append_all_or_none(found: int) -> None:
    ledger = Ledger()
    ledger.appending(["a", "b"], PLACE, NO_FLAGS)
    for uid, token in enumerate(["a", "b"][:found], 1):
        ledger.found(Found(uid, 10, NO_FLAGS), token, PLACE)
    if found == 1:
        with pytest.raises(Lost, match="others of the same APPEND"):
            ledger.round_is_over()
    else:
        assert len(ledger.round_is_over()) == 2 - found


@pytest.mark.parametrize(("old", "new", "why"), [(True, True, Doubled), (False, False, Lost)])
def test_replaced_and_both_or_none(ledger: Ledger, box: Box, old: bool, new: bool, why: type[Broken]) -> None:
    ledger.replacing("u", box, 1, SEEN)
    box.listed([Found(1, 10, NO_FLAGS)] if old else [])
    with pytest.raises(why):  # noqa: PT012 - either of the two sees it
        if new:
            ledger.found(Found(2, 20, SEEN), "u", PLACE)
        ledger.round_is_over()


def test_refused_and_yet_kept() -> None:
    ledger = Ledger()
    sent = ledger.sending("t", PLACE, traced=True)
    with pytest.raises(Later), ledger.trying("SMTP", [sent]):
        raise Later
    assert ledger.failed["SMTP"] == 1
    ledger.found(Found(1, 10, NO_FLAGS), "t", PLACE)
    assert ledger.kept == 1


def test_appenduid() -> None:
    assert Answer([], b"k1 OK [APPENDUID 7 3:4,9] Done\r\n").appended(3) == [3, 4, 9]
    with pytest.raises(Broken, match="2 messages"):
        Answer([], b"k1 OK [APPENDUID 7 3] Done\r\n").appended(2)


def test_copyuid() -> None:
    answer = Answer([], b"k1 OK [COPYUID 7 1:2,5 10,20:21] Done\r\n")
    assert answer.copied([1, 2, 5]) == [10, 20, 21]
    with pytest.raises(Broken):
        answer.copied([1, 2])
