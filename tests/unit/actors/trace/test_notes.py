"""A note as a row: it comes back, and it always fits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.trace import notes
from actors.trace.types import ADDRESSES_MAX, FACTS_MAX, Fact, Note
from cluster.errors import Corrupt
from cluster.meta.store import VALUE_BYTES_MAX

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=20), JSON, max_size=8))
def test_particulars_come_back_as_they_were_or_cut(of: dict[str, object]) -> None:
    found = notes.read(notes.stored(Note("a.1", "intake", 1, facts=(Fact("spf", "pass", 2, of),))))
    assert found.facts[0].of.keys() == {key.encode("utf-8", "replace").decode() for key in of}


def test_the_largest_note_fits_a_row_and_says_what_it_left_out() -> None:
    import random

    dice = random.Random(1)
    text = "".join(chr(dice.randrange(33, 0x3000)) for _ in range(notes.TEXT_CHARS_MAX + 100))
    fact = Fact("dns", of={str(number): text[number:] for number in range(100)})
    many = Note("a.1", "intake", 1, recipients=("r" * 300,) * 500, facts=(fact,) * (FACTS_MAX + 5))
    row = notes.stored(many)
    assert len(row) <= VALUE_BYTES_MAX
    found = notes.read(row)
    assert found.facts[-1].what == "left out"
    assert len(found.recipients) == ADDRESSES_MAX


def test_what_json_does_not_have_is_told_in_words() -> None:
    of = {"bytes": b"a\xff", "set": {1}, "deep": [[[[[[1]]]]]], "other": Fact("x"), "lone": "\udc80"}
    found = notes.read(notes.stored(Note("a.1", "intake", 1, facts=(Fact("x", of=of),)))).facts[0].of
    assert found["bytes"] == "a�"
    assert found["set"] == [1]
    assert found["deep"] == [[[[]]]]
    assert found["lone"] == "?"


@pytest.mark.parametrize("row", [b"", b"\3", b"\2", b"\1", b"\1\1x", b"\1\0\x93", b"\2\x93"])
def test_damaged_rows_are_corrupt(row: bytes) -> None:
    with pytest.raises(Corrupt):
        notes.read(row)


def test_what_fits_is_not_copied() -> None:
    of = {"a": "b", "n": 1, "none": None, "dns": [{"name": "a.test", "records": ["v=spf1 -all"]}]}
    note = Note("a.1", "intake", 1, facts=(Fact("spf", "pass", 2, of),))
    assert notes.bounded(note) is note


@given(st.dictionaries(st.text("ab", max_size=3), JSON, max_size=4))
def test_what_is_said_to_fit_would_not_have_been_changed(of: dict[str, object]) -> None:
    if notes._fits(of, notes.DEPTH_MAX):
        assert notes._cut(of, notes.DEPTH_MAX) == of


@pytest.mark.parametrize("of", [{"lone": "\udc80"}, {"long": "a" * (notes.TEXT_CHARS_MAX + 1)}, {"deep": [[[[[]]]]]}])
def test_what_does_not_fit_is_cut_wherever_it_is(of: dict[str, object]) -> None:
    assert not notes._fits(of, notes.DEPTH_MAX)
    assert notes.read(notes.stored(Note("a.1", "intake", 1, facts=(Fact("x", of=of),)))).facts[0].of.keys() == of.keys()
