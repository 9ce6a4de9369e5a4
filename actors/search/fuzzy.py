"""FUZZY (RFC 6203): words in any of their forms, accents or not, and how well a message fits, from 1 to 100.

Stems are not stored: the words that an index has are cut to their stems when somebody asks, only those that begin as
what is looked for does. So a better stemmer needs no new index, and mail that is never searched so costs nothing.

The law: a form of a word counts in messages of the language in which it is one, and in those whose language is not
known.
"""

import math
import re
from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from actors.search.entry import END, FIELDS
from actors.search.language import CHANGE_BEGINS, NUMBERS, plain, stems
from actors.search.matching import SIDES, Hits, Matcher, terms_at
from actors.search.pages import ROWS_AT_ONCE
from actors.search.recent import Recent
from actors.search.segment import BODY_WORDS, HEADER_WORDS
from actors.search.tokens import Needle, Run, is_noise, needle_of
from mail.message.charset import fold

Array = npt.NDArray[Any]

WORDS_MAX: Final = 16  # of what is looked for
LANGUAGES_MAX: Final = 6  # the commonest of an account
TERMS_MAX: Final = 5000  # of a page, or of all values of one, that are cut to their stems
STEM_WEIGHT: Final = 0.7  # of another form, beside 1 of the word itself
SCORE_MIN: Final = 40  # of 100: a message with the rarer half of the words
_BEGIN_CHARS_MIN: Final = 2
_ITSELF: Final = -1  # beside numbers of languages: the word itself, which is one in all
_UNKNOWN: Final = 0
_REST: Final = re.compile(rb"[0-9A-Za-z_\x80-\xf4]*+")
_LETTERS: Final = frozenset(byte for byte in range(256) if _REST.fullmatch(bytes((byte,))))


class Wanted(NamedTuple):
    """A word that is looked for. `stems`: language to stems. Its forms begin with `begin`, or have it anywhere if they
    are `changing`."""

    run: Run
    plain: str
    stems: dict[int, frozenset[str]]
    begin: bytes
    changing: bool


def wanted_of(needle: Needle, languages: Sequence[int]) -> list[Wanted]:
    """The words of a needle, for mail in some languages."""
    words = [run for run in needle.runs if plain(run.text)]
    return [_wanted(Run(run.text, run.spaceless, False, False), languages) for run in words[:WORDS_MAX]]


def has_words(text: str) -> bool:
    """Whether there is anything to look for: signs and accents alone have no other forms."""
    return any(plain(run.text) for run in needle_of(fold(text)).runs)


def _wanted(run: Run, languages: Sequence[int]) -> Wanted:
    word = plain(run.text)
    of_language = {language: _stems_of(run.text, language) for language in languages}
    begins = {word, *[stem for found in of_language.values() for stem in found]}
    changing = any(NUMBERS[name] in languages for name in CHANGE_BEGINS)
    return Wanted(run, word, of_language, _common_begin(begins).encode(), changing)


def _stems_of(word: str, language: int) -> frozenset[str]:
    """The stem of the word, and that of it without accents, which many leave out."""
    return frozenset(stems((word, plain(word)), language))


def _common_begin(texts: Collection[str]) -> str:
    """How all of them begin, without the last letter, which may be another one in other forms (happy, happier)."""
    first, last = min(texts), max(texts)
    common = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[: max(_BEGIN_CHARS_MIN, min(common, min(map(len, texts)) - 1))]


def forms(words: Collection[bytes], wanted: Wanted) -> dict[bytes, frozenset[int]]:
    """Which of the words are forms of one, and in which languages."""
    texts = {word: word.decode(errors="replace") for word in words}
    found = {word: {_ITSELF} for word, text in texts.items() if plain(text) == wanted.plain}
    others = {word: text for word, text in texts.items() if word not in found}
    for language, of_wanted in wanted.stems.items():
        for spelled in (list(others.values()), [plain(text) for text in others.values()]):
            for word, stem in zip(others, stems(spelled, language), strict=True):
                if stem in of_wanted:
                    found.setdefault(word, set()).add(language)
    return {word: frozenset(languages) for word, languages in found.items()}


class Weights:
    """How much of a word each message has."""

    def __init__(self, languages: Array) -> None:
        self._languages = languages
        self.of = np.zeros(len(languages), np.float32)

    def add(self, places: Array, languages: frozenset[int]) -> None:
        """Messages that have a form, which is one in some languages."""
        if _ITSELF in languages:
            self.of[places] = 1
            return
        counted = places[np.isin(self._languages[places], [_UNKNOWN, *languages])]
        self.of[counted] = np.maximum(self.of[counted], STEM_WEIGHT)


async def of_segment(matcher: Matcher, field: str, wanted: Wanted) -> Array:
    """How much of a word each message of a segment has. Raises Lost, Corrupt, Unavailable."""
    found = Weights(matcher.segment.languages)
    if field in FIELDS:
        await _of_values(matcher, field, wanted, found)
    elif wanted.run.spaceless or is_noise(wanted.run.encoded):
        mask = await matcher.text(field, needle_of(wanted.run.text))
        found.add(np.flatnonzero(mask.sure | mask.maybe), frozenset((_ITSELF,)))
    else:
        for side in SIDES[field]:
            await _of_terms(matcher, (HEADER_WORDS, BODY_WORDS)[side], wanted, found)
    return found.of


def of_recent(recent: Recent, field: str, wanted: Wanted) -> Array:
    """The same of the newest messages."""
    found = Weights(recent.languages)
    for place, entry in enumerate(recent.entries):
        if field in FIELDS:
            text = entry.fields[FIELDS.index(field)]
        else:
            text = b"".join([entry.runs[2 * side + wanted.run.spaceless] for side in SIDES[field]])
        if wanted.run.spaceless and wanted.run.encoded in text:
            found.add(np.array([place]), frozenset((_ITSELF,)))
            continue
        for languages in forms({word for _at, word in _alike(_plain(text), wanted)}, wanted).values():
            found.add(np.array([place]), languages)
    return found.of


async def _of_terms(matcher: Matcher, kind: int, wanted: Wanted, found: Weights) -> None:
    pages = matcher.segment.term_pages(kind)
    for start in range(pages.start, pages.stop, ROWS_AT_ONCE):
        numbers = range(start, min(start + ROWS_AT_ONCE, pages.stop))
        for number, text in zip(numbers, await matcher.term_texts(numbers), strict=True):
            for languages, terms in _forms_in(text, wanted).items():
                mask = await matcher.having([Hits(number, np.array(terms))])
                found.add(np.flatnonzero(mask), languages)
            await matcher.pace.breathe()


def _forms_in(text: bytes, wanted: Wanted) -> dict[frozenset[int], list[int]]:
    """The numbers of the terms of a page that are forms of a word, by languages."""
    alike = _alike(_plain(text), wanted, lines=True)
    if not alike:
        return {}
    # Without accents the terms are as many, and in the same order.
    numbers = terms_at(_plain(text), np.array([at for at, _word in alike])).tolist()
    terms = text[1:-1].split(b"\n")
    found: dict[frozenset[int], list[int]] = {}
    of_terms = forms({terms[number] for number in numbers}, wanted)
    for number in numbers:
        if terms[number] in of_terms:
            found.setdefault(of_terms[terms[number]], []).append(number)
    return found


async def _of_values(matcher: Matcher, field: str, wanted: Wanted, found: Weights) -> None:
    async for first, text in matcher.field_texts(field):
        plain_text = _plain(text)
        alike = _alike(plain_text, wanted)
        of_words = forms({word for _at, word in alike}, wanted)
        ends = np.flatnonzero(np.frombuffer(plain_text, np.uint8) == END[0])
        for at, word in alike:
            if word in of_words:
                found.add(np.array([first + int(np.searchsorted(ends, at))]), of_words[word])
        await matcher.pace.breathe()


def _plain(text: bytes) -> bytes:
    """A page without accents; what is between texts stays."""
    return text if text.isascii() else plain(text.decode(errors="surrogateescape")).encode(errors="surrogateescape")


def _alike(text: bytes, wanted: Wanted, *, lines: bool = False) -> list[tuple[int, bytes]]:
    """Words that may be forms of one, and where they are. `lines`: each word has a line feed before it."""
    before = b"\n" if lines and not wanted.changing else b""
    found: list[tuple[int, bytes]] = []
    at = text.find(before + wanted.begin)
    while at >= 0 and len(found) < TERMS_MAX:
        at += len(before)
        rest = _REST.match(text, at)
        assert rest is not None  # it matches nothing, too
        start = at
        while start and text[start - 1] in _LETTERS and wanted.changing:
            start -= 1
        if not start or text[start - 1] not in _LETTERS:
            found.append((start, text[start : rest.end()]))
        at = text.find(before + wanted.begin, rest.end())
    return found


def scores(weights: Sequence[Array], messages: int) -> Array:
    """From 0 to 100 for each message. `weights`: how much it has of each word; what few messages have counts more."""
    total = np.zeros(messages, np.float64)
    most = 0.0
    for of_word in weights:
        worth = math.log(1 + messages / (1 + int(np.count_nonzero(of_word))))
        total += worth * of_word
        most += worth
    return np.rint(100 * total / most).astype(np.int64) if most else np.zeros(messages, np.int64)
