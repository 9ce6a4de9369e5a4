"""Which mailbox names a LIST pattern means (RFC 3501 6.3.8). Time is linear in the name, whatever the pattern.

A pattern is a small automaton whose states are the bits of one integer: bit i is set when the first i letters of the
pattern can have matched what was read. A name is read once, letter by letter; there is nothing to go back to.
"""

import re
from collections.abc import Iterable
from unicodedata import normalize

from mail.imap.names import DELIMITER, INBOX

_WILDCARDS = re.compile(r"[*%]{2,}")


class Pattern:
    """One pattern: `*` is any text, `%` any text without a delimiter. Names are in NFC, and so it is (RFC 5198)."""

    __slots__ = ("_end", "_everything", "_letters", "_percent", "_star")

    def __init__(self, pattern: str) -> None:
        # Neighbouring wildcards mean one, so that a state needs to look one letter ahead only.
        pattern = _WILDCARDS.sub(lambda run: "*" if "*" in run[0] else "%", normalize("NFC", pattern))
        self._everything = pattern == "*"
        self._end = 1 << len(pattern)
        self._letters: dict[str, int] = {}
        for place, letter in enumerate(pattern):
            self._letters[letter] = self._letters.get(letter, 0) | 1 << place
        self._star = self._letters.pop("*", 0)
        self._percent = self._letters.pop("%", 0)

    def matches(self, name: str) -> bool:
        """Whether the whole name matches. INBOX, also as the first level of a name, matches in any case (5.1)."""
        return self._everything or bool(self._after(name) & self._end)

    def reaches(self, beginning: str) -> bool:
        """Whether any name that begins so matches."""
        return self._everything or bool(self._after(beginning))

    def _after(self, name: str) -> int:
        """The states after a name was read; 0: nothing that begins so matches."""
        star, percent, letters = self._star, self._percent, self._letters
        wild = star | percent
        states = 1 | (1 & wild) << 1
        folded = len(INBOX) if name.startswith(INBOX) and name[len(INBOX) :][:1] in ("", DELIMITER) else 0
        for place, letter in enumerate(name):
            here = letters.get(letter, 0)
            if place < folded:
                here |= letters.get(letter.lower(), 0)
            stay = star if letter == DELIMITER else wild
            states = (states & here) << 1 | states & stay
            states |= (states & wild) << 1
            if not states:
                return 0
        return states


class ListMatch:
    """The patterns of one LIST or LSUB below its reference, which goes before each pattern as it is."""

    __slots__ = ("_patterns",)

    def __init__(self, reference: str, patterns: Iterable[str]) -> None:
        self._patterns = [Pattern(reference + pattern) for pattern in patterns]

    def matches(self, name: str) -> bool:
        return any(pattern.matches(name) for pattern in self._patterns)

    def reaches(self, beginning: str) -> bool:
        """Whether any name that begins so can match."""
        return any(pattern.reaches(beginning) for pattern in self._patterns)
