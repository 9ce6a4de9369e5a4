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
    ("text", "folded"),
    [
        ("", ""),
        ("HeLLo_", "HELLO_"),
        ("é", "E\u0301"),
        ("E\u0301", "E\u0301"),
        ("\u01c4", "DZ\u030c"),  # the example of RFC 5051 2
        ("\u01c6", "DZ\u030c"),
        ("Straße", "STRASSE"),  # as it is written in capitals
        ("STRAẞE", "STRAẞE"),
        ("ﬁn", "FIN"),
        ("\uff49", "I"),
        ("ⅷ", "VIII"),
        ("ς\u03c3Σ", "ΣΣΣ"),
        ("ა\u1c90", "\u1c90\u1c90"),
        ("\u017f\u212a", "SK"),
        ("\u00b5", "\u039c"),
        ("\u1fb3", "\u0391\u0399"),
        ("가", "\u1100\u1161"),
        ("½", "1\u20442"),
        ("пЁС", "П\u0415\u0308\u0421"),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded


def casemap(text: str) -> str:
    """i;unicode-casemap: RFC 5051 2, character by character."""
    mapped = [title if len(title := character.title()) == 1 else character for character in text]
    return unicodedata.normalize("NFKD", "".join(mapped))


def test_characters_that_unicode_casemap_has_equal_are_equal() -> None:
    folds: dict[str, str] = {}
    for code in (*range(0xD800), *range(0xE000, 0x110000)):
        character = chr(code)
        assert folds.setdefault(casemap(character), fold(character)) == fold(character), hex(code)


LETTERS = st.text(st.sampled_from("aZ_ßẞǆﬁაᾳéÄ가\u0301 ") | st.characters(exclude_categories=["Cs"]), max_size=20)


@given(LETTERS, LETTERS, LETTERS)
def test_fold_of_texts(before: str, text: str, after: str) -> None:
    assert fold(text) == fold(casemap(text))
    if not unicodedata.combining((after or "a")[0]):  # a mark there may go before the last ones of `text`
        assert fold(before + text + after).endswith(fold(text + after))
        assert fold(text) in fold("a" + text + after)


@given(LETTERS, LETTERS)
def test_folds_are_in_the_order_of_their_octets(one: str, other: str) -> None:
    assert (fold(one) < fold(other)) == (fold(one).encode() < fold(other).encode())


def test_the_ordering_example_of_rfc_5255() -> None:
    second, fourth = "сЕРГЕЙ", b"\xe1\xcc\xc5\xcb\xd3\xc5\xca".decode("koi8-r")
    assert fold(fourth) < fold(second)


def test_fold_in_pieces_is_fold_of_the_whole() -> None:
    piece = "Straße E\u0301tude ﬁ Ä "
    assert fold(piece * 300) == fold(piece) * 300


def test_fold_of_marks_without_end() -> None:
    # Quadratic time would run into the timeout of every test.
    assert len(fold("e" + "\u0301\u0323" * 1_000_000)) == 2_000_001
