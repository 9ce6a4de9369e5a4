"""Where notes are in the store, and by what they are found.

    x N time name           a note, packed
    x I hash time name      that a note can be found by a word: a name of the message, an address

The law: `name` is made of the note's message and step, so the same note written again is the same row; rows are in the
order of time, so that what is old goes with one range. Words are hashed: an address may be longer than a key, and case
does not count.
"""

import hashlib
from collections.abc import Iterator
from typing import Final

from actors.trace.types import ADDRESSES_MAX, Note

_NOTES: Final = b"xN"
_WORDS: Final = b"xI"
TIME_BYTES: Final = 8
NAME_BYTES: Final = 16
WORD_BYTES: Final = 12

Span = tuple[bytes, bytes]


def name_of(note: Note) -> bytes:
    """What tells a note from all others."""
    return hashlib.sha256(f"{note.ident}\0{note.step}".encode()).digest()[:NAME_BYTES]


def note_row(at_ms: int, name: bytes) -> bytes:
    """Key of a note."""
    return _NOTES + at_ms.to_bytes(TIME_BYTES, "big") + name


def row_of(index_key: bytes) -> bytes:
    """Key of the note that a row of a word names."""
    return _NOTES + index_key[len(_WORDS) + WORD_BYTES :]


def notes_until(at_ms: int) -> Span:
    """Range of the notes made by a time."""
    return _NOTES, _NOTES + (at_ms + 1).to_bytes(TIME_BYTES, "big")


def named(word: str) -> Span:
    """Range of the rows of a word, the oldest note first."""
    begin = _WORDS + _hash(word)
    return begin, begin + b"\xff" * (TIME_BYTES + NAME_BYTES)


def word_rows(note: Note) -> Iterator[bytes]:
    """Keys that lead to a note."""
    tail = note.at_ms.to_bytes(TIME_BYTES, "big") + name_of(note)
    for word in words_of(note):
        yield _WORDS + _hash(word) + tail


def words_of(note: Note) -> set[str]:
    """All by which a note is found."""
    words = {note.ident, note.message_id, note.sender, *note.recipients[:ADDRESSES_MAX]}
    words |= {name.hex() for name in note.queue_ids[:ADDRESSES_MAX]}
    words.discard("")
    return words


def _hash(word: str) -> bytes:
    return hashlib.sha256(word.strip().strip("<>").lower().encode("utf-8", "surrogateescape")).digest()[:WORD_BYTES]
