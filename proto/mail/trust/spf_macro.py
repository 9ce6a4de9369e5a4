"""Macro strings of SPF (RFC 7208 7): read once into pieces, expanded for each message.

The law: reading is strict, as the ABNF of 7.1 has it, in linear time; expanding never fails.
"""

import re
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import quote

# macro-literal = %x21-24 / %x26-7E; macro-expand = "%{" letter *DIGIT ["r"] *delimiter "}" / "%%" / "%_" / "%-"
_PIECE: Final = re.compile(r"([!-$&-~]+)|%(?:([%_-])|\{([slodiphcrtvSLODIPHCRTV])([0-9]*)([rR]?)([-.+,/_=]*)\})")
_PIECE_OR_SPACE: Final = re.compile(
    r"([ !-$&-~]+)|%(?:([%_-])|\{([slodiphcrtvSLODIPHCRTV])([0-9]*)([rR]?)([-.+,/_=]*)\})"
)
_ESCAPES: Final = {"%": "%", "_": " ", "-": "%20"}
_TOPLABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\Z")
_IN_EXP_ONLY: Final = frozenset("crt")  # 7.2
PARTS_MAX: Final = 127  # labels of a name; 7.3 asks for at least this


class Macro(NamedTuple):
    """One %{...}: the letter in lower case, how many right-hand parts (0: all), what follows of 7.3."""

    letter: str
    parts: int = 0
    reverse: bool = False
    delimiters: str = "."
    escape: bool = False


Pieces: TypeAlias = tuple[str | Macro, ...]


class MacroError(ValueError):
    """It does not follow the grammar; says how."""


def parse_domain_spec(text: str) -> Pieces:
    """domain-spec = macro-string domain-end. Raises MacroError."""
    pieces, ends_with_macro = _parse(text, _PIECE)
    _refuse_letters(pieces)
    if not ends_with_macro:
        _check_toplabel(text)
    return pieces


def parse_macro_string(text: str) -> Pieces:
    """macro-string, as unknown modifiers have it. Raises MacroError."""
    return _parse(text, _PIECE)[0]


def parse_explanation(text: str) -> Pieces:
    """explain-string = *( macro-string / SP ). Raises MacroError."""
    return _parse(text, _PIECE_OR_SPACE)[0]


def _parse(text: str, piece: re.Pattern[str]) -> tuple[Pieces, bool]:
    pieces: list[str | Macro] = []
    position = 0
    literal = True
    while match := piece.match(text, position):
        position = match.end()
        plain, escape, letter, digits, reverse, delimiters = match.groups()
        literal = plain is not None
        if letter is None:
            pieces.append(plain if literal else _ESCAPES[escape])
        else:
            pieces.append(_macro(letter, digits, bool(reverse), delimiters))
    if position < len(text):
        raise MacroError(f"{text[position : position + 20]!r} cannot stand there")
    return _joined(pieces), not literal


def _joined(pieces: list[str | Macro]) -> Pieces:
    """Neighbouring texts in one."""
    out: list[str | Macro] = []
    for piece in pieces:
        last = out[-1] if out else None
        if isinstance(piece, str) and isinstance(last, str):
            out[-1] = last + piece
        else:
            out.append(piece)
    return tuple(out)


def _macro(letter: str, digits: str, reverse: bool, delimiters: str) -> Macro:
    parts = 0
    if digits:
        # A value of any length is read, but more parts than a name can have are all of them.
        parts = min(int(digits[-4:]), PARTS_MAX) if len(digits.lstrip("0")) <= 4 else PARTS_MAX
        if parts == 0:
            raise MacroError("a macro of no parts")
    return Macro(letter.lower(), parts, reverse, delimiters or ".", letter.isupper())


def _refuse_letters(pieces: Pieces) -> None:
    for piece in pieces:
        if isinstance(piece, Macro) and piece.letter in _IN_EXP_ONLY:
            raise MacroError(f"%{{{piece.letter}}} is for explanations only")


def _check_toplabel(text: str) -> None:
    """domain-end = "." toplabel ["."], toplabel with a letter, or a hyphen within."""
    _, dot, label = text.removesuffix(".").rpartition(".")
    if not dot or not _TOPLABEL.match(label) or label.isdigit():
        raise MacroError(f"{text[-40:]!r} does not end in a domain")


def expand(pieces: Pieces, values: dict[str, str]) -> str:
    """The text. `values` has every letter of `letters(pieces)`."""
    return "".join([piece if isinstance(piece, str) else _value(piece, values) for piece in pieces])


def letters(pieces: Pieces) -> set[str]:
    """The macro letters in it, lower case."""
    return {piece.letter for piece in pieces if isinstance(piece, Macro)}


def _value(macro: Macro, values: dict[str, str]) -> str:
    text = values[macro.letter]
    if macro.parts or macro.reverse or macro.delimiters != ".":
        text = _transformed(macro, text)
    return quote(text, safe="-._~") if macro.escape else text


def _transformed(macro: Macro, text: str) -> str:
    first = macro.delimiters[0]
    for other in macro.delimiters[1:]:
        text = text.replace(other, first)
    parts = text.split(first)
    if macro.reverse:
        parts.reverse()
    return ".".join(parts[-macro.parts :])  # of 0 all
