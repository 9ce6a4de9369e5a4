"""A segment made of entries.

The law: every run of an entry is in the segment: a word itself or by its grams, a spaceless run by its pairs (alone, if
it is one character). Which words are known by grams only is decided here and nowhere else: nobody may rely on it.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from actors.search.brief import columns_of
from actors.search.entry import FIELDS, Entry
from actors.search.segment import (
    BODY_GRAMS,
    BODY_WORDS,
    HEADER_GRAMS,
    HEADER_WORDS,
    BriefWriter,
    FieldWriter,
    Writer,
    directory_of,
    put_directory,
)
from actors.search.tokens import GRAM_CHARS, PAIR_CHARS, WORD_BYTES_MAX, grams, is_noise

Array = npt.NDArray[Any]

# Letters of ASCII words in the order of their bytes, from 1 on; 0 is what is between words.
_CODES: Final = np.zeros(256, np.int32)
_CODES[np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz", np.uint8)] = range(1, 64)
_CODE_BITS: Final = 6
_LETTERS: Final = np.flatnonzero(_CODES).astype(np.uint8)


class Built(NamedTuple):
    """What a segment's owner keeps of it."""

    writer: Writer
    pieces: int  # of its directory


class Lists(NamedTuple):
    """Terms, ascending, how many messages have each, and which."""

    terms: list[bytes]
    counts: Array
    places: Array


class Numbers(dict[bytes, int]):
    """Numbers words as they come."""

    def __missing__(self, word: bytes) -> int:
        number = self[word] = len(self)
        return number


def build(entries: Sequence[Entry]) -> Built:
    """A segment of entries, which are in the order of their emails."""
    writer = Writer(len(entries))
    noisy = np.zeros((2, len(entries)), bool)
    for side, words_kind, grams_kind in ((0, HEADER_WORDS, HEADER_GRAMS), (1, BODY_WORDS, BODY_GRAMS)):
        words, noise = _words([entry.runs[2 * side] for entry in entries])
        writer.add(words_kind, *words)
        writer.add(grams_kind, *_grams(noise, [entry.runs[2 * side + 1] for entry in entries], noisy[side]))
    directory = directory_of(
        np.array([entry.email for entry in entries], np.int64),
        np.array([entry.flags for entry in entries], np.uint8),
        np.array([entry.language for entry in entries], np.uint8),
        noisy,
    )
    briefs, fields = BriefWriter(writer), FieldWriter(writer)
    briefs.add(columns_of([entry.brief for entry in entries]))
    briefs.finish()
    for at in range(len(FIELDS)):
        fields.begin()
        fields.add([entry.fields[at] for entry in entries])
    fields.finish()
    directory.briefs, directory.fields = briefs.pieces, fields.starts
    return Built(writer, put_directory(writer, directory))


def ascending(keys: Array) -> Array:
    """The order of keys from 0 to 2**32, equal ones as they come. (By 16 bits at a time, for which numpy has a radix
    sort: five times as fast as its sort of larger numbers.)"""
    order: Array = np.argsort(keys.astype(np.uint16), kind="stable")
    if len(keys) and int(keys.max()) >> 16:
        high = (keys >> 16).astype(np.uint16)
        order = order[np.argsort(high[order], kind="stable")]
    return order


def _words(runs: Sequence[bytes]) -> tuple[Lists, list[tuple[int, bytes]]]:
    """The words of some messages; and which words of which places are to be known by their grams."""
    numbers = Numbers()
    ids: list[int] = []
    sizes: list[int] = []
    for joined in runs:
        before = len(ids)
        ids.extend(map(numbers.__getitem__, joined.split()))
        sizes.append(len(ids) - before)
    terms = list(numbers)
    number = np.array(ids, np.int64)
    place = np.repeat(np.arange(len(runs)), sizes)
    alone = np.bincount(number, minlength=len(terms)) == 1
    noise = np.fromiter(
        (
            (one and is_noise(term)) or len(term) > WORD_BYTES_MAX
            for term, one in zip(terms, alone.tolist(), strict=True)
        ),
        bool,
        len(terms),
    )
    known_by_grams = noise[number]
    pairs = zip(place[known_by_grams].tolist(), number[known_by_grams].tolist(), strict=True)
    kept = ~known_by_grams
    return listed(terms, number[kept], place[kept]), [(at, terms[one]) for at, one in pairs]


def listed(terms: Sequence[bytes], number: Array, place: Array) -> Lists:
    """Terms that are used, sorted, from pairs of a term's number and a place, which ascend for each term."""
    order = _sorted(terms)
    rank = np.empty(len(terms), np.int64)
    rank[order] = np.arange(len(terms))
    ranks = rank[number]
    counts = np.bincount(ranks, minlength=len(terms))
    used = np.flatnonzero(counts)
    return Lists([terms[order[at]] for at in used.tolist()], counts[used], place[ascending(ranks)].astype(np.int32))


def _sorted(terms: Sequence[bytes]) -> list[int]:
    """The numbers of the terms in the order of the terms. By their first byte first: a sort of all at once would keep
    the interpreter to itself for as long as it takes, though it runs in a thread."""
    alike: dict[bytes, list[int]] = {}
    for number, term in enumerate(terms):
        alike.setdefault(term[:1], []).append(number)
    return [number for first in sorted(alike) for number in sorted(alike[first], key=terms.__getitem__)]


def _grams(noise: Sequence[tuple[int, bytes]], spaceless: Sequence[bytes], noisy: Array) -> Lists:
    """The grams of words and of spaceless runs. Marks in `noisy` the messages that have any of a word."""
    ascii_words = [(place, word) for place, word in noise if word.isascii()]
    codes, places = _ascii_grams(ascii_words)
    begins = np.flatnonzero(np.diff(codes, prepend=-1))
    terms = _letters_of(codes[begins])
    counts = np.diff(begins, append=len(codes))
    noisy[places] = True
    others = [(at, grams(word.decode(), GRAM_CHARS)) for at, word in noise if not word.isascii()]
    noisy[[at for at, _grams in others]] = True
    others += [(at, list(_pairs_of(runs.split()))) for at, runs in enumerate(spaceless) if runs]
    if not others:
        return Lists(terms, counts, places.astype(np.int32))
    numbers = Numbers(zip(terms, range(len(terms)), strict=True))
    number = [np.repeat(np.arange(len(terms)), counts)]
    place = [places]
    for at, of_message in others:
        number.append(np.array([numbers[gram] for gram in of_message], np.int64))
        place.append(np.full(len(of_message), at))
    return listed(list(numbers), *_pairs_once(np.concatenate(number), np.concatenate(place)))


def _pairs_of(runs: Iterable[bytes]) -> set[bytes]:
    found: set[bytes] = set()
    for run in runs:
        text = run.decode()
        found.update(grams(text, PAIR_CHARS) if len(text) > 1 else (run,))
    return found


def _ascii_grams(words: Sequence[tuple[int, bytes]]) -> tuple[Array, Array]:
    """The grams of ASCII words, each three letters' codes as one number, with their places; no pair twice."""
    if not words:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    codes = _CODES[np.frombuffer(b"\n".join([word for _place, word in words]) + b"\n", np.uint8)]
    place = np.repeat([place for place, _word in words], [len(word) + 1 for _place, word in words])
    first, second, third = codes[:-2], codes[1:-1], codes[2:]
    inside = (first > 0) & (second > 0) & (third > 0)
    of_three = (first << 2 * _CODE_BITS | second << _CODE_BITS | third)[inside].astype(np.int64)
    return _pairs_once(of_three, place[:-2][inside])


def _pairs_once(number: Array, place: Array) -> tuple[Array, Array]:
    """Pairs in the order of numbers, then places, none twice."""
    by_place = ascending(place)
    number, place = number[by_place], place[by_place]
    order = ascending(number)
    number, place = number[order], place[order]
    new = (np.diff(number, prepend=-1) != 0) | (np.diff(place, prepend=-1) != 0)
    return number[new], place[new]


def _letters_of(codes: Array) -> list[bytes]:
    """The grams that such numbers stand for."""
    shifts = (2 * _CODE_BITS, _CODE_BITS, 0)
    mask = (1 << _CODE_BITS) - 1
    joined = np.stack([_LETTERS[(codes >> shift & mask) - 1] for shift in shifts], axis=1).tobytes()
    return [joined[at : at + GRAM_CHARS] for at in range(0, len(joined), GRAM_CHARS)]
