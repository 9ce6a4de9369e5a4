"""Which language a message is in, by the small words that every text of a language has; and words cut to their stems.

The law: a language's number is stored, so it never changes; new ones go to the end. Texts too short to tell are in no
language, which is better than a guess: what is in none is compared by the stems of all.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from actors.search.tokens import Runs
from mail.message.charset import fold

if TYPE_CHECKING:
    import Stemmer

_SMALL: Final = {
    name: words.split()
    for name, _, words in (
        line.partition(":")
        for line in Path(__file__).with_name("languages.txt").read_text("utf-8").splitlines()
        if not line.startswith("#")
    )
}
LANGUAGES: Final = tuple(_SMALL)
NUMBERS: Final = {name: number for number, name in enumerate(LANGUAGES, start=1)}
# Their words also begin in several ways, so other forms are not found by how a word begins.
CHANGE_BEGINS: Final = ("arabic", "persian", "indonesian", "irish")
_SURE_WORDS: Final = 3  # distinct small words at least; a greeting has one or two
_LEAD: Final = 1.25  # by how much the first must lead the second: neighbours share many

_ACCENTS: Final = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u065f]+")


def _table() -> dict[bytes, tuple[int, ...]]:
    table: dict[bytes, tuple[int, ...]] = {}
    for name, words in _SMALL.items():
        for word in words:
            key = fold(word).encode()
            table[key] = (*table.get(key, ()), NUMBERS[name])
    return table


_TABLE: Final = _table()
_KEYS: Final = _TABLE.keys()


def detect(runs: Runs) -> int:
    """The number of the language that a text's words are of; 0 where that cannot be told."""
    counts: dict[int, float] = {}
    for word in runs.words & _KEYS:
        languages = _TABLE[word]
        for language in languages:
            counts[language] = counts.get(language, 0) + 1 / len(languages)
    if not counts:
        return 0
    first, *others = sorted(counts, key=counts.__getitem__, reverse=True)
    if counts[first] < _SURE_WORDS or (others and counts[first] < _LEAD * counts[others[0]]):
        return 0
    return first


def plain(folded: str) -> str:
    """A folded text without accents: its marks are apart from their letters, and left out here.

    Only marks over letters; in the scripts of India and South-East Asia marks are the vowels.
    """
    return folded if folded.isascii() else _ACCENTS.sub("", folded)


def stems(words: Sequence[str], language: int) -> list[str]:
    """The stems of folded words, themselves folded and without accents."""
    readable = [unicodedata.normalize("NFC", word.lower()) for word in words]
    return [plain(fold(stem)) for stem in _stemmer(language).stemWords(readable)]


@lru_cache(maxsize=len(LANGUAGES))
def _stemmer(language: int) -> "Stemmer.Stemmer":
    import Stemmer  # only FUZZY needs it

    return Stemmer.Stemmer(LANGUAGES[language - 1])
