"""SASLprep (RFC 4013): one spelling for passwords that a person would call the same.

The law: what is stored is prepared without unassigned code points; what is asked may have them (RFC 3454 §7).
"""

import stringprep
import unicodedata
from collections.abc import Callable
from typing import Final

_PROHIBITED: Final[tuple[Callable[[str], bool], ...]] = (  # RFC 4013 §2.3
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def saslprep(text: str, *, stored: bool) -> str:
    """The prepared text. Raises ValueError, whose text does not show the input."""
    if text.isascii() and text.isprintable():
        return text
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", _mapped(text))
    if any(prohibited(character) for character in prepared for prohibited in _PROHIBITED):
        raise ValueError("it has control characters or others that cannot be typed reliably")
    if stored and any(stringprep.in_table_a1(character) for character in prepared):
        raise ValueError("it has characters that Unicode 3.2 did not have, which not all clients write alike")
    _check_direction(prepared)
    return prepared


def _mapped(text: str) -> str:
    """RFC 4013 §2.1: other spaces become a space; soft hyphens and their like vanish."""
    spaced = (" " if stringprep.in_table_c12(character) else character for character in text)
    return "".join(character for character in spaced if not stringprep.in_table_b1(character))


def _check_direction(text: str) -> None:
    """RFC 3454 §6: right-to-left text stands alone, and at both ends."""
    if not any(stringprep.in_table_d1(character) for character in text):
        return
    ends = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
    if not ends or any(stringprep.in_table_d2(character) for character in text):
        raise ValueError("it mixes writing from the right with writing from the left")
