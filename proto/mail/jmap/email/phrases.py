"""The text conditions of a filter taken apart (RFC 8621 4.4.1): words, and phrases in quotes.

The law: any text gives a bounded list of words and phrases, none empty; a quote that is not closed is a character as
any other.
"""

import re
from typing import Final

WORDS_MAX: Final = 50
_PIECE: Final = re.compile(
    r"""(?<!\S)"((?:[^"\\]++|\\.)*)"(?!\S)|(?<!\S)'((?:[^'\\]++|\\.)*)'(?!\S)|(\S+)""", re.DOTALL
)
_ESCAPED: Final = re.compile(r"""\\(["'\\])""")


def phrases(text: str) -> list[str]:
    """What has to be found: each word, and each phrase with its spaces as they are."""
    found: list[str] = []
    for match in _PIECE.finditer(text):
        quoted = match[1] if match[1] is not None else match[2]
        piece = match[3] if quoted is None else _ESCAPED.sub(r"\1", quoted)
        if piece.strip():
            found.append(piece)
        if len(found) >= WORDS_MAX:
            break
    return found
