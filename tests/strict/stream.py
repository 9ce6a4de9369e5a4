"""Whole responses out of what has come so far, with their literals in them."""

import re
from collections.abc import Iterator
from typing import Final

_LITERAL: Final = re.compile(rb"~?\{([0-9]+)\}\r\n\Z")
# A status response and a continuation request end in text for people, which may hold anything.
_TEXT: Final = re.compile(rb"\+ |[^ ]+ (?:OK|NO|BAD|BYE|PREAUTH) ")


def whole(received: bytes) -> int:
    """How many bytes the first response has, or 0 while not all of it is there."""
    end = 0
    while (found := received.find(b"\r\n", end)) >= 0:
        end, begin = found + 2, end
        literal = _LITERAL.search(received[begin:end])
        if literal is None or (begin == 0 and _TEXT.match(received)):
            return end
        end += int(literal[1])
        if end > len(received):
            return 0
    return 0


def split(received: bytes, *, cut_off: bool = False) -> Iterator[bytes]:
    """All responses of bytes that end with one, unless the connection was cut off."""
    while received:
        size = whole(received)
        if not size and cut_off:
            return
        assert size, f"half a response: {received[:200]!r}"
        yield received[:size]
        received = received[size:]
