"""actors/search/brief.py: columns that say what the records say."""

import random

import numpy as np
import pytest

from actors.search import brief
from actors.search.brief import UNKNOWN, Columns, brief_of, columns_of, id_of, joined
from cluster.errors import Corrupt
from mail.message import sorting
from mail.message.record import Record, read_message
from mail.message.thread import is_reply, parents_of, thread_keys
from tests.unit.actors.search import making

REPLY = (
    b"Date: Mon, 30 Nov 2026 10:00:00 +0100\r\nFrom: =?utf-8?q?J=C3=BCrgen?= <j.m@example.org>\r\nTo: a@x, b@x\r\n"
    b"Subject: Re: [list] Hello\r\nMessage-ID: <3@x>\r\nReferences: <1@x> <2@x>\r\n\r\n"
)


def _records(count: int) -> list[Record]:
    dice = random.Random(count)
    return [read_message(REPLY), *[read_message(making.message(dice)) for _ in range(count - 1)]]


def _same(one: Columns, other: Columns) -> bool:
    numbers = zip((*one.numbers, one.starts, one.parents), (*other.numbers, other.starts, other.parents), strict=True)
    return all(np.array_equal(*pair) for pair in numbers) and [text.rows() for text in one.texts] == [
        text.rows() for text in other.texts
    ]


def test_a_brief_is_what_the_record_says() -> None:
    record = read_message(REPLY)
    columns = columns_of([brief_of(record)])
    assert columns.sent_s.tolist() == [record.sent_s]
    assert columns.zone_min.tolist() == [60]
    assert columns.replies.tolist() == [is_reply("Re: [list] Hello")] == [True]
    assert columns.subject.rows() == [sorting.subject(record)] == ["HELLO"]
    assert columns.from_.rows() == ["J.M"]
    assert columns.from_shown.rows() == [sorting.display_from(record)]
    assert columns.to_shown.rows() == ["A@X"]
    assert columns.cc.rows() == [""]
    assert columns.ids.tolist() == [id_of("3@x")] == [int.from_bytes(thread_keys(record)[0], "big")]
    assert columns.parents_of() == [[id_of("1@x"), id_of("2@x")]]
    assert parents_of(record) == ("1@x", "2@x")


def test_what_is_absent() -> None:
    columns = columns_of([brief_of(read_message(b"\r\n"))])
    assert (columns.sent_s[0], columns.ids[0], columns.parents_of()) == (UNKNOWN, 0, [[]])


def test_columns_are_stored_and_come_back() -> None:
    columns = columns_of([brief_of(record) for record in _records(30)])
    assert _same(brief.decode(brief.encode(columns)), columns)
    empty = columns_of([])
    assert len(brief.decode(brief.encode(empty))) == 0


def test_parts_of_columns_and_columns_of_parts() -> None:
    briefs = [brief_of(record) for record in _records(30)]
    whole = columns_of(briefs)
    assert _same(joined([columns_of(briefs[:7]), columns_of([]), columns_of(briefs[7:])]), whole)
    rows = np.array([3, 0, 29, 3])
    assert _same(whole.take(rows), columns_of([briefs[row] for row in rows]))
    assert whole.take(np.arange(30)) is whole
    few = brief.decode(brief.encode(whole.take(np.array([0]))))
    assert [len(text.words) for text in few.texts] == [1] * 6, "no word is stored that no row has"


def test_ranks_compare_as_texts_do() -> None:
    columns = columns_of([brief_of(record) for record in _records(40)])
    for text in (columns.subject, columns.subject.used(), columns.take(np.arange(5)).subject):
        rows = text.rows()
        assert np.argsort(text.ranks(), kind="stable").tolist() == sorted(range(len(rows)), key=rows.__getitem__)


def test_a_long_subject_is_cut_between_characters() -> None:
    (text,) = columns_of([brief_of(read_message("Subject: {}\r\n\r\n".format("é日" * 900).encode()))]).subject.rows()
    assert 900 < len(text.encode()) <= brief.TEXT_BYTES_MAX


@pytest.mark.parametrize("cut", [0, 1, 2, 9, 40, -1])
def test_damaged_columns_are_told(cut: int) -> None:
    data = brief.encode(columns_of([brief_of(record) for record in _records(5)]))
    with pytest.raises(Corrupt):
        brief.decode(data[:cut])
