"""Regular expressions of rules: RE2, so linear in the text, and compiled when settings are loaded.

The law: a pattern stands in the settings, never in a value; and a text that no UTF-8 can hold is searched with its
strange characters replaced.
"""

from typing import Any, Final

import re2

CHARACTERS_MAX: Final = 1_000
MEMORY_BYTES_MAX: Final = 1024 * 1024  # of one compiled pattern

_OPTIONS: Final = re2.Options()
_OPTIONS.max_mem = MEMORY_BYTES_MAX
_OPTIONS.log_errors = False


def compile_pattern(pattern: str) -> Any:
    """A compiled pattern. Raises ValueError with what is wrong, in words."""
    if len(pattern) > CHARACTERS_MAX:
        raise ValueError(f"the pattern is longer than {CHARACTERS_MAX} characters")
    try:
        return re2.compile(pattern, _OPTIONS)
    except UnicodeError:
        raise ValueError("the pattern is no text") from None
    except re2.error as error:
        said = error.args[0] if error.args else ""
        why = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        raise ValueError(f"the pattern is not an RE2 regular expression ({why})") from None


def search(pattern: Any, text: str) -> Any:
    """The first match anywhere in the text, or None."""
    try:
        return pattern.search(text)
    except UnicodeEncodeError:
        return pattern.search(text.encode("utf-8", "replace").decode())


def fullmatch(pattern: Any, text: str) -> Any:
    """The match of all of the text, or None."""
    try:
        return pattern.fullmatch(text)
    except UnicodeEncodeError:
        return pattern.fullmatch(text.encode("utf-8", "replace").decode())
