"""What an index says, and what reading every message says, are the same."""

import random
from functools import lru_cache

import numpy as np
import pytest

from actors.search.entry import FIELDS
from actors.search.index import AccountIndex
from mail.message import content
from mail.message.charset import fold
from mail.message.header import unfold, values
from mail.message.record import read_message
from mail.message.words import decode_words
from tests.unit.actors.search import making

MESSAGES = 48
NEEDLES = 90


@lru_cache(maxsize=10_000)
def _values(name: str, raw: bytes) -> list[str]:
    head = raw[: read_message(raw).root.body]
    return [fold(decode_words(unfold(value))) for value in values(head, name.encode())]


async def _layouts(raws: list[bytes]) -> list[AccountIndex]:
    """The same messages in all the ways in which an index may hold them."""
    entries = making.entries_of(raws)
    third = len(entries) // 3
    parts = [
        making.part_of(entries[:third]),
        making.part_of(entries[third : 2 * third]),
        making.part_of(entries[2 * third :]),
    ]
    return [
        making.index_of((), entries),
        making.index_of([making.part_of(entries)]),
        making.index_of([await making.merged(parts)]),
        making.index_of([making.part_of(entries[: 2 * third])], entries[2 * third :]),
        making.index_of([making.part_of([entry]) for entry in entries[:8]], entries[8:]),
    ]


def _needles(dice: random.Random, raws: list[bytes]) -> list[str]:
    needles = [
        "",
        " ",
        "!!",
        "e",
        "\n",
        "🎉",
        "日",
        "日本",
        "日本語",
        "語のテ",
        "x",
        "<",
        "ss",
        "ß",
        "İ",
        "\ufffd",
        "é",
        "e\u0301",
    ]
    while len(needles) < NEEDLES:
        raw = dice.choice(raws)
        record = read_message(raw)
        texts = [
            content.search_text(raw, record),
            content.body_text(raw, record),
            record.subject or "",
            raw.decode("latin-1"),
        ]
        text = dice.choice(texts)
        size = dice.choice((1, 2, 3, 4, 6, 10, 20, 60))
        at = dice.randrange(max(1, len(text) - size))
        needle = text[at : at + size]
        needles.append(needle if dice.random() < 0.8 else needle[::-1])
    return needles


@pytest.mark.parametrize("seed", range(4))
async def test_an_index_says_what_reading_says(seed: int) -> None:
    dice = random.Random(seed)
    raws = [making.message(dice) for _ in range(MESSAGES)]
    needles = _needles(dice, raws)
    for number, index in enumerate(await _layouts(raws)):
        for needle in needles[number % 3 :: 3]:
            for field in ("text", "body", *FIELDS):
                exact = making.exact(field, needle, raws)
                found = await index.lookup(field, needle)
                sure, maybe = set(found.sure.tolist()), set(found.maybe.tolist())
                told = f"layout {number}, {field} {needle!r}"
                assert sure <= exact, told
                assert exact <= sure | maybe, told
                assert not sure & maybe, told
                assert sorted(sure) == found.sure.tolist(), told
                if field in FIELDS:
                    assert not maybe, told


@pytest.mark.parametrize("seed", range(2))
async def test_a_header_field_is_among_the_candidates(seed: int) -> None:
    dice = random.Random(seed)
    raws = [making.message(dice) for _ in range(MESSAGES)]
    for index in await _layouts(raws):
        for needle in [*_needles(dice, raws)[::5], "two", "one\ttwo", "list] "]:
            for name in ("Subject", "X-Other", "X-Folded", "From", "Message-ID"):
                exact = {
                    email
                    for email, raw in enumerate(raws, start=1)
                    if any(fold(needle) in text for text in _values(name, raw))
                }
                found = await index.lookup("header", needle)
                assert not len(found.sure)
                assert exact <= set(found.maybe.tolist()), (name, needle)


async def test_one_run_is_answered_without_reading() -> None:
    dice = random.Random(9)
    raws = [making.message(dice) for _ in range(MESSAGES)]
    entries = making.entries_of(raws)
    index = making.index_of([making.part_of(entries[:30]), making.part_of(entries[30:])])
    texts = [content.search_text(raw, read_message(raw)) for raw in raws]
    for needle in ("invoice", "runn", "nvoi", "приве", "日本", "caf", "ταθ"):
        found = await index.lookup("text", needle)
        assert found.sure.tolist() == [email for email, text in enumerate(texts, start=1) if fold(needle) in text]


async def test_merging_leaves_out_what_is_gone() -> None:
    dice = random.Random(3)
    raws = [making.message(dice) for _ in range(MESSAGES)]
    entries = making.entries_of(raws)
    gone = [1, 2, 17, 31, 48]
    parts = [making.part_of(entries[:20]), making.part_of(entries[20:40]), making.part_of(entries[40:])]
    left = making.index_of([await making.merged(parts, gone)])
    fresh = making.index_of([making.part_of([entry for entry in entries if entry.email not in gone])])
    assert left.emails.tolist() == fresh.emails.tolist()
    emails = left.emails
    known, columns = await left.briefs(emails)
    _known, expected = await fresh.briefs(emails)
    assert known.all()
    for one, other in zip(columns.numbers, expected.numbers, strict=True):
        assert np.array_equal(one, other)
    assert [text.rows() for text in columns.texts] == [text.rows() for text in expected.texts]
    for needle in _needles(dice, raws)[::3]:
        for field in ("text", "body", *FIELDS):
            found, also = await left.lookup(field, needle), await fresh.lookup(field, needle)
            assert set(found.sure) <= set(also.sure) | set(also.maybe)
            assert set(also.sure) <= set(found.sure) | set(found.maybe)
