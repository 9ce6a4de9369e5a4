"""SearchSnippet (RFC 8621 5): what of an Email a search found, with the words marked.

The law: HTML-escaped but for <mark>; a preview is at most PREVIEW_BYTES_MAX octets with all its tags closed; None
where no word is found. Words are compared as SEARCH does (`charset.fold`), character by character.
"""

from collections import Counter
from collections.abc import Sequence
from html import escape
from itertools import islice
from typing import Final, NamedTuple

from mail.jmap.email.bodies import Node, decompose, tree
from mail.jmap.email.forms import tidy
from mail.message.charset import fold
from mail.message.content import text_of
from mail.message.html import plain_text
from mail.message.record import Record

PREVIEW_BYTES_MAX: Final = 255
TEXT_CHARS_MAX: Final = 200_000  # of a message that are looked in
WORDS_MAX: Final = 20
_PARTS_MAX: Final = 20
_FOUND_MAX: Final = 2000  # places of a word that are compared for the best preview
_BEFORE_CHARS: Final = 30  # that are shown in front of the first word
_NEAR_CHARS: Final = 120
_OPEN: Final = "<mark>"
_CLOSE: Final = "</mark>"
_MORE: Final = "…"


class Mark(NamedTuple):
    """A place in a text, and which of the words is there."""

    start: int
    end: int
    word: int


def subject_snippet(subject: str, words: Sequence[str]) -> str | None:
    """The subject with all words marked."""
    marks = _merged(_find(subject, words))
    if not marks:
        return None
    out: list[str] = []
    position = 0
    for mark in marks:
        out += escape(subject[position : mark.start]), _OPEN, escape(subject[mark.start : mark.end]), _CLOSE
        position = mark.end
    return "".join([*out, escape(subject[position:])])


def preview_snippet(text: str, words: Sequence[str]) -> str | None:
    """The place in a text where the most words are near each other."""
    text = tidy(" ".join(text[:TEXT_CHARS_MAX].split()))
    found = _find(text, words)
    if not found:
        return None
    best = _best(found)
    start = max(0, best.start - _BEFORE_CHARS)
    if start:
        space = text.find(" ", start, best.start)
        start = space + 1 if space >= 0 else best.start
    return _render(text, [mark for mark in _merged(found) if mark.end > start], start)


def body_snippet(raw: bytes, record: Record, words: Sequence[str]) -> str | None:
    """The same of a message: of its body as text, or as HTML where no word is in that."""
    bodies = decompose(tree(record.root))
    found = preview_snippet(_text(raw, bodies.text), words)
    if found is None and bodies.html != bodies.text:
        found = preview_snippet(_text(raw, bodies.html), words)
    return found


def _text(raw: bytes, nodes: Sequence[Node]) -> str:
    texts: list[str] = []
    left = TEXT_CHARS_MAX
    for node in islice(nodes, _PARTS_MAX):
        if node.part.type == "text" and left > 0:
            text = text_of(raw, node.part)
            texts.append(plain_text(text, left, quotes=True) if node.part.subtype == "html" else text[:left])
            left -= len(texts[-1])
    return " ".join(texts)


def _find(text: str, words: Sequence[str]) -> list[Mark]:
    """Where the words are, in order of place."""
    folded, places = _folded(text)
    found: list[Mark] = []
    for number, word in enumerate(words[:WORDS_MAX]):
        wanted = fold(" ".join(word.split()))
        at = folded.find(wanted) if wanted else -1
        for _ in range(_FOUND_MAX):
            if at < 0:
                break
            end = at + len(wanted)
            if places is None:
                found.append(Mark(at, end, number))
            else:
                found.append(Mark(places[at], places[end - 1] + 1, number))
            at = folded.find(wanted, end)
    return sorted(found)


def _folded(text: str) -> tuple[str, list[int] | None]:
    """The text as it is compared, and for each character of that its place in the text; None where they are equal."""
    if text.isascii():
        return text.upper(), None
    folds: dict[str, str] = {}
    pieces: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        piece = folds.get(character)
        if piece is None:
            piece = folds[character] = fold(character)
        pieces.append(piece)
        places.extend([place] * len(piece))
    return "".join(pieces), places


def _merged(found: list[Mark]) -> list[Mark]:
    """Without overlaps."""
    merged: list[Mark] = []
    for mark in found:
        if merged and mark.start < merged[-1].end:
            merged[-1] = merged[-1]._replace(end=max(merged[-1].end, mark.end))
        else:
            merged.append(mark)
    return merged


def _best(found: list[Mark]) -> Mark:
    """The first of the places that have the most different words at them and soon after."""
    near: Counter[int] = Counter()
    best, best_count = found[0], 0
    end = 0
    for mark in found:
        while end < len(found) and found[end].start < mark.start + _NEAR_CHARS:
            near[found[end].word] += 1
            end += 1
        is_nearer = len(near) == best_count > 1 and mark.start < best.start + _NEAR_CHARS
        if len(near) > best_count or is_nearer:
            best, best_count = mark, len(near)
        near[mark.word] -= 1
        if not near[mark.word]:
            del near[mark.word]
    return best


def _render(text: str, marks: list[Mark], start: int) -> str:
    out = [_MORE] if start else []
    left = PREVIEW_BYTES_MAX - 2 * len(_MORE.encode())
    position = start
    for mark in marks:
        position, left = _plain(text, position, mark.start, left, out)
        room = left - len(_OPEN) - len(_CLOSE)
        if position < mark.start or room <= 0:
            break
        inner: list[str] = []
        position, room = _plain(text, position, mark.end, room, inner)
        if inner:
            out += _OPEN, *inner, _CLOSE
            left = room
        if position < mark.end:
            left = 0
            break
    position, _ = _plain(text, position, len(text), left, out)
    return "".join([*out, _MORE if position < len(text) else ""])


def _plain(text: str, start: int, end: int, left: int, out: list[str]) -> tuple[int, int]:
    """As many escaped characters as there is room for; where it stopped, and the room that is left."""
    for position in range(start, end):
        written = escape(text[position])
        size = len(written.encode())
        if size > left:
            return position, left
        out.append(written)
        left -= size
    return end, left
