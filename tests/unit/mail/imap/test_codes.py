"""The response codes of extensions, as the examples of their RFCs have them."""

import pytest

from mail.imap import codes
from mail.imap.lexer import Reader
from mail.imap.limits import Limits
from mail.imap.notify import SUPPORTED


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (codes.CLOSED, b"CLOSED"),
        (codes.NOTIFICATION_OVERFLOW, b"NOTIFICATIONOVERFLOW"),
        (codes.METADATA_TOO_MANY, b"METADATA TOOMANY"),
        (codes.metadata_long_entries_code(2199), b"METADATA LONGENTRIES 2199"),
        (codes.metadata_max_size_code(65536), b"METADATA MAXSIZE 65536"),
        (codes.modified_code(b"7,9"), b"MODIFIED 7,9"),
        (codes.no_update_code(b"B02"), b'NOUPDATE "B02"'),
        (codes.url_mech_code(), b"URLMECH INTERNAL"),
        (
            codes.url_mech_code([b"X=P34OKhO7VEk="]),
            b"URLMECH INTERNAL X=P34OKhO7VEk=",
        ),
        (codes.mailbox_id_code("F2212ea87-6097"), b"MAILBOXID (F2212ea87-6097)"),
        (codes.message_limit_code(1000), b"MESSAGELIMIT 1000"),
        (codes.message_limit_code(1000, 23221), b"MESSAGELIMIT 1000 23221"),
        (codes.in_progress_code(), b"INPROGRESS"),
        (codes.in_progress_code(b"A001"), b'INPROGRESS ("A001" NIL NIL)'),
        (codes.in_progress_code(b"A001", 454), b'INPROGRESS ("A001" 454 NIL)'),
        (codes.in_progress_code(b"A001", 454, 1000), b'INPROGRESS ("A001" 454 1000)'),
        (codes.in_progress_code(None, 0, 5), b"INPROGRESS (NIL 0 5)"),
        (codes.in_progress_code(b"A001", None, 1000), b'INPROGRESS ("A001" NIL NIL)'),
    ],
)
def test_code(code: bytes, text: bytes) -> None:
    assert code == text


def test_bad_event_lists_words() -> None:
    head, rest = codes.bad_event_code(event.value for event in SUPPORTED).split(b" ", 1)
    reader = Reader((rest,), (), Limits())
    assert head == b"BADEVENT"
    assert reader.parenthesized(Reader.word) == [event.value.upper() for event in SUPPORTED]
    reader.end()
