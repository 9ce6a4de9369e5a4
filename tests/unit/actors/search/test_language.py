"""actors/search/language.py: which language, and the stems of its words."""

from pathlib import Path

import pytest

from actors.search.language import LANGUAGES, NUMBERS, detect, plain, stems
from actors.search.tokens import runs_of
from mail.message.charset import fold

SENTENCES = dict(
    line.split(": ", 1) for line in Path(__file__).with_name("sentences.txt").read_text("utf-8").splitlines()
)


@pytest.mark.parametrize("name", SENTENCES)
def test_a_sentence_tells_its_language(name: str) -> None:
    assert LANGUAGES[detect(runs_of([fold(SENTENCES[name])])) - 1] == name


@pytest.mark.parametrize("text", ["", "Hello", "12345 67890", "日本語のメール", "kubernetes python invoice"])
def test_what_cannot_be_told_is_in_none(text: str) -> None:
    assert detect(runs_of([fold(text)])) == 0


def test_numbers_are_for_ever() -> None:
    assert (NUMBERS["english"], NUMBERS["german"], NUMBERS["russian"], NUMBERS["yiddish"]) == (1, 2, 23, 32)


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_language_has_a_stemmer(name: str) -> None:
    assert stems(["WORD"], NUMBERS[name])[0]


@pytest.mark.parametrize(
    ("name", "words", "stem"),
    [
        ("english", ("running", "runs", "run"), "RUN"),
        ("german", ("Häuser", "Haus"), "HAUS"),
        ("french", ("cafés", "café", "cafes"), "CAF"),
        ("russian", ("мыши", "мышь"), "МЫШ"),
        ("spanish", ("canciones", "canción"), "CANCION"),
    ],
)
def test_forms_of_a_word_have_one_stem(name: str, words: tuple[str, ...], stem: str) -> None:
    assert set(stems([fold(word) for word in words], NUMBERS[name])) == {stem}


def test_accents_go_and_vowels_stay() -> None:
    assert plain(fold("Café Zürich ёлка שָׁלוֹם")) == "CAFE ZURICH ЕЛКА שלום"
    assert plain(fold("हिन्दी ไทย")) == fold("हिन्दी ไทย")
