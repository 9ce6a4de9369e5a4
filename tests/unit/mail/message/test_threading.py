"""THREAD: the cases in threads/, what must hold of any mailbox, and REFERENCES beside its slow twin."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mail.message.links import NONE, Links
from mail.message.record import Record, read_message
from mail.message.sorting import sent_s, subject
from mail.message.thread import is_reply, parents_of
from mail.message.threading import CLOSE, OPEN, Forest, nested, ordered_subject, references, refs
from tests.unit.mail.message.slow_threading import Slow

CASES = sorted((Path(__file__).parent / "threads").glob("*.txt"))


def render(forest: Forest, first: int = 1) -> str:
    """As THREAD sends it, with sequence numbers."""
    out: list[str] = []
    before = OPEN
    for token in nested(forest):
        if before >= 0 and token != CLOSE:
            out.append(" ")
        out.append("(" if token == OPEN else ")" if token == CLOSE else str(token + first))
        before = token
    return "".join(out)


def threads(records: Sequence[Record], arrived: Sequence[int]) -> dict[str, str]:
    """All algorithms over a mailbox."""
    ids = [record.message_id for record in records]
    parents = [parents_of(record) for record in records]
    sent = np.array([sent_s(record, at) for record, at in zip(records, arrived, strict=True)], np.int64)
    subjects = [subject(record) for record in records]
    replies = [is_reply(record.subject or "") for record in records]
    return {
        "ORDEREDSUBJECT": render(ordered_subject(subjects, sent)),
        "REFERENCES": render(references(ids, parents, sent, subjects, replies)),
        "REFS": render(refs(ids, parents, sent, np.array(arrived, np.int64))),
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_case(case: Path) -> None:
    """Headers with an empty line between; ARRIVED is the minute of the internal date; then what is expected."""
    mailbox, _, expected = case.read_text("utf-8").partition("\n====\n")
    records: list[Record] = []
    arrived: list[int] = []
    for block in mailbox.split("\n\n"):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        minutes = [int(line.split()[1]) for line in lines if line.startswith("ARRIVED")]
        arrived.append(60_000 * (minutes[0] if minutes else len(records)))
        head = [line for line in lines if not line.startswith("ARRIVED")]
        records.append(read_message("\r\n".join([*head, "", ""]).encode()))
    found = threads(records, arrived)
    assert [f"{name} {text}" for name, text in found.items()] == expected.splitlines()


def test_there_are_cases() -> None:
    assert len(CASES) >= 10


def test_nested_examples_of_rfc_5256() -> None:
    forest = Forest(100, [2, 3], {3: [6], 6: [4, 44], 4: [23], 44: [7], 7: [96]})
    assert render(forest, 0) == "(2)(3 6 (4 23)(44 7 96))"
    assert render(Forest(6, [6], {6: [3, 5]}), 0) == "((3)(5))"
    assert nested(Forest(0, [], {})) == []


# Mailboxes in which nearly everything refers to everything.
IDS = st.sampled_from([*"abcdefgh", None])
PARENTS = st.lists(st.sampled_from("abcdefghXYZ"), max_size=5)
MESSAGES = st.lists(
    st.tuples(IDS, PARENTS, st.integers(0, 5), st.sampled_from(["", "S", "S", "T"]), st.booleans(), st.integers(0, 5)),
    max_size=14,
)
Message = tuple[str | None, list[str], int, str, bool, int]


class Columns(NamedTuple):
    ids: list[str | None]
    parents: list[list[str]]
    sent: list[int]
    subjects: list[str]
    replies: list[bool]
    arrived: list[int]


def columns(messages: Sequence[Message]) -> Columns:
    return Columns(
        [one[0] for one in messages],
        [one[1] for one in messages],
        [one[2] for one in messages],
        [one[3] for one in messages],
        [one[4] for one in messages],
        [one[5] for one in messages],
    )


@settings(max_examples=600, deadline=None)
@given(MESSAGES)
@example([("a", ["a"], 0, "", False, 0)])
@example([("a", ["b"], 0, "", False, 0), ("b", ["a"], 0, "", False, 0)])
@example([(None, ["X", "Y"], 1, "S", True, 0), (None, ["X"], 0, "S", False, 0), (None, [], 2, "S", False, 0)])
def test_references_are_those_of_the_rfc_word_for_word(messages: list[Message]) -> None:
    ids, parents, sent, subjects, replies, _ = columns(messages)
    forest = references(ids, parents, np.array(sent, np.int64), subjects, replies)
    check(forest, len(messages))
    assert render(forest, 0) == Slow(ids, parents, sent, subjects, replies).thread()


def test_references_of_larger_mailboxes() -> None:
    dice = random.Random(5256)
    for size in (50, 200, 400):
        for spread in (3, 30, size):
            ids = [f"m{dice.randrange(size)}" for _ in range(size)]
            parents = [
                [f"m{max(0, row - dice.randrange(spread))}" for _ in range(dice.randrange(6))] for row in range(size)
            ]
            sent = [dice.randrange(size) for _ in range(size)]
            subjects = [dice.choice(["", *"ABCDEFGH"]) for _ in range(size)]
            replies = [dice.random() < 0.5 for _ in range(size)]
            forest = references(ids, parents, np.array(sent), subjects, replies)
            check(forest, size)
            assert render(forest, 0) == Slow(ids, parents, sent, subjects, replies).thread()


@settings(max_examples=300, deadline=None)
@given(MESSAGES)
def test_refs_are_references_without_subjects_the_latest_thread_last(messages: list[Message]) -> None:
    ids, parents, sent, _, _, arrived = columns(messages)
    forest = refs(ids, parents, np.array(sent, np.int64), np.array(arrived, np.int64))
    check(forest, len(messages))
    none = [""] * len(messages)
    by_date = references(ids, parents, np.array(sent, np.int64), none, [False] * len(messages))
    assert {render(forest._replace(roots=[root])) for root in forest.roots} == {
        render(by_date._replace(roots=[root])) for root in by_date.roots
    }
    latest = [max((arrived[row], row) for row in rows_of(forest, root)) for root in forest.roots]
    assert latest == sorted(latest)


@given(st.lists(st.tuples(st.sampled_from(["", "A", "B", "C"]), st.integers(0, 4)), max_size=12))
def test_ordered_subject(messages: list[tuple[str, int]]) -> None:
    subjects, sent = [one[0] for one in messages], [one[1] for one in messages]
    forest = ordered_subject(subjects, np.array(sent, np.int64))
    check(forest, len(messages))
    rows = sorted(range(len(messages)), key=lambda row: (sent[row], row))
    groups = {
        text: [row for row in rows if subjects[row] == text] for text in dict.fromkeys(subjects[row] for row in rows)
    }
    assert forest.roots == [group[0] for group in groups.values()]
    assert forest.children == {group[0]: group[1:] for group in groups.values() if len(group) > 1}


def rows_of(forest: Forest, root: int) -> list[int]:
    return [token for token in nested(forest._replace(roots=[root])) if token >= 0]


def check(forest: Forest, count: int) -> None:
    """Every message once, dummies only as roots of several, parentheses in pairs (RFC 5256 5)."""
    tokens = nested(forest)
    assert sorted(token for token in tokens if token >= 0) == list(range(count))
    assert forest.messages == count
    for root in forest.roots:
        assert root < count or len(forest.children[root]) >= 2
    for below in forest.children.values():
        assert below
        assert all(node < count for node in below)
    text = render(forest)
    assert text.count("(") == text.count(")")
    assert "()" not in text


LONG = 100_000
FLAT = np.zeros(LONG, np.int64)


@pytest.mark.parametrize("order", ["ascending", "descending", "random"])
def test_a_chain_as_long_as_the_mailbox(order: str) -> None:
    rows = list(range(LONG))
    if order == "descending":
        rows.reverse()
    elif order == "random":
        random.Random(1).shuffle(rows)
    # As records keep references: the first and the last ones.
    parents = [[0, *range(max(1, number - 5), number)] if number else [] for number in rows]
    forest = references(rows, parents, FLAT, [""] * LONG, [False] * LONG)
    tokens = nested(forest)
    assert [rows[token] for token in tokens if token >= 0] == list(range(LONG))
    assert len(tokens) == LONG + 2


def hostile(kind: str) -> list[list[int]]:
    dice = random.Random(kind)
    if kind == "all in a ring":
        return [[(row + 1) % LONG] for row in range(LONG)]
    if kind == "rings of references":
        return [[(row + step) % LONG for step in (1, 2, 0, 5, 1)] for row in range(LONG)]
    if kind == "the root under its own descendants":
        return [[row - 1, row - 1, 0, row - 2, 0] if row > 1 else [] for row in range(LONG)]
    if kind == "dummies only":
        return [[LONG + row, LONG + row // 2, LONG + 2 * LONG - row] for row in range(LONG)]
    if kind == "a chain of dummies":
        return [[LONG + row, LONG + row + 1] for row in range(LONG)]
    return [[dice.randrange(LONG * 2) for _ in range(8)] for _ in range(LONG)]


@pytest.mark.parametrize(
    "kind",
    [
        "all in a ring",
        "rings of references",
        "the root under its own descendants",
        "dummies only",
        "a chain of dummies",
        "anything",
    ],
)
def test_hostile_references_take_no_longer_than_others(kind: str) -> None:
    # Quadratic time would run into the timeout of every test.
    forest = references(range(LONG), hostile(kind), FLAT, ["x"] * LONG, [True, False] * (LONG // 2))
    assert sorted(token for token in nested(forest) if token >= 0) == list(range(LONG))


@settings(max_examples=200, deadline=None)
@given(st.integers(2, 12), st.data())
def test_links_never_close_a_loop(count: int, data: st.DataObject) -> None:
    """Beside a walk; the near way is shut, so that the balanced trees answer."""
    links = Links(count)
    links._steps_left = 0  # there is no other way in for twelve nodes
    plain = [NONE] * count
    for _ in range(data.draw(st.integers(1, 40))):
        child, parent = data.draw(st.integers(0, len(plain) - 1)), data.draw(st.integers(0, len(plain) - 1))
        if plain[child] >= 0:
            links.cut(child)
            plain[child] = NONE
        above = parent
        while above not in (child, NONE):
            above = plain[above]
        if above == NONE:
            plain[child] = parent
        links.link(child, parent)
        assert links.parents == plain
        if data.draw(st.booleans()):
            assert links.add() == len(plain)
            plain.append(NONE)


def test_links_give_up_asking_rather_than_time() -> None:
    links = Links(4)
    links._steps_left = links._asks_left = 0
    links.link(1, 0)
    links.link(3, 2)
    links.link(2, 1)  # no loop, but that would have to be asked
    assert links.parents == [NONE, 0, NONE, 2]
