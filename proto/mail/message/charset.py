"""Charsets: bytes and a charset's name to text, and text as search compares it.

The law: `decode` never raises and its text can always be encoded as UTF-8. Only the codecs named here are
ever looked up, for Python's registry also knows transforms that are no charsets.
"""

import re
import unicodedata
from typing import Final

_SAME: Final = """
    utf-8 utf-16 utf-16le utf-16be utf-32 utf-32le utf-32be utf-7 iso-8859-2 iso-8859-3 iso-8859-4 iso-8859-5
    iso-8859-6 iso-8859-7 iso-8859-8 iso-8859-10 iso-8859-13 iso-8859-14 iso-8859-15 iso-8859-16 koi8-r koi8-u
    cp437 cp850 cp852 cp855 cp857 cp858 cp862 cp866 cp874 cp932 cp949 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255
    cp1256 cp1257 cp1258 gb18030 big5hkscs euc-jp euc-kr iso-2022-jp iso-2022-jp-1 iso-2022-jp-2 iso-2022-jp-3
    iso-2022-kr hz johab ptcp154 tis-620 mac-roman mac-cyrillic mac-greek mac-turkish
""".split()  # noqa: SIM905 - sixty quoted names would be harder to read
# What mail says -> the codec that real senders meant: mostly the superset that Windows uses (as WHATWG has it).
_MEANT: Final = {
    **{name: name for name in _SAME},
    **{f"windows-{number}": f"cp{number}" for number in range(1250, 1259)},
    **{f"ibm{number}": f"cp{number}" for number in (437, 850, 852, 855, 857, 858, 862, 866)},
    "utf8": "utf-8",
    "utf-16-le": "utf-16le",
    "utf-16-be": "utf-16be",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "us-ascii": "",
    "ascii": "",
    "ansi_x3.4-1968": "",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "iso8859-1": "cp1252",
    "iso_8859-1": "cp1252",
    "iso-8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "windows-874": "cp874",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-6-i": "iso-8859-6",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "cp936": "gb18030",
    "x-gbk": "gb18030",
    "hz-gb-2312": "hz",
    "big5": "big5hkscs",
    "big5-hkscs": "big5hkscs",
    "cp950": "big5hkscs",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "cp-932": "cp932",
    "cseucpkdfmtjapanese": "euc-jp",
    "x-euc-jp": "euc-jp",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "ksc5601": "cp949",
    "euc-kr": "cp949",
    "x-windows-949": "cp949",
    "macintosh": "mac-roman",
    "x-mac-roman": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic",
}
# Their bytes may all be below 128 and still be no ASCII, so that they cannot be searched as they stand.
NO_ASCII: Final = frozenset(
    """
    utf-7 iso-2022-jp iso-2022-jp-1 iso-2022-jp-2 iso-2022-jp-3 iso-2022-kr hz
    utf-16 utf-16le utf-16be utf-32 utf-32le utf-32be
    """.split()  # noqa: SIM905 - thirteen quoted names would be harder to read
)
# Normalising takes quadratic time over long runs of combining marks, so it is done in pieces. Nothing composes; only
# marks that are out of order may stay so over an edge, which RFC 5051 4 (2) allows.
_PIECE_CHARS: Final = 256
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def codec_of(charset: str) -> str | None:
    """The codec for a charset's name: "" for ASCII, None for one we do not know."""
    name = charset if charset in _MEANT else charset.strip(" \t\"'").lower()
    return _MEANT.get(name) if name in _MEANT else _MEANT.get(name.replace("_", "-").removeprefix("x-"))


def decode(data: bytes, charset: str = "us-ascii") -> str:
    """Text of `data`. Bytes that the charset has not become U+FFFD.

    Where the charset is unknown, or ASCII with 8-bit bytes, it is UTF-8 if it can be, else windows-1252.
    """
    codec = codec_of(charset)
    if not codec:
        return guess(data)
    text = data.decode(codec, "replace")
    return _SURROGATE.sub("\ufffd", text) if codec == "utf-7" else text


def guess(data: bytes) -> str:
    """Text of bytes without a charset: UTF-8 (RFC 6532) if they can be, else windows-1252."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def fold(text: str) -> str:
    """What SEARCH, SORT and THREAD compare: equal for all that i;unicode-casemap (RFC 5051, RFC 5255 4.2) has equal.

    Besides, a letter is what it is written as in capitals, so that "strasse" finds "Straße", and a ligature its
    letters. Folds are within one another and in order as the texts are: octets of UTF-8 order as code points do.
    Accents become marks behind their letter, so that "cafe" is found in "café".
    """
    text = text.upper()
    if text.isascii():
        return text
    if len(text) <= _PIECE_CHARS:
        return unicodedata.normalize("NFKD", text).upper()
    pieces = range(0, len(text), _PIECE_CHARS)
    return "".join([unicodedata.normalize("NFKD", text[at : at + _PIECE_CHARS]).upper() for at in pieces])
