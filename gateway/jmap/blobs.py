"""Blobs: messages, parts of them, and what was uploaded (RFC 8620 6, RFC 8621 4.1, RFC 9404).

The law: a blob id is of one account, and says where its bytes are; nobody reads it who may not see the email, or who
has not uploaded it. What one call reads is bounded, and what takes long is done beside the loop.
"""

import re
from typing import Final, NamedTuple

from cluster.errors import NotFound
from gateway.jmap import uploads
from gateway.jmap.beside import threaded
from gateway.jmap.turn import Reached, Turn
from mail.jmap.email.bodies import part_at
from mail.message.content import content_of
from mail.message.part import Part
from mail.message.record import Record, read_message

READ_BYTES_MAX: Final = 256 * 1024 * 1024  # of one call, whatever is made of them
BLOB: Final = re.compile(r"([A-Za-z0-9_]{1,100})((?:-[0-9a-f]{1,10}){0,10})")  # parts of ten within each other
_MESSAGE: Final = "M"


class Opened(NamedTuple):
    """A message that was read last, or what was uploaded, with its parts."""

    blob: str
    raw: bytes
    root: Part


class Reader:
    """What one call reads. `left`: bytes it may still."""

    def __init__(self, turn: Turn, reached: Reached) -> None:
        self.left = READ_BYTES_MAX
        self._turn = turn
        self._reached = reached
        self._opened: Opened | None = None

    async def read(self, blob: str) -> bytes | None:
        """Its bytes; None where there is no such blob for who asks."""
        found = BLOB.fullmatch(blob)
        if found is None:
            return None
        if not found[2]:
            raw = (await self._whole(blob))[0]
            self.left -= len(raw or b"")
            return raw
        at: str = found[1]
        opened = await self._open(at)
        raw = None
        for place in found[2][1:].split("-"):
            if opened is None:
                return None
            part = part_at(opened.root, int(place, 16))
            if part is None:
                return None
            raw = await threaded(len(opened.raw), content_of, opened.raw, part)
            at = f"{at}-{place}"
            if at != blob:
                opened = Opened(at, raw, (await threaded(len(raw), read_message, raw)).root)
        self.left -= len(raw or b"")
        return raw

    async def there(self, blob: str) -> bool:
        """Whether there is such a blob for who asks; its bytes are not read where that can be known without."""
        if "-" in blob:
            return await self.read(blob) is not None
        email = email_of(self._reached, blob)
        if email is None:
            return await uploads.find(self._turn.services, self._turn.account, blob) is not None
        return email in (await self._turn.sight(self._reached)).find([email])

    async def _open(self, blob: str) -> Opened | None:
        """A whole message: several parts of it are asked for one after the other."""
        if self._opened is None or self._opened.blob != blob:
            raw, record = await self._whole(blob)
            if raw is None:
                return None
            if record is None:
                record = await threaded(len(raw), read_message, raw)
            self.left -= len(raw)
            self._opened = Opened(blob, raw, record.root)
        return self._opened

    async def _whole(self, blob: str) -> tuple[bytes | None, Record | None]:
        turn, reached = self._turn, self._reached
        email = email_of(reached, blob)
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


def message_id(reached: Reached, email: int) -> str:
    """The blob of a whole message."""
    return _MESSAGE + reached.email_id(email)


def part_of(blob: str, part: Part) -> str:
    """The blob of a part of the message that is another blob, decoded."""
    return f"{blob}-{part.start:x}"


def email_of(reached: Reached, blob: str) -> int | None:
    """The email that the blob is, or is a part of; None: it is of none."""
    whole = blob.partition("-")[0]
    return reached.email_of(whole[1:]) if whole.startswith(_MESSAGE) else None


async def read(turn: Turn, reached: Reached, blob: str) -> bytes | None:
    """The bytes of one blob; None where there is no such blob for who asks."""
    return await Reader(turn, reached).read(blob)
