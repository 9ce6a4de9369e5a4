r"""Flags words as IMAP writes them (RFC 3501 2.3.2): `(\Seen $Forwarded)`.

The law: a word is rendered once and looked up ever after; the table is bounded, because a client chooses the words.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from actors.mailbox.types import KEYWORD_SHIFT, KEYWORDS_MAX, SYSTEM_FLAGS, system_bit

RECENT_BIT: Final = 1 << 63  # above every bit a stored word can have
_TEXTS_MAX: Final = 1024  # distinct words remembered per keyword table: about 100 kB
_TEXTS_BYTES_MAX: Final = 256 * 1024  # of them, where keywords are long
_TABLES_MAX: Final = 256  # keyword tables in use lately; many accounts share the usual few


class FlagNames(dict[int, bytes]):
    r"""Rendered flag lists by flags word, `RECENT_BIT` standing for \Recent."""

    def __init__(self, keywords: tuple[str, ...]) -> None:
        super().__init__()
        self.keywords = keywords
        self._held_bytes = 0

    def __missing__(self, word: int) -> bytes:
        names = [name for bit, name in enumerate(SYSTEM_FLAGS) if word >> bit & 1]
        names += [name for bit, name in enumerate(self.keywords, KEYWORD_SHIFT) if word >> bit & 1]
        if word & RECENT_BIT:
            names.append("\\Recent")
        text = f"({' '.join(names)})".encode()
        self._held_bytes += len(text)
        if len(self) >= _TEXTS_MAX or self._held_bytes > _TEXTS_BYTES_MAX:
            self.clear()
            self._held_bytes = len(text)
        self[word] = text
        return text

    def defined(self) -> bytes:
        """The FLAGS response's list (RFC 3501 7.2.6)."""
        return f"({' '.join(SYSTEM_FLAGS + self.keywords)})".encode()

    def permanent(self, allowed: int = -1) -> bytes:
        r"""The list for PERMANENTFLAGS, of the bits that may be changed: with `\*` while new keywords can be made
        (RFC 3501 7.1, RFC 4314 5.1.1)."""
        names = [name for bit, name in enumerate(SYSTEM_FLAGS) if allowed >> bit & 1]
        if allowed >> KEYWORD_SHIFT & 1:
            names += self.keywords
            names += ("\\*",) if len(self.keywords) < KEYWORDS_MAX else ()
        return f"({' '.join(names)})".encode()

    def bit(self, keyword: str) -> int:
        """The bit of a keyword (any case), 0 when no message ever had it."""
        wanted = keyword.lower()
        return next((1 << bit for bit, name in enumerate(self.keywords, KEYWORD_SHIFT) if name.lower() == wanted), 0)


@lru_cache(maxsize=_TABLES_MAX)
def flag_names(keywords: tuple[str, ...]) -> FlagNames:
    """The names for this keyword table, shared by all sessions that see the same one."""
    return FlagNames(keywords)


def split_flags(flags: Iterable[str]) -> tuple[int, tuple[str, ...]]:
    r"""What a client wrote, as system bits and keywords. \Recent cannot be stored (RFC 3501 2.3.2): it is left out."""
    bits, keywords = 0, dict[str, None]()
    for flag in flags:
        if flag.startswith("\\"):
            bits |= system_bit(flag)
        else:
            keywords[flag] = None
    return bits, tuple(keywords)
