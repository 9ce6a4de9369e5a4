r"""FETCH (RFC 3501 6.4.5): batches of messages to response lines, as fast as the client reads.

The law: FLAGS, UID, dates and sizes touch no message; what is written ahead of the client is bounded; a message that
another session expunged meanwhile is left out, and the answer says so (RFC 2180 4.1.2).
"""

from collections.abc import Sequence
from typing import Final

from actors.mailbox.client import Message
from actors.mailbox.rights import SEEN_
from actors.mailbox.types import SEEN
from cluster.errors import NotFound, StoreFull
from gateway.imap.bounds import note, within
from gateway.imap.items import Columns, Plan, plan
from gateway.imap.parts import Array, Pace
from gateway.imap.resync import tell_vanished
from gateway.imap.selected import Selection
from gateway.imap.session import Ok, Session
from gateway.imap.style import Style
from gateway.imap.telling import together
from gateway.imap.troubles import Bad, No, Told
from mail.imap import commands
from mail.imap.codes import message_limit_code
from mail.imap.fetch import FetchAttribute, FetchItem
from mail.message.binary import UnknownEncoding

_A: Final = FetchAttribute
_ROWS_MAX: Final = 1000  # a batch of flags alone: about 50 kB
_RECORDS_MAX: Final = 200  # a batch with envelopes: about 100 kB
_APART_BYTES: Final = 64 * 1024  # of a message in all the items asked for; above it, it goes out alone, in pieces
_TOGETHER_BYTES_MAX: Final = 512 * 1024  # of answers made at once for one client


async def fetch(session: Session, command: commands.Fetch) -> Ok:
    """RFC 3501 6.4.5, 6.4.8."""
    selection = session.selected
    shape = _shape(session, command)
    rows = selection.resolve(command.messages, uid=command.uid)
    if command.partial is not None or command.changed_since is not None:
        rows = await _chosen(session, command, rows)
    rows, limit = within(session, rows)
    if shape.sets_seen and not selection.hold.read_only and await _set_seen(selection, rows):
        shape = plan(_with_flags(command.items, selection.style), selection.style, uid=command.uid)
    work = _Fetch(session, shape)
    step = _RECORDS_MAX if shape.needs_records else _ROWS_MAX
    if limit:
        rows = rows[::-1]  # RFC 9738 3.1: from the highest on
    session.progress.goal = len(rows)
    try:
        for start in range(0, len(rows), step):
            await work.batch(rows[start : start + step])
    except UnknownEncoding as unknown:  # RFC 3516 4.3
        raise No("The transfer encoding of a part is not known here", "UNKNOWN-CTE", work.told()) from unknown
    session.services.metrics.messages.inc(work.sent)
    if work.sent == len(rows):
        return Ok("FETCH completed", limit, told=work.told())
    note(session, limit)
    text = "Some of the messages were expunged"
    if command.uid:  # RFC 3501 6.4.8: a UID that does not exist is passed over without any error
        return Ok(text, "EXPUNGEISSUED", work.told())
    raise No(text, "EXPUNGEISSUED", work.told())


def _shape(session: Session, command: commands.Fetch) -> Plan:
    """Who asks for MODSEQs hears of them from then on (RFC 7162 3.1)."""
    if command.vanished and not session.qresync:
        raise Bad("VANISHED needs ENABLE QRESYNC")  # RFC 7162 3.2.6
    items = command.items
    if command.changed_since is not None and _A.MODSEQ not in items:
        items = (*items, _A.MODSEQ)  # RFC 7162 3.1.4.1
    shape = plan(items, session.selected.style, uid=command.uid)
    if shape.says_modseq and not session.condstore:
        session.enable(("CONDSTORE",))
    return shape


async def _chosen(session: Session, command: commands.Fetch, rows: Array) -> Array:
    """Those that the modifiers leave: first by their place, then by their MODSEQ (RFC 9394 3.4). VANISHED comes before
    all FETCH responses (RFC 7162 3.2.6)."""
    if command.partial is not None:
        places = command.partial.places(len(rows))
        rows = rows[places.start : places.stop]
        if within(session, rows)[1]:  # RFC 9738 3.1
            raise No("Ask for fewer messages", message_limit_code(session.services.settings.message_limit).decode())
    if command.changed_since is None:
        return rows
    if command.vanished:
        await tell_vanished(session, command.messages, command.changed_since)
    return session.selected.changed(rows, command.changed_since)


def _with_flags(items: tuple[FetchItem, ...], style: Style) -> tuple[FetchItem, ...]:
    """RFC 3501 6.4.5: if \\Seen was set, the flags belong to the responses, and what belongs to flags (style.py)."""
    uid = (_A.UID,) if style.always_uid and not style.uids else ()
    modseq = (_A.MODSEQ,) if style.modseq else ()
    return tuple(dict.fromkeys((*uid, _A.FLAGS, *modseq, *items)))


async def _set_seen(selection: Selection, rows: Array) -> bool:
    """Whether there was anything to set, and the right to (RFC 4314 4). On a full disk nothing can be, and mail is to
    be read all the same."""
    if SEEN_ not in selection.hold.rights:
        return False
    alive, places = selection.locate(rows)
    unseen = alive[(selection.hold.view.index.flags[places] & SEEN) == 0]
    if not len(unseen):
        return False
    try:
        await selection.hold.set_flags(selection.ranges(unseen), "add", SEEN)
    except StoreFull:
        return False
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
        return together(self._told) if self._told else None

    async def batch(self, rows: Array) -> None:
        """Responses for these rows. The index is read before anything is waited for, as it may change then."""
        selection, shape = self._selection, self._shape
        rows, places = selection.locate(rows)
        index = selection.hold.view.index
        words, uids, modseqs = index.flags[places], selection.uids[rows].tolist(), index.modseqs[places]
        columns = Columns(
            uids if selection.style.uids else (rows + 1).tolist(),
            uids,
            selection.flag_texts(uids, words.tolist()),
            index.sizes[places],
            index.dates[places],
            modseqs,
            index.saved[places],
            index.emails[places],
            index.threads[places] if shape.says_threads else places,
            selection.account,
        )
        if shape.says_modseq:
            selection.heard(modseqs)
        if shape.says_flags:
            self._told.append(Told(rows, words, modseqs if shape.says_modseq else None))
        self._session.wire.write(selection.new_keywords())
        if not shape.needs_records:
            await self._send(columns)
            return
        messages = await self._session.services.mail.messages(selection.account, columns.emails.tolist())
        columns, there = _existing(columns, messages)
        if shape.needs_contents:
            await self._send_contents(columns, there)
        else:
            await self._send_records(columns, there)

    async def _send_records(self, columns: Columns, messages: list[Message]) -> None:
        """As many messages at a time as memory allows, at least one: a record has a kilobyte, or a hundred."""
        records = [message.record for message in messages]
        all_bytes = sum([len(record.envelope) + len(record.bodystructure) for record in records])
        if all_bytes <= _TOGETHER_BYTES_MAX:  # nearly always
            await self._send(columns._replace(records=records))
            return
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
        wire, progress = self._session.wire, self._session.progress
        progress.between = False
        for piece in self._shape.render_apart(columns):
            wire.write(piece)
            await wire.drain()
            await self._pace.breathe()
        progress.between = True
        self._sent(1)

    async def _send(self, columns: Columns) -> None:
        self._session.wire.write(b"".join(self._shape.render(columns)))
        await self._session.wire.drain()
        await self._pace.breathe()
        self._sent(len(columns.numbers))

    def _sent(self, count: int) -> None:
        self.sent += count
        self._session.progress.done = self.sent


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
