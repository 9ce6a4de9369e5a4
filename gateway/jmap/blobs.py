"""Blobs: messages, parts of them, and what was uploaded (RFC 8620 6, RFC 8621 4.1, RFC 9404).

The law: a blob id is of one account, and says where its bytes are; nobody reads it who may not see the email, or who
has not uploaded it.
"""

import re
from typing import Final

from cluster.errors import NotFound
from gateway.jmap import uploads
from gateway.jmap.turn import Reached, Turn
from mail.jmap.email.bodies import part_at
from mail.message.content import content_of
from mail.message.part import Part
from mail.message.record import Record, read_message

_PART: Final = re.compile(r"(.+)-([0-9a-f]{1,10})")
_MESSAGE: Final = "M"


def message_id(reached: Reached, email: int) -> str:
    """The blob of a whole message."""
    return _MESSAGE + reached.email_id(email)


def part_of(blob: str, part: Part) -> str:
    """The blob of a part of the message that is another blob, decoded."""
    return f"{blob}-{part.body:x}"


async def read(turn: Turn, reached: Reached, blob: str) -> bytes | None:
    """Its bytes; None where there is no such blob for who asks."""
    found = _PART.fullmatch(blob)
    whole = found[1] if found else blob
    raw, record = await _whole(turn, reached, whole)
    if raw is None or found is None:
        return raw
    root = record.root if record is not None else read_message(raw).root
    part = part_at(root, int(found[2], 16))
    return None if part is None else content_of(raw, part)


async def _whole(turn: Turn, reached: Reached, blob: str) -> tuple[bytes | None, Record | None]:
    email = reached.email_of(blob[1:]) if blob.startswith(_MESSAGE) else None
    if email is None:
        return await uploads.read(turn.services, turn.account, blob), None
    if email not in (await turn.sight(reached)).find([email]):
        return None, None
    (message,) = await turn.services.mail.messages(reached.number, [email])
    if message is None:
        return None, None
    try:
        return await turn.services.mail.content(message), message.record
    except NotFound:  # swept meanwhile
        return None, None
