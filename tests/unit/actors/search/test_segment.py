"""actors/search/segment.py: every row fits a value, and says what was put in."""

import random

import numpy as np
import pytest

from actors.search.build import build
from actors.search.entry import END, FIELDS, Entry, entry_of
from actors.search.matching import Matcher
from actors.search.pace import Pace
from actors.search.pages import MemoryPages
from actors.search.segment import BODY_GRAMS, BODY_WORDS, CLASSES, TERMS_BYTES, Segment, Writer, term_page
from cluster.blobs.codec import pack
from cluster.clock import ManualClock
from cluster.errors import Corrupt
from cluster.meta.store import VALUE_BYTES_MAX
from mail.message.record import read_message
from tests.unit.actors.search import making


def _large(dice: random.Random) -> list[Entry]:
    """Messages with more words, codes and addresses than any page holds."""
    words = " ".join("".join(dice.choices("abcdefghijklmnop", k=7)) for _ in range(20_000))
    codes = " ".join(making.noise(dice) for _ in range(2000))
    people = ", ".join(f"Person {at} <person{at}@example.org>" for at in range(400))
    raws = [
        f"To: {people}\r\nSubject: {at}\r\n\r\n{words[at * 9000 : (at + 2) * 9000]} {codes}".encode()
        for at in range(16)
    ]
    return [entry_of(at, raw, read_message(raw)) for at, raw in enumerate(raws, start=1)]


async def test_every_row_fits_and_every_term_is_there() -> None:
    entries = _large(random.Random(1))
    built = build(entries)
    assert max(len(value) for _name, value in built.writer.rows) <= VALUE_BYTES_MAX
    assert built.writer.size == sum(len(value) for _name, value in built.writer.rows)
    segment, pages = making.opened(built)
    assert len(segment.term_pages(BODY_WORDS)) > 1
    terms = {kind: [] for kind in range(CLASSES)}  # type: dict[int, list[bytes]]
    for number, kind in enumerate(segment.classes):
        text, lists = await pages.get([(b"T", number), (b"L", number)])
        assert len(text) <= TERMS_BYTES + 200
        page = text[1:-1].split(b"\n")
        assert len(page) == segment.terms[number] == len(term_page(lists).counts)
        assert page[0] == segment.firsts[number]
        terms[kind] += page
    for of_kind in terms.values():
        assert of_kind == sorted(set(of_kind))
    words = {word for entry in entries for word in entry.runs[2].split()}
    assert set(terms[BODY_WORDS]) < words
    matcher = Matcher(segment, pages, Pace(ManualClock()))
    for word in random.Random(2).sample(terms[BODY_WORDS], 200):
        found = await matcher.having(await matcher.equal(BODY_WORDS, [word]))
        assert found.tolist() == [b"\n" + word + b"\n" in entry.runs[2] for entry in entries]
    assert terms[BODY_GRAMS]


async def test_fields_come_page_by_page() -> None:
    entries = _large(random.Random(1))
    segment, pages = making.opened(build(entries))
    for at, _field in enumerate(FIELDS):
        values: list[bytes] = []
        for number, first in segment.field_pages(at):
            assert first == len(values)
            values += (await pages.get([(b"F", number)]))[0].split(END)[:-1]
        assert values == [entry.fields[at] for entry in entries]
    assert len(segment.field_pages(FIELDS.index("to"))) > 1


def test_emails_may_be_far_apart() -> None:
    raw = b"Subject: x\r\n\r\n"
    emails = [1, 2, 2**33, 2**62]
    segment, _pages = making.opened(build([entry_of(email, raw, read_message(raw)) for email in emails]))
    assert segment.emails.tolist() == emails


def test_a_segment_of_nothing_is_none() -> None:
    with pytest.raises(ValueError, match="1 to"):
        Writer(0)


@pytest.mark.parametrize("stored", [pack(b""), pack(b"\x91\x01"), pack(b"\xff" * 30), b"", b"\x09abc"])
def test_a_damaged_directory_is_told(stored: bytes) -> None:
    with pytest.raises(Corrupt):
        Segment(stored)


@pytest.mark.parametrize("data", [b"", b"\1", b"\xff\xff\xff\xff" + b"x" * 40, b"\1\0\0\0" + b"x" * 9])
def test_a_damaged_page_of_lists_is_told(data: bytes) -> None:
    with pytest.raises(Corrupt):
        term_page(data)


async def test_a_page_of_other_length_than_its_lists_is_told() -> None:
    built = build(_large(random.Random(1)))
    segment, _pages = making.opened(built)
    matcher = Matcher(segment, MemoryPages({**dict(built.writer.rows), (b"P", 0): pack(b"short")}), Pace(ManualClock()))
    (hit,) = await matcher.equal(segment.classes[0], [segment.firsts[0]])
    assert np.array_equal(hit.terms, [0])
    with pytest.raises(Corrupt):
        await matcher.having([hit])
