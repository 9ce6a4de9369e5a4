"""APPEND of one message or several, and REPLACE (RFC 3501 6.3.11, 3502, 3516, 4315 3, 4469, 6855 4, 8508).

The law: OK is said when all messages are durable, never before, and one that cannot be stored keeps all from it; the
bytes are kept as they came, or put together as CATENATE says.
"""

from collections.abc import Sequence
from typing import Final

from actors.mailbox.client import INLINE_BYTES_MAX
from actors.mailbox.rights import DELETE, EXPUNGE, INSERT, need
from actors.mailbox.types import ADD_BYTES_MAX, KEYWORDS_MAX, Added, Item
from cluster.errors import NoRight, OverQuota, Refused
from gateway.imap.copy import take_away, take_back, uid_set
from gateway.imap.flagnames import split_flags
from gateway.imap.parts import Pace, Place
from gateway.imap.places import place, readable
from gateway.imap.session import Ok, Session
from gateway.imap.store import check_keywords, writable
from gateway.imap.troubles import Bad, No
from gateway.imap.urls import Reading
from mail.imap import commands
from mail.imap.catenate import TextPart
from mail.imap.dates import InternalDate, render_date_time

_INLINE_BYTES: Final = ADD_BYTES_MAX // 3  # of messages in the commit; others are stored before, one by one


async def append(session: Session, command: commands.Append) -> Ok:
    """RFC 3501 6.3.11, RFC 3502."""
    where = await place(session, command.mailbox)
    items = await _Arriving(session, where).items(command.messages)
    added = await _added(session, where, items)
    return Ok("APPEND completed", await _appenduid(session, where, added))


async def replace(session: Session, command: commands.Replace) -> Ok:
    """RFC 8508: APPENDUID is told before the EXPUNGE that the answer brings with it, since numbers change then."""
    selection = writable(session)
    rows = selection.resolve(command.messages, uid=command.uid)
    alive, _ = selection.locate(rows)
    if not len(alive):
        raise No("The message to replace is not there", "NONEXISTENT" if command.uid else "EXPUNGEISSUED")
    (uid,) = selection.uids[alive].tolist()
    where = await place(session, command.mailbox)
    (item,) = await _Arriving(session, where, replaces=True).items([command.message])
    if where.account == selection.account:
        added = await selection.hold.replace(uid, where.name, item)
    else:
        if not {DELETE, EXPUNGE} <= set(selection.hold.rights):
            raise No("You do not have the right to remove the message", "NOPERM")
        added = await _added(session, where, [item])
        if not await take_away(session, selection.hold, ((uid, uid),), where, [added]):
            await take_back(session, where, [added])
            raise No("The message to replace is not there any more", "EXPUNGEISSUED")
    session.answer(b"*", b"OK", "Replaced", await _appenduid(session, where, added))
    return Ok("REPLACE completed", highest=True)


async def _appenduid(session: Session, where: Place, added: Added) -> str:
    """The response code; empty for who may not read what he has put there (RFC 4315 3)."""
    return f"APPENDUID {added.uidvalidity} {uid_set(added.uids)}" if await readable(session, where) else ""


async def _added(session: Session, where: Place, items: Sequence[Item]) -> Added:
    try:
        return await session.services.mail.add(where.account, where.name, items, who=where.who)
    except (NoRight, OverQuota):
        raise
    except Refused:
        tree = await session.services.mail.tree(where.account, where.who)
        for item in items:
            check_keywords(item.keywords, tree.keywords)
        raise


class _Arriving:
    """The messages of one command on their way to a mailbox, to be added there at once."""

    def __init__(self, session: Session, where: Place, *, replaces: bool = False) -> None:
        self._session = session
        self._where = where
        self._replaces = replaces
        self._reading = Reading(session)
        self._room = _INLINE_BYTES
        self._size_bytes = 0  # that came, of all so far

    async def items(self, messages: Sequence[commands.AppendMessage]) -> list[Item]:
        """Ready to be added."""
        pace = Pace(self._session.services.clock)
        items: list[Item] = []
        weight = 0
        if self._where.who is not None:
            await self._check_target()  # or what is wrong with a message would tell which mailboxes there are
        try:
            for message in messages:
                items.append(await self._item(message))
                self._room -= len(items[-1].message.packed or b"")
                weight += items[-1].message.weight
                if weight > ADD_BYTES_MAX:
                    raise No("These are too many messages at once; add them one after the other", "LIMIT")
                await pace.breathe()
        finally:
            await self._reading.close()
        return items

    async def _item(self, message: commands.AppendMessage) -> Item:
        session = self._session
        if (
            message.utf8 or any(isinstance(part, TextPart) and part.utf8 for part in message.parts)
        ) and not session.utf8:
            raise Bad("Enable UTF8=ACCEPT first")  # RFC 6855 4
        data = await self._catenated(message) if message.parts else message.data
        if not data:
            raise No("A message without a byte cannot be stored", "CANNOT")
        bits, keywords = split_flags(message.flags)
        if len(keywords) > KEYWORDS_MAX:
            check_keywords(keywords, ())
        date_ms = _date_ms(message.internal_date) if message.internal_date else session.services.clock.now_ms()
        self._size_bytes += len(data)
        if len(data) > min(self._room, INLINE_BYTES_MAX):
            await self._check_target()
            await self._check_room()
        return Item(await session.services.mail.prepare(data, inline_bytes_max=self._room), date_ms, bits, keywords)

    async def _check_target(self) -> None:
        """A message may be stored before it is added: so there has to be a mailbox that takes it."""
        looked = await self._session.services.mail.look(self._where.account, self._where.name, self._where.who)
        need(looked.info.acl, self._where.who, INSERT)

    async def _check_room(self) -> None:
        """And room."""
        if self._replaces or await self._session.services.mail.has_room(self._where.account, self._size_bytes):
            return
        raise OverQuota("The mailbox is full: delete mail or ask for a larger quota.")

    async def _catenated(self, message: commands.AppendMessage) -> bytes:
        """RFC 4469: texts and what URLs name, one after the other. All of them must stay within what one APPEND may
        bring."""
        pieces: list[bytes] = []
        reading = self._reading
        for part in message.parts:
            pieces.append(part.data if isinstance(part, TextPart) else await reading.named(part.url))
            reading.size_bytes += len(pieces[-1])
            if reading.size_bytes > self._session.services.settings.message_bytes_max:
                raise No("The messages are too large", "TOOBIG")
        return b"".join(pieces)


def _date_ms(moment: InternalDate) -> int:
    """What cannot be said again in UTC, at either end of the calendar, is not taken."""
    try:
        render_date_time(InternalDate(moment.epoch_s, 0))
    except (ValueError, OverflowError):
        raise No("That date is out of the calendar", "CANNOT") from None
    return moment.epoch_s * 1000
