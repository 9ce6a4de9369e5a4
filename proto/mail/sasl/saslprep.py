"""SASLprep (RFC 4013): the one form of a user name or password that differently typed ones are compared in."""

import stringprep
import unicodedata

_PROHIBITED = (
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


class NotPrintable(ValueError):
    """The text has characters that no name or password may have."""


def saslprep(text: str, *, stored: bool = False) -> str:
    """Prepare `text`; `stored` for what is kept (RFC 3454 7), else for what is compared. Raises NotPrintable."""
    if text.isascii() and text.isprintable():
        return text
    mapped = "".join(  # RFC 4013 2.1
        " " if stringprep.in_table_c12(char) else char for char in text if not stringprep.in_table_b1(char)
    )
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)  # RFC 4013 2.2
    for char in prepared:
        if any(table(char) for table in _PROHIBITED) or (stored and stringprep.in_table_a1(char)):
            raise NotPrintable("a character is not allowed here")
    _check_direction(prepared)
    return prepared


def _check_direction(text: str) -> None:
    """RFC 3454 6: with a right-to-left character none may be left-to-right, and both ends are right-to-left."""
    if not any(stringprep.in_table_d1(char) for char in text):
        return
    if any(stringprep.in_table_d2(char) for char in text):
        raise NotPrintable("left-to-right and right-to-left characters are mixed")
    if not (stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])):
        raise NotPrintable("right-to-left text must begin and end so")
