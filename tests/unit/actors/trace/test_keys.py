"""Keys of notes: in the order of time, and words without case."""

from actors.trace import keys
from actors.trace.types import Note
from cluster.meta.store import KEY_BYTES_MAX


def test_rows_are_in_the_order_of_time() -> None:
    name = keys.name_of(Note("a.1", "intake", 5))
    rows = [keys.note_row(at_ms, name) for at_ms in (0, 1, 255, 256, 2**40)]
    assert rows == sorted(rows)
    begin, end = keys.notes_until(255)
    assert [begin <= row < end for row in rows] == [True, True, True, False, False]


def test_a_word_row_leads_to_its_note_whatever_the_case() -> None:
    note = Note("a.1", "intake", 5, message_id="X@Y", sender="A" * 1000 + "@x.test")
    row = keys.note_row(5, keys.name_of(note))
    for word in ("a.1", "<x@y>", "a" * 1000 + "@X.TEST"):
        begin, end = keys.named(word)
        (found,) = [key for key in keys.word_rows(note) if begin <= key < end]
        assert keys.row_of(found) == row
        assert len(found) <= KEY_BYTES_MAX
