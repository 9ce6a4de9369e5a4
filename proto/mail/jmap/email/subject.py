"""The Subject as it stands in a message, out of the record's ENVELOPE.

The law: the raw value, unfolded; None where the envelope has none.
"""

import re
from typing import Final

_QUOTED: Final = rb'"((?:[^"\\]++|\\.)*+)"'
_STRING: Final = re.compile(rb"(NIL)|%b|\{([0-9]{1,9})\}\r\n" % _QUOTED, re.DOTALL)
_QUOTED_PAIR: Final = re.compile(rb"\\(.)", re.DOTALL)


def raw_subject(envelope: bytes) -> bytes | None:
    """The second string of an envelope (RFC 9051 7.5.2), which follows the date."""
    _date, position = _string(envelope, 1)
    subject, _end = _string(envelope, position + 1)
    return subject


def _string(data: bytes, position: int) -> tuple[bytes | None, int]:
    """The nstring at a position, and where it ends."""
    match = _STRING.match(data, position)
    if match is None or match[1]:
        return None, match.end() if match else position
    if match[3]:
        end = match.end() + int(match[3])
        return data[match.end() : end], end
    return _QUOTED_PAIR.sub(rb"\1", match[2]), match.end()
