"""The text of a search as words and phrases (RFC 8621 4.4.1).

The law: text in matched quotes is one phrase, in which a backslash makes `'`, `"` and `\\` plain; all else is words
divided by white space. A quote within a word, or one without its match, is part of the word.
"""

import re
from typing import Final, NamedTuple

_TERM: Final = re.compile(
    r"""\s*+(?:"([^"\\]*+(?:\\.[^"\\]*+)*)"|'([^'\\]*+(?:\\.[^'\\]*+)*)'(?!\w)|(\S++))""", re.DOTALL
)
_ESCAPED: Final = re.compile(r"""\\(['"\\])""")


class Term(NamedTuple):
    """What must be found. A phrase is looked for as it stands, a word may be cut to its stem."""

    text: str
    phrase: bool = False


class Terms(tuple[Term, ...]):
    """All must be found; none: nothing is asked for, and everything matches."""

    __slots__ = ()


def read_terms(text: str) -> Terms:
    """The words and phrases of a text, in their order."""
    terms: list[Term] = []
    for found in _TERM.finditer(text):
        double, single, word = found.groups()
        quoted = double if double is not None else single
        if quoted is None:
            terms.append(Term(word))
        elif phrase := _ESCAPED.sub(r"\1", quoted).strip():
            terms.append(Term(phrase, phrase=True))
    return Terms(terms)
