"""What only the record's ENVELOPE knows of a header: the Subject as it stands, and whether an empty list was a group.

The law: an item is what the message had, unfolded; any envelope of ours is read, in linear time.
"""

import re
from typing import Final

SUBJECT: Final = 1  # places of the items (RFC 9051 7.5.2)
PLACES: Final = {"from": 2, "sender": 3, "replyTo": 4, "to": 5, "cc": 6, "bcc": 7}
NIL: Final = b"NIL"
_STRING: Final = re.compile(rb'NIL|"((?:[^"\\]++|\\.)*)"|\{([0-9]{1,9})\}\r\n|([()])| ', re.DOTALL)
_QUOTED_PAIR: Final = re.compile(rb"\\(.)", re.DOTALL)


def item(envelope: bytes, place: int) -> bytes:
    """The item at a place, as it is written; NIL where there is none."""
    depth, seen, start = 0, 0, 1
    position = 1  # behind the first parenthesis
    while match := _STRING.match(envelope, position):
        position = match.end()
        if match[2]:
            position += int(match[2])
        elif match[3]:
            depth += 1 if match[3] == b"(" else -1
        elif match[0] == b" " and depth == 0:
            seen += 1
            start = position
            continue
        if depth == 0 and seen == place:
            return envelope[start:position]
    return NIL


def raw_subject(envelope: bytes) -> bytes | None:
    """The value of Subject."""
    written = item(envelope, SUBJECT)
    if written.startswith(b"{"):
        return written.partition(b"\r\n")[2]
    return _QUOTED_PAIR.sub(rb"\1", written[1:-1]) if written.startswith(b'"') else None
