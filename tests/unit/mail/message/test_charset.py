"""Charsets: what senders meant, and no name or byte that raises."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.message.charset import _MEANT, decode, fold


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        (b"abc", "us-ascii", "abc"),
        ("ü".encode(), "us-ascii", "ü"),
        (b"\xfc", "us-ascii", "ü"),
        (b"\x93x\x94", "ISO-8859-1", "\u201cx\u201d"),
        (b"\xa4", "iso-8859-15", "\u20ac"),
        (b"\xc4\xe3", "GB2312", "你"),
        (b"\x82\xa0", "Shift_JIS", "あ"),
        (b'\x1b$B$"\x1b(B', "iso-2022-jp", "あ"),
        (b"\xb0\xa1", "ks_c_5601-1987", "가"),
        (b"+AOk-", "utf-7", "é"),
        (b"+2AA-x", "utf-7", "\ufffdx"),
        (b"a\0b\0", "utf-16le", "ab"),
        (b"\xff", "utf-8", "\ufffd"),
        (b"x\xc3\xa9", "no-such-charset", "xé"),
        (b"x", "rot13", "x"),
        (b"x", "../../etc", "x"),
        (b"x", "unicode_escape", "x"),
        (b"x", "", "x"),
        (b"x", "'UTF-8'", "x"),
        (b"\xe9", "Windows-1252", "é"),
        (b"\xe9", "x-cp1252", "é"),
    ],
)
def test_decode(data: bytes, charset: str, text: str) -> None:
    assert decode(data, charset) == text


def test_every_name_we_know_has_a_codec() -> None:
    every_byte = bytes(range(256))
    for name in _MEANT:
        decode(every_byte, name).encode("utf-8")


@given(st.binary(max_size=80), st.sampled_from(sorted(_MEANT)) | st.text(max_size=10))
def test_any_bytes_and_name_give_text_that_can_be_sent(data: bytes, charset: str) -> None:
    fold(decode(data, charset)).encode("utf-8")


@pytest.mark.parametrize(
    ("text", "folded"), [("HeLLo", "hello"), ("Straße", "strasse"), ("ﬁn", "fin"), ("E\u0301", "é"), ("\uff29", "i")]
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_fold_in_pieces_is_fold_of_the_whole() -> None:
    text = "".join(f"Straße {number} E\u0301tude ﬁ Ä " for number in range(300))
    whole = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    assert fold(text) == whole
