"""The words of a rule: names, numbers, texts and signs, each with its place.

The law: every text gives words or WrongRule, in time linear in its length.
"""

import re
from typing import Final, Literal, NamedTuple

from cluster.rules.wrong import WrongRule

TEXT_CHARACTERS_MAX: Final = 4_000  # of a rule: a page; what is longer belongs into a list
DIGITS_MAX: Final = 18  # a number fits 64 bits

_WORD: Final = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<raw>[rR](?:\"[^\"\n]*\"|'[^'\n]*'))"
    r"|(?P<text>\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>\|\||&&|==|!=|<=|>=|[-+*/%!<>()\[\],.?:])"
)
_ESCAPE: Final = re.compile(r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "'": "'"}
_INSTEAD: Final = {"=": "==", "&": "&&", "|": "||", "~": 'text.matches("pattern")', "^": "a function"}

Sort = Literal["number", "text", "name", "sign", "end"]


class Word(NamedTuple):
    """One word: `value` is what a number or text means, else the word itself."""

    sort: Sort
    value: str | int | float
    at: int


def words(text: str) -> list[Word]:
    """All words, the last of sort `end`. Raises WrongRule."""
    if len(text) > TEXT_CHARACTERS_MAX:
        raise WrongRule(TEXT_CHARACTERS_MAX, f"it is longer than {TEXT_CHARACTERS_MAX} characters; use a lookup list")
    found: list[Word] = []
    at = 0
    while at < len(text):
        match = _WORD.match(text, at)
        if match is None:
            raise WrongRule(at, _stray(text[at]))
        if match.lastgroup != "space":
            found.append(_word(match.lastgroup or "", match[0], at))
        at = match.end()
    found.append(Word("end", "", at))
    return found


def _word(group: str, text: str, at: int) -> Word:
    if group == "number":
        if len(text) > DIGITS_MAX:
            raise WrongRule(at, f"a number has at most {DIGITS_MAX} digits")
        return Word("number", float(text) if "." in text else int(text), at)
    if group == "raw":
        return Word("text", text[2:-1], at)
    if group == "text":
        return Word("text", _unescaped(text[1:-1], at + 1), at)
    return Word("name" if group == "name" else "sign", text, at)


def _unescaped(text: str, at: int) -> str:
    def meant(match: re.Match[str]) -> str:
        escape = match[1]
        if escape[0] in "xu" and len(escape) > 1:
            return chr(int(escape[1:], 16))
        if escape not in _ESCAPED:
            cure = f'write \\\\{escape} for the sign itself, or r"..." for a pattern'
            raise WrongRule(at + match.start(), f"\\{escape} means nothing in a text; {cure}")
        return _ESCAPED[escape]

    return _ESCAPE.sub(meant, text)


def _stray(sign: str) -> str:
    if sign in "\"'":
        return "this text does not end"
    instead = f"; write {_INSTEAD[sign]}" if sign in _INSTEAD else ""
    return f"{sign!a} means nothing here{instead}"
