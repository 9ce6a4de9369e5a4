r"""FETCH (RFC 3501 6.4.5): batches of messages to response lines, as fast as the client reads.

The law: FLAGS, UID, dates and sizes touch no message; what is written ahead of the client is bounded; a message that
another session expunged meanwhile is left out, and the answer says so (RFC 2180 4.1.2).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from actors.mailbox.client import Message
from actors.mailbox.types import SEEN
from cluster.errors import NotFound
from gateway.imap.items import Columns, Plan, plan
from gateway.imap.parts import Array, Pace
from gateway.imap.selected import Selection
from gateway.imap.session import Ok, Session
from gateway.imap.troubles import No, Told
from mail.imap import commands
from mail.imap.fetch import FetchAttribute

_ROWS_MAX: Final = 1000  # a batch of flags alone: about 50 kB
_RECORDS_MAX: Final = 200  # a batch with envelopes: about 100 kB
_APART_BYTES: Final = 64 * 1024  # of a message in all the items asked for; above it, it goes out alone, in pieces
_TOGETHER_BYTES_MAX: Final = 512 * 1024  # of answers made at once for one client


async def fetch(session: Session, command: commands.Fetch) -> Ok:
    """RFC 3501 6.4.5, 6.4.8."""
    selection = session.selected
    rows = selection.resolve(command.messages, uid=command.uid)
    shape = plan(command.items, uid=command.uid)
    if shape.sets_seen and not selection.hold.read_only and await _set_seen(selection, rows):
        # RFC 3501 6.4.5: if \Seen was set, the flags belong to the responses.
        shape = plan(tuple(dict.fromkeys((FetchAttribute.FLAGS, *command.items))), uid=command.uid)
    work = _Fetch(session, shape)
    step = _RECORDS_MAX if shape.needs_records else _ROWS_MAX
    for start in range(0, len(rows), step):
        await work.batch(rows[start : start + step])
    session.services.metrics.messages.inc(work.sent)
    if work.sent == len(rows):
        return Ok("FETCH completed", told=work.told())
    text = "Some of the messages were expunged"
    if command.uid:  # RFC 3501 6.4.8: a UID that does not exist is passed over without any error
        return Ok(text, "EXPUNGEISSUED", work.told())
    raise No(text, "EXPUNGEISSUED", work.told())


async def _set_seen(selection: Selection, rows: Array) -> bool:
    """Whether there was anything to set."""
    alive, places = selection.locate(rows)
    unseen = alive[(selection.hold.view.index.flags[places] & SEEN) == 0]
    if not len(unseen):
        return False
    await selection.hold.set_flags(selection.ranges(unseen), "add", SEEN)
    return True


class _Fetch:
    """One FETCH under way."""

    def __init__(self, session: Session, shape: Plan) -> None:
        self._session = session
        self._selection = session.selected
        self._shape = shape
        self._pace = Pace(session.services.clock)
        self._told: list[Told] = []
        self.sent = 0

    def told(self) -> Told | None:
        """The flags that were sent: they need not be said again when the command is answered."""
        if not self._told:
            return None
        rows, words = zip(*self._told, strict=True)
        return Told(np.concatenate(rows), np.concatenate(words))

    async def batch(self, rows: Array) -> None:
        """Responses for these rows. The index is read before anything is waited for, as it may change then."""
        selection, shape = self._selection, self._shape
        rows, places = selection.locate(rows)
        index = selection.hold.view.index
        words, uids = index.flags[places], selection.uids[rows].tolist()
        columns = Columns(
            (rows + 1).tolist(),
            uids,
            selection.flag_texts(uids, words.tolist()),
            index.sizes[places],
            index.dates[places],
        )
        if shape.says_flags:
            self._told.append(Told(rows, words))
        self._session.wire.write(selection.new_keywords())
        if not shape.needs_records:
            await self._send(columns)
            return
        messages = await self._session.services.mail.messages(selection.account, index.emails[places].tolist())
        columns, there = _existing(columns, messages)
        if shape.needs_contents:
            await self._send_contents(columns, there)
        else:
            await self._send_records(columns, there)

    async def _send_records(self, columns: Columns, messages: list[Message]) -> None:
        """As many messages at a time as memory allows, at least one: a record has a kilobyte, or a hundred."""
        places: list[int] = []
        held_bytes = 0
        for place, message in enumerate(messages):
            places.append(place)
            held_bytes += len(message.record.envelope) + len(message.record.bodystructure)
            if held_bytes >= _TOGETHER_BYTES_MAX:
                await self._send(_with_contents(columns, messages, places))
                places, held_bytes = [], 0
        await self._send(_with_contents(columns, messages, places))

    async def _send_contents(self, columns: Columns, messages: list[Message]) -> None:
        """As many messages at a time as memory allows; a large one alone."""
        places: list[int] = []
        contents: list[bytes] = []
        held_bytes = 0
        for place, message in enumerate(messages):
            try:
                content = await self._session.services.mail.content(message)
            except NotFound:  # expunged, and swept, since its record was read
                continue
            size_bytes = len(content) * self._shape.needs_contents
            if size_bytes > _APART_BYTES:
                await self._send(_with_contents(columns, messages, places, contents))
                places, contents, held_bytes = [], [], 0
                await self._send_apart(_with_contents(columns, messages, [place], [content]))
                continue
            places.append(place)
            contents.append(content)
            held_bytes += size_bytes
            if held_bytes >= _TOGETHER_BYTES_MAX:
                await self._send(_with_contents(columns, messages, places, contents))
                places, contents, held_bytes = [], [], 0
        await self._send(_with_contents(columns, messages, places, contents))

    async def _send_apart(self, columns: Columns) -> None:
        for piece in self._shape.render_apart(columns):
            self._session.wire.write(piece)
            await self._session.wire.drain()
            await self._pace.breathe()
        self.sent += 1

    async def _send(self, columns: Columns) -> None:
        self._session.wire.write(b"".join(self._shape.render(columns)))
        await self._session.wire.drain()
        await self._pace.breathe()
        self.sent += len(columns.seqs)


def _with_contents(
    columns: Columns, messages: list[Message], places: list[int], contents: Sequence[bytes] = ()
) -> Columns:
    return columns.pick(places)._replace(records=[messages[place].record for place in places], contents=contents)


def _existing(columns: Columns, messages: Sequence[Message | None]) -> tuple[Columns, list[Message]]:
    """Without those that are gone by now."""
    there = [message for message in messages if message is not None]
    if len(there) < len(messages):
        columns = columns.pick([place for place, message in enumerate(messages) if message is not None])
    return columns, there
