"""Mailbox names: INBOX in any case, no control characters, UTF-8 only where it was enabled."""

import pytest

from mail.imap import names
from mail.imap.errors import ImapError


@pytest.mark.parametrize(
    ("wire", "name"),
    [(b"inbox", "INBOX"), (b"InBox/a", "INBOX/a"), (b"inboxes", "inboxes"), (b"a/inbox", "a/inbox"), (b"", "")],
)
def test_inbox_is_folded(wire: bytes, name: str) -> None:
    assert names.decode(wire) == name


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "\x7f", "\x85", "\u2028", "\u2029"])
def test_control_characters_are_refused_in_both_encodings(name: str) -> None:
    for utf8 in (False, True):
        with pytest.raises(ImapError) as error:
            names.decode(names.encode(name, utf8=utf8), utf8=utf8)
        assert (error.value.status, error.value.code) == (b"NO", b"CANNOT")


def test_utf8_where_it_was_enabled() -> None:
    assert names.decode("é&".encode(), utf8=True) == "é&"
    assert names.encode("é&", utf8=True) == "é&".encode()
    with pytest.raises(ImapError):
        names.decode(b"\xff", utf8=True)
