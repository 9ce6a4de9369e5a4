"""Encoded words and parameters: the standards' examples, and what is sent instead."""

import pytest

from mail.message.words import decode_words, file_name, parameters


@pytest.mark.parametrize(
    ("value", "text"),
    [
        # RFC 2047 8
        (b"(=?ISO-8859-1?Q?a?=)", "(a)"),
        (b"(=?ISO-8859-1?Q?a?= b)", "(a b)"),
        (b"(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
        (b"(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)"),
        (b"(=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=)", "(ab)"),
        (b"(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
        (b"(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"),
        (b"=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"),  # RFC 2231 5
        # a character over two words
        (b"=?utf-8?b?4g==?= =?utf-8?b?gqw=?=", "\u20ac"),
        (b"=?utf-8?q?=e2?= =?utf-8?b?gqw=?=", "\u20ac"),
        # left alone
        (b"=?no-such?q?a?=", "=?no-such?q?a?="),
        (b"=?utf-8?x?a?=", "=?utf-8?x?a?="),
        (b"=?utf-8?q?a", "=?utf-8?q?a"),
        (b"a =? b", "a =? b"),
        # as far as it goes
        (b"=?utf-8?b?SGk?=", "Hi"),
        (b"=?utf-8?b?S!Gk=?=", "Hi"),
        (b"=?utf-8?q?a b?=", "a b"),
        (b"=?utf-8?q?=zz?=", "=zz"),
        (b"=?utf-8?q?=ff?=", "\ufffd"),
        (b"a=?utf-8?q?b?=c", "abc"),
        # without words
        (b" Gr\xc3\xbc\xc3\x9fe\r\n folded ", "Gr\u00fc\u00dfe folded"),
        (b"Gr\xfc\xdfe", "Gr\u00fc\u00dfe"),
        (b"", ""),
    ],
)
def test_words(value: bytes, text: str) -> None:
    assert decode_words(value) == text


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (((b"title*", b"us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A"),), {"title": "This is ***fun***"}),
        (((b"t", b"plain"), (b"T*", b"utf-8''%E2%82%AC")), {"t": "\u20ac"}),
        (((b"t", b"=?utf-8?q?=E2=82=AC?="),), {"t": "\u20ac"}),
        (((b"t*", b"no quotes%41"),), {"t": "no quotesA"}),
        (((b"t*", b"nonsense''%e9"),), {"t": "\u00e9"}),
        (((b"t*", b"iso-8859-15''%a4"),), {"t": "\u20ac"}),
        (((b"a", b"1"), (b"a", b"2")), {"a": "1"}),
    ],
)
def test_parameters(raw: tuple[tuple[bytes, bytes], ...], expected: dict[str, str]) -> None:
    assert parameters(raw) == expected


def test_file_name() -> None:
    assert file_name(((b"filename", b"a.pdf"),), ((b"name", b"b.pdf"),)) == "a.pdf"
    assert file_name((), ((b"name", b"b\0\r\n.pdf"),)) == "b.pdf"
    assert file_name((), ()) is None
