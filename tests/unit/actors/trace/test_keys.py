"""Keys of notes: in the order in which messages came, and words without case."""

from actors.trace import keys
from actors.trace.types import Note
from cluster.meta.store import KEY_BYTES_MAX


def test_rows_are_in_the_order_in_which_messages_came() -> None:
    rows = [keys.note_row(Note("a.1", "intake", at_ms)) for at_ms in (0, 1, 255, 256, 2**40)]
    assert rows == sorted(rows)
    begin, end = keys.notes_until(255)
    assert [begin <= row < end for row in rows] == [True, True, True, False, False]


def test_a_word_leads_to_all_notes_of_a_message_whatever_its_case() -> None:
    first = Note("a.1", "intake", 5, message_id="X@Y", sender="A" * 1000 + "@x.test")
    later = Note("a.1", "0102.1", 9, message_id="X@Y", began_ms=5)
    other = Note("b.1", "intake", 5)
    for word in ("a.1", "<x@y>", "a" * 1000 + "@X.TEST"):
        begin, end = keys.named(word)
        (found,) = [key for key in keys.word_rows(first) if begin <= key < end]
        assert len(found) <= KEY_BYTES_MAX
        begin, end = keys.notes_at(found)
        rows = [keys.note_row(note) for note in (first, later, other)]
        assert [begin <= row < end for row in rows] == [True, True, False]
    assert list(keys.word_rows(later)) == []
    assert list(keys.word_rows(Note("a.1", "0102.1", 9, sender="s@x")))
