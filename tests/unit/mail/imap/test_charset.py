"""Charsets of SEARCH: known ones in any spelling; codecs that are no charset stay out."""

import pytest

from mail.imap import charset
from mail.imap.errors import ImapError


@pytest.mark.parametrize(
    ("name", "octets", "text"),
    [
        (b"US-ASCII", b"a", "a"),
        (b"utf-8", b"\xc3\xa9", "é"),
        (b"UTF8", b"\xc3\xa9", "é"),
        (b"ISO-8859-15", b"\xa4", "€"),
        (b"windows-1252", b"\x80", "€"),
        (b"koi8-r", b"\xc1", "а"),  # noqa: RUF001 - the Cyrillic letter is meant
        (b"Shift_JIS", b"\x93\xfa", "日"),
        (b"iso-2022-jp", b"\x1b$BF|\x1b(B", "日"),
        (b"gb18030", b"\xc8\xd5", "日"),
    ],
)
def test_known(name: bytes, octets: bytes, text: str) -> None:
    assert charset.decode(octets, charset.codec_of(name)) == text


@pytest.mark.parametrize(
    "name",
    [
        b"",
        b"base64",
        b"zlib",
        b"rot13",
        b"bz2",
        b"hex",
        b"idna",
        b"punycode",
        b"unicode_escape",
        b"os",
        b"\xff",
        b"utf\xff8",
    ],
)
def test_unknown(name: bytes) -> None:
    with pytest.raises(ImapError) as error:
        charset.codec_of(name)
    assert (error.value.status, error.value.code) == (b"NO", b"BADCHARSET (US-ASCII UTF-8)")


def test_octets_that_mean_nothing() -> None:
    with pytest.raises(ImapError):
        charset.decode(b"\xe9", charset.codec_of(b"us-ascii"))
