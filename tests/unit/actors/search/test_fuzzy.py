"""actors/search/fuzzy.py: forms of words, and what fits best."""

import pytest

from actors.search.index import AccountIndex
from tests.unit.actors.search import making

ENGLISH = "The list of what we have been doing for you is not in this one, and they will all be there. "
GERMAN = "Das ist nicht die Liste, die wir für Sie haben, und auch nicht mit den anderen. "
FRENCH = "Vous avez la liste des choses pour cette soirée, mais nous ne sommes pas avec eux. "
TEXTS = (
    ENGLISH + "They are running late.",
    ENGLISH + "A run in the park.",
    ENGLISH + "He runs the office, and is happy about it.",
    ENGLISH + "Nothing of it. Happiness everywhere.",
    GERMAN + "Die Häuser sind alt.",
    GERMAN + "Ein altes Haus. Run.",
    FRENCH + "Les cafés de Paris.",
    FRENCH + "Le cafe noir.",
    "running",
    "東京で会いましょう。明日は休みです。",
)


def _raws() -> list[bytes]:
    return [
        f"Subject: {text[-12:]}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}".encode() for text in TEXTS
    ]


async def _found(index: AccountIndex, field: str, needle: str) -> dict[int, int]:
    scores = await index.fuzzy(field, needle)
    return dict(zip(scores.emails.tolist(), scores.scores.tolist(), strict=True))


@pytest.fixture(params=["segment", "recent", "both", "merged"])
async def index(request: pytest.FixtureRequest) -> AccountIndex:
    entries = making.entries_of(_raws())
    if request.param == "segment":
        return making.index_of([making.part_of(entries)])
    if request.param == "recent":
        return making.index_of((), entries)
    if request.param == "both":
        return making.index_of([making.part_of(entries[:5])], entries[5:])
    return making.index_of([await making.merged([making.part_of(entries[:4]), making.part_of(entries[4:])])])


async def test_other_forms_are_found_and_the_word_itself_fits_best(index: AccountIndex) -> None:
    found = await _found(index, "body", "running")
    assert found == {1: 100, 2: 70, 3: 70, 9: 100}
    assert await _found(index, "body", "run") == {1: 70, 2: 100, 3: 70, 6: 100, 9: 70}, "German has no form running"


async def test_letters_that_change_at_the_end(index: AccountIndex) -> None:
    assert await _found(index, "text", "happiness") == {3: 70, 4: 100}


async def test_accents_do_not_matter(index: AccountIndex) -> None:
    assert (await _found(index, "body", "Hauser")).keys() == {5, 6}
    assert (await _found(index, "body", "café")).keys() == {7, 8}
    assert (await _found(index, "body", "cafe"))[8] == 100


async def test_all_words_are_better_than_one(index: AccountIndex) -> None:
    found = await _found(index, "body", "running late")
    assert found[1] == 100
    assert all(score < 100 for email, score in found.items() if email != 1)


async def test_spaceless_words(index: AccountIndex) -> None:
    assert await _found(index, "body", "明日") == {10: 100}
    assert await _found(index, "body", "東京で会い") == {10: 100}


async def test_values_of_fields(index: AccountIndex) -> None:
    assert (await _found(index, "subject", "running")).keys() == {9}
    assert (await _found(index, "subject", "park")).keys() == {2}
    assert (await _found(index, "subject", "parks")).keys() == {2}


@pytest.mark.parametrize("needle", ["", "!!", "nowhere", "x" * 300])
async def test_nothing_is_found(index: AccountIndex, needle: str) -> None:
    assert await _found(index, "text", needle) == {}
