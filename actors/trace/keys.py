"""Where notes are in the store, and by what they are found.

    x N began message step      a note, packed; `began`: when the message came, `message` and `step` hashed
    x I word began message      that a message can be found by a word: a name of it, an address

The law: all notes of a message are side by side, in the order in which messages came, so that what is old goes with one
range; a note written again is the same row. Only the first note of a message leads to it by words, those that follow
know when it came. Words are hashed: an address may be longer than a key, and case does not count.
"""

import hashlib
from collections.abc import Iterator
from typing import Final

from actors.trace.types import ADDRESSES_MAX, Note

_NOTES: Final = b"xN"
_WORDS: Final = b"xI"
TIME_BYTES: Final = 8
NAME_BYTES: Final = 8
WORD_BYTES: Final = 12

Span = tuple[bytes, bytes]


def note_row(note: Note) -> bytes:
    """Key of a note."""
    return _NOTES + _message(note) + _hash(note.step, NAME_BYTES)


def notes_at(index_key: bytes) -> Span:
    """Range of the notes of the message that a row of a word names."""
    begin = _NOTES + index_key[len(_WORDS) + WORD_BYTES :]
    return begin, begin + b"\xff" * (NAME_BYTES + 1)


def notes_until(at_ms: int) -> Span:
    """Range of the notes of messages that came by a time."""
    return _NOTES, _NOTES + (at_ms + 1).to_bytes(TIME_BYTES, "big")


def named(word: str) -> Span:
    """Range of the rows of a word, the oldest message first."""
    begin = _WORDS + _hash(_folded(word), WORD_BYTES)
    return begin, begin + b"\xff" * (TIME_BYTES + NAME_BYTES + 1)


def word_rows(note: Note) -> Iterator[bytes]:
    """Keys that lead to the message of a note: none where its first note has them."""
    if not note.began_ms or note.step == FIRST:
        message = _message(note)
        for word in words_of(note):
            yield _WORDS + _hash(_folded(word), WORD_BYTES) + message


def words_of(note: Note) -> set[str]:
    """All by which a message is found."""
    words = {note.ident, note.message_id, note.sender, *note.recipients[:ADDRESSES_MAX]}
    words |= {name.hex() for name in note.queue_ids[:ADDRESSES_MAX]}
    words.discard("")
    return words


FIRST: Final = "intake"  # the step of a message's first note


def _message(note: Note) -> bytes:
    return (note.began_ms or note.at_ms).to_bytes(TIME_BYTES, "big") + _hash(note.ident, NAME_BYTES)


def _folded(word: str) -> str:
    return word.strip().strip("<>").lower()


def _hash(text: str, length: int) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()[:length]
