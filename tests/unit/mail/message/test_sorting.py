"""What SORT sorts by (RFC 5256, RFC 5957), and the order by several keys."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mail.message import sorting
from mail.message.charset import fold
from mail.message.record import Record, read_message
from mail.message.sorting import Column, order, ranks
from tests.unit.mail.message.test_properties import MAIL


def header(*lines: str) -> Record:
    return read_message("\r\n".join([*lines, "", ""]).encode())


@pytest.mark.parametrize(
    ("value", "mailbox", "display"),
    [
        ("alice@example.com", "alice", "alice@example.com"),
        ("Alice Smith <Alice@example.com>, bob@x", "alice", "alice smith"),
        ('"Smith, Alice" <alice@example.com>', "alice", "smith, alice"),
        ("=?utf-8?q?J=C3=BCrgen?= <j@x>", "j", "jürgen"),
        ("=?utf-8?q??= <j@x>", "j", "j@x"),
        ('"" <j@x>', "j", "j@x"),
        ('"a \\"b\\" @c"@example.com', 'a "b" @c', 'a "b" @c@example.com'),
        ("jürgen@example.com", "jürgen", "jürgen@example.com"),
        ("alice", "alice", "alice"),
        ('"two words"', "two words", "two words"),
        ("<alice@[1.2.3.4]>", "alice", "alice@[1.2.3.4]"),
        ("undisclosed-recipients:;", "undisclosed-recipients", "undisclosed-recipients"),
        ("Friends: Alice <a@x>, b@x;, c@x", "friends", "friends"),
        ('"A (group)": Alice <a@x>;', "a (group)", "a (group)"),
        ("=?utf-8?q?Gr=C3=BC=C3=9Fe?=: a@x;", "grüße", "grüße"),
        ("Alice <a@x>, Friends: b@x;", "a", "alice"),
        ("(nothing)", "", ""),
    ],
)
def test_keys_of_an_address(value: str, mailbox: str, display: str) -> None:
    record = header(f"From: {value}", f"To: {value}", f"Cc: {value}", 'Subject: "(\\ {3} (NIL NIL NIL NIL)')
    for of_mailbox in (sorting.mailbox_from, sorting.mailbox_to, sorting.mailbox_cc):
        assert of_mailbox(record) == fold(mailbox)
    for of_display in (sorting.display_from, sorting.display_to):
        assert of_display(record) == fold(display)


def test_each_key_is_of_its_own_field() -> None:
    groups = header("From: f: a@x;", "Reply-To: r: b@x;", "To: t: c@x;", "Cc: c: d@x;", "Subject: {1}", "Bcc: e:;")
    plain = header("From: f@x", "Reply-To: r@x", "To: t@x", "Cc: c@x", "Bcc: e@x", "Sender: s: n@x;", "Subject: ü")
    for record in (groups, plain):
        assert sorting.mailbox_from(record) == "F"
        assert sorting.mailbox_to(record) == "T"
        assert sorting.mailbox_cc(record) == "C"


def test_absent_fields_are_the_empty_text() -> None:
    record = header("Bcc: e: a@x;")
    keys: list[Callable[[Record], str]] = [
        *(sorting.subject, sorting.mailbox_from, sorting.mailbox_to, sorting.mailbox_cc),
        *(sorting.display_from, sorting.display_to),
    ]
    assert [key(record) for key in keys] == [""] * 6


def test_subject_is_the_base_subject() -> None:
    assert sorting.subject(header("Subject: Re: [list] =?utf-8?q?Gr=C3=BC=C3=9Fe?= (fwd)")) == fold("Grüße")


@pytest.mark.parametrize(
    ("date", "sent_s"),
    [
        ("31 Dec 2000 16:01:33 -0800", 978_307_293),  # the example of RFC 5256 2.2
        ("1 Jan 2001 00:01:33 +0000", 978_307_293),
        ("1 Jan 2001 00:01:33 XYZ", 978_307_293),
        ("yesterday", 1_234),
    ],
)
def test_date_is_in_utc_else_the_internal_date(date: str, sent_s: int) -> None:
    assert sorting.sent_s(header(f"Date: {date}"), 1_234_567) == sent_s


@settings(max_examples=150, deadline=None)
@given(MAIL)
def test_any_message_has_keys(raw: bytes) -> None:
    record = read_message(raw)
    for key in (sorting.mailbox_from, sorting.mailbox_to, sorting.mailbox_cc):
        key(record).encode()
    sorting.display_to(record).encode()


TEXTS = ["b", "a", "", "a", "c", "b"]
NUMBERS = np.array([3, 1, 2, 1, -(2**63), 2**63 - 1], np.int64)
SIZES = np.array([0, 1, 2**32 - 1, 1, 5, 4], np.uint32)


@pytest.mark.parametrize(
    ("criteria", "rows"),
    [
        ([("text", False)], [2, 1, 3, 0, 5, 4]),
        ([("text", True)], [4, 0, 5, 1, 3, 2]),
        ([("number", False)], [4, 1, 3, 2, 0, 5]),
        ([("number", True)], [5, 0, 2, 1, 3, 4]),
        ([("size", True)], [2, 4, 5, 1, 3, 0]),
        ([("text", False), ("number", True)], [2, 1, 3, 5, 0, 4]),
        ([("text", True), ("size", False)], [4, 0, 5, 1, 3, 2]),
        ([("size", False), ("text", False), ("size", True)], [0, 1, 3, 5, 4, 2]),
    ],
)
def test_order(criteria: list[tuple[str, bool]], rows: list[int]) -> None:
    assert order({"text": TEXTS, "number": NUMBERS, "size": SIZES}, criteria).tolist() == rows


def test_order_of_nothing() -> None:
    assert order({"text": [], "number": NUMBERS[:0]}, [("text", True), ("number", False)]).tolist() == []


ROWS = st.lists(st.tuples(st.integers(0, 3), st.text("ab\U00010000\uffff", max_size=2), st.integers()), max_size=30)
CRITERIA = st.lists(st.tuples(st.sampled_from(["small", "text", "rank"]), st.booleans()), min_size=1, max_size=4)


@given(ROWS, CRITERIA)
def test_order_is_what_stable_sorts_one_after_the_other_give(
    rows: list[tuple[int, str, int]], criteria: list[tuple[str, bool]]
) -> None:
    small, texts = [row[0] for row in rows], [row[1] for row in rows]
    columns: dict[str, Column] = {"small": np.array(small, np.int64), "text": texts, "rank": ranks(texts)}
    expected = list(range(len(rows)))
    for name, is_reverse in reversed(criteria):
        # A stable sort that keeps equals in their order, in reverse too.
        key = small if name == "small" else [text.encode() for text in texts]
        expected.sort(key=key.__getitem__, reverse=is_reverse)
    assert order(columns, criteria).tolist() == expected
