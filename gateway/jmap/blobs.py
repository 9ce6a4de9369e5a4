"""What blobs are called: messages, and parts of them (RFC 8620 6, RFC 8621 4.1).

The law: a blob id is of one account, and says where its bytes are; nobody reads it who may not see the email.
"""

import re
from typing import Final

from gateway.jmap.turn import Reached
from mail.message.part import Part

_PART: Final = re.compile(r"(.+)-([0-9a-f]{1,10})")
_MESSAGE: Final = "M"


def message_id(reached: Reached, email: int) -> str:
    """The blob of a whole message."""
    return _MESSAGE + reached.email_id(email)


def part_id(reached: Reached, email: int, part: Part) -> str:
    """The blob of one of its parts, decoded."""
    return f"{message_id(reached, email)}-{part.body:x}"


def read_id(reached: Reached, blob: str) -> tuple[int, int | None] | None:
    """An email and where its part begins, None for all of it. None: it is no such blob's."""
    if not blob.startswith(_MESSAGE):
        return None
    found = _PART.fullmatch(blob)
    email = reached.email_of((found[1] if found else blob)[1:])
    if email is None:
        return None
    return email, int(found[2], 16) if found else None
