"""actors/search/tokens.py: texts and needles fall into the same runs."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.search.tokens import (
    CHARS_MAX,
    RUN_BYTES_MAX,
    RUNS_MAX,
    grams,
    is_noise,
    needle_of,
    runs_of,
)
from mail.message.charset import fold

TEXTS = st.text(alphabet=st.sampled_from("aA1_ .-\n\té日本กไ🎉\u2013\u200b\u0301한नमß\x00"), max_size=40)


@given(TEXTS, TEXTS, TEXTS)
def test_the_runs_of_a_needle_are_runs_of_every_text_it_is_in(before: str, needle: str, after: str) -> None:
    text = before + needle + after
    found = runs_of([text])
    for run in needle_of(needle).runs:
        among = {one.decode() for one in (found.spaceless if run.spaceless else found.words)}
        if not run.begins and not run.ends:
            assert run.text in among
        elif run.begins and run.ends:
            assert any(run.text in one for one in among)
        elif run.begins:
            assert any(one.endswith(run.text) for one in among)
        else:
            assert any(one.startswith(run.text) for one in among)


@given(TEXTS)
def test_a_single_run_is_the_whole_needle(needle: str) -> None:
    found = needle_of(needle)
    assert found.single == (len(found.runs) == 1 and found.runs[0].text == needle)


@pytest.mark.parametrize(
    ("text", "words", "spaceless"),
    [
        ("Hello, World", {"HELLO", "WORLD"}, set()),
        ("foo_bar-baz", {"FOO_BAR", "BAZ"}, set()),
        ("\u201cquoted\u201d \u2013 text\u2026", {"QUOTED", "TEXT"}, set()),
        ("日本語のmail", {"MAIL"}, {"日本語の"}),
        ("ไทย text", {"TEXT"}, {"ไทย"}),
        ("party🎉time", {"PARTY", "TIME"}, {"🎉"}),
        ("नमस्ते", {"नमस्ते"}, set()),
        ("。、・", set(), set()),
        ("", set(), set()),
    ],
)
def test_scripts(text: str, words: set[str], spaceless: set[str]) -> None:
    found = runs_of([fold(text)])
    assert {word.decode() for word in found.words} == {fold(word) for word in words}
    assert {run.decode() for run in found.spaceless} == spaceless
    assert not found.cut


def test_what_is_too_much_is_cut_and_said() -> None:
    dice = random.Random(1)
    many = " ".join("".join(dice.choices("abcdefgh", k=9)) for _ in range(3 * RUNS_MAX))
    found = runs_of([many])
    assert found.cut
    assert len(found.words) <= RUNS_MAX
    assert runs_of(["x" * (CHARS_MAX + 1)]).cut
    long = runs_of([" ".join(f"{at}" + "y" * 1000 for at in range(400))])
    assert long.cut
    assert sum(map(len, long.words)) <= RUN_BYTES_MAX


@pytest.mark.parametrize(
    ("word", "noise"),
    [
        (b"INVOICE", False),
        (b"20261130", True),
        (b"V2", False),
        (b"A1B2C3D", False),
        (b"A1B2C3D4", True),
        (b"ABCDEFGH1", True),
        (b"1234567", False),
        (b"____________", True),
        (b"PROCESS_OPEN_FDS", False),
        (b"X" * 21, True),
        ("ДОСТОПРИМЕЧАТЕЛЬНОСТЬ".encode(), False),
        ("Ж".encode() * 49, True),
    ],
)
def test_noise(word: bytes, noise: bool) -> None:
    assert is_noise(word) is noise


def test_grams() -> None:
    assert sorted(grams("ABCAB", 3)) == [b"ABC", b"BCA", b"CAB"]
    assert grams("AB", 3) == []
    assert sorted(grams("日本日本", 2)) == sorted(["日本".encode(), "本日".encode()])


def test_a_needle_that_no_text_can_have() -> None:
    assert needle_of("\ud800").runs[0].encoded == b"\xed\xa0\x80"
