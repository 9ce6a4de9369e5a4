"""Which bytes a section of a message is (RFC 3501 6.4.5, RFC 9051 6.4.5): FETCH slices, it never parses.

The law: every range is within the message, and a section that the message does not have is None.
"""

from typing import Literal

from mail.message.part import Part
from mail.message.record import Record
from mail.message.structure import body as render_body

What = Literal["HEADER", "TEXT", "MIME"]


def body(record: Record) -> bytes:
    """BODY: the structure without extension data. (BODYSTRUCTURE is `record.bodystructure`.)"""
    return render_body(record.root)


def find_part(root: Part, path: tuple[int, ...]) -> Part | None:
    """The part with these numbers, from 1. A message that is no multipart has one part, which is its body."""
    part, is_message = root, True
    for number in path:
        if not is_message and part.is_message:
            part, is_message = part.children[0], True
        if part.is_multipart:
            if not 1 <= number <= len(part.children):
                return None
            part = part.children[number - 1]
        elif not is_message or number != 1:
            return None
        is_message = False
    return part


def locate(record: Record, section_path: tuple[int, ...] = (), what: What | None = None) -> tuple[int, int] | None:
    """(begin, end) into the message's bytes of BODY[path], BODY[path.HEADER], .TEXT or .MIME; None if absent.

    HEADER and TEXT are those of the message, or of the one that a message/rfc822 part holds; MIME is the
    part's own header. Of a message that is no multipart, BODY[1.MIME] is the message's header.
    """
    part = find_part(record.root, section_path)
    if part is None:
        return None
    if what is None:
        return (part.body, part.end) if section_path else (0, record.size)
    if what == "MIME":
        return (part.start, part.body) if section_path else None
    if section_path:
        if not part.is_message:
            return None
        part = part.children[0]
    return (part.start, part.body) if what == "HEADER" else (part.body, part.end)
