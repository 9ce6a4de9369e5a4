"""Text to header bytes: encoded words (RFC 2047), encoded parameters (RFC 2231) and folding (RFC 5322 2.2.3).

The law: what is written is read back as the same text; no line is over LINE_BYTES_MAX, and none holds a control
character but the line ends of folding. Only addresses and raw values outside ASCII are UTF-8 (RFC 6532).
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

LINE_BYTES_MAX: Final = 998  # RFC 5322 2.1.1
FOLD_AT: Final = 76  # RFC 5322 2.1.1 has 78 without the line end; encoded words 76 (RFC 2047 2)
WORD_CHARS_MAX: Final = 200  # of a word that stands as it is: a line has room for it and a field's name
NAME_CHARS_MAX: Final = 255  # of a file; encoded it still fits what is read of parameters
# Of one encoded word, so that it fits a line of 76 behind most names of fields (RFC 2047 2).
_WORD_BYTES_MAX: Final = 33  # 44 characters of base64
_Q_CHARS_MAX: Final = 48
_PLAIN_WORD: Final = re.compile(rf"[!-~]{{1,{WORD_CHARS_MAX}}}")
_QUOTABLE: Final = re.compile(r"[ -~]*")
_SPECIAL: Final = re.compile(r'(["\\])')
# What stands for itself in a Q word everywhere, display names included (RFC 2047 5 (3)).
_Q_SAFE: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$&+.^_`{|}~-]{1,60}")
_SECTION_CHARS: Final = 60  # of a piece of a continued parameter (RFC 2231 3)
_SECTION: Final = re.compile(rf"(?:%..|[^%]){{1,{_SECTION_CHARS // 3}}}")


def fold(name: str, pieces: Sequence[str]) -> bytes:
    """A field of pieces with a space between each two, in lines of FOLD_AT where the pieces allow it."""
    lines: list[str] = []
    line = name + ":"
    for piece in pieces:
        if len(line) + 1 + len(piece) > FOLD_AT and line.strip() and line != name + ":":
            lines.append(line)
            line = ""
        line += " " + piece
    return "\r\n".join([*lines, line, ""]).encode("utf-8", "replace")


def text_pieces(text: str) -> list[str]:
    """An unstructured value (RFC 5322 3.6.5): words that need it are encoded, with all that is between them."""
    words = text.split(" ")
    first, last = 0, len(words)
    while first < last and _is_plain(words[first]):
        first += 1
    while last > first and _is_plain(words[last - 1]):
        last -= 1
    if words[first:last] == [""]:  # two spaces, or one at an end: the words beside them hold them
        first, last = max(0, first - 1), last + 1
    return [*words[:first], *encoded_words(" ".join(words[first:last])), *words[last:]]


def _is_plain(word: str) -> bool:
    return _PLAIN_WORD.fullmatch(word) is not None and "=?" not in word


def phrase_pieces(name: str) -> list[str]:
    """A display name: a quoted string, or encoded words (RFC 5322 3.2.5, RFC 2047 5 (3))."""
    if len(name) <= WORD_CHARS_MAX and "=?" not in name and name == name.strip() and _QUOTABLE.fullmatch(name):
        return ['"' + _SPECIAL.sub(r"\\\1", name) + '"']
    return encoded_words(name)


def encoded_words(text: str) -> list[str]:
    """The text in encoded words of at most 75 characters, each with whole characters; none for no text."""
    data = text.encode("utf-8", "replace")
    plain = sum(byte in _Q_SAFE or byte == 32 for byte in data)
    return _q_words(text) if plain * 3 >= len(data) * 2 else _b_words(text)


def _q_words(text: str) -> list[str]:
    words: list[str] = []
    word = ""
    for character in text:
        if character == " ":
            written = "_"
        else:
            data = character.encode("utf-8", "replace")
            written = "".join([chr(byte) if byte in _Q_SAFE else f"={byte:02X}" for byte in data])
        if len(word) + len(written) > _Q_CHARS_MAX:
            words.append(word)
            word = ""
        word += written
    if word:
        words.append(word)
    return [f"=?utf-8?q?{word}?=" for word in words]


def _b_words(text: str) -> list[str]:
    words: list[bytes] = []
    word = b""
    for character in text:
        data = character.encode("utf-8", "replace")
        if len(word) + len(data) > _WORD_BYTES_MAX:
            words.append(word)
            word = b""
        word += data
    if word:
        words.append(word)
    return [f"=?utf-8?b?{b64encode(word).decode()}?=" for word in words]


def parameter(name: str, value: str) -> list[str]:
    """`name=value` for Content-Type and Content-Disposition: a token, a quoted string, or as RFC 2231 has it."""
    if _TOKEN.fullmatch(value):
        return [f"{name}={value}"]
    is_short = len(value) <= WORD_CHARS_MAX and value == value.strip()
    if is_short and _QUOTABLE.fullmatch(value) and "=?" not in value:
        return [f'{name}="' + _SPECIAL.sub(r"\\\1", value) + '"']
    data = quote(value.encode("utf-8", "replace"), safe="!#$&+.^_`{|}~-")
    if len(data) <= _SECTION_CHARS:
        return [f"{name}*=utf-8''{data}"]
    sections = _SECTION.findall(data)
    first = [f"{name}*0*=utf-8''{sections[0]}"]
    return first + [f"{name}*{number}*={section}" for number, section in enumerate(sections[1:], start=1)]


def with_parameters(value: str, parameters: Sequence[tuple[str, str]]) -> list[str]:
    """The pieces of a value with parameters."""
    written = [value]
    for name, text in parameters:
        for one in parameter(name, text):
            written[-1] += ";"
            written.append(one)
    return written
