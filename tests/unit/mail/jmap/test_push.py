"""Marks: what a client knows already."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.jmap import push

NUMBERS = st.integers(0, 2**63 - 1)


@given(st.dictionaries(NUMBERS, NUMBERS, min_size=1, max_size=100))
def test_a_mark_says_what_is_known(known: dict[int, int]) -> None:
    text = push.mark(known.items())
    assert len(text) <= push.MARK_MAX_CHARS
    assert push.read_mark(text) == known
    assert text.encode() in push.state_event({}, text)


@given(st.text(max_size=60))
def test_anything_may_be_sent_as_a_mark(text: str) -> None:
    known = push.read_mark(text)
    assert not known or push._MARK(text)


@pytest.mark.parametrize("text", ["", "1", "1-", "1-2.", "1-2\n", "1-G", "1-2." * 2000 + "1-2", "1-" + "f" * 17])
def test_what_is_no_mark(text: str) -> None:
    assert push.read_mark(text) == {}
