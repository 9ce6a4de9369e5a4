"""APPEND with APPENDUID (RFC 3501 6.3.11, RFC 4315 3).

The law: OK is said when the message is durable, never before; the bytes are kept as they came.
"""

from actors.mailbox.types import KEYWORDS_MAX, Item
from cluster.errors import NoRight, OverQuota, Refused
from gateway.imap.copy import uid_set
from gateway.imap.flagnames import split_flags
from gateway.imap.places import place, readable
from gateway.imap.session import Ok, Session
from gateway.imap.store import check_keywords
from gateway.imap.troubles import No
from mail.imap import commands
from mail.imap.dates import InternalDate, render_date_time


async def append(session: Session, command: commands.Append) -> Ok:
    """RFC 3501 6.3.11."""
    where = await place(session, command.mailbox)
    items = [await _item(session, message) for message in command.messages]
    try:
        added = await session.services.mail.add(where.account, where.name, items, who=where.who)
    except (NoRight, OverQuota):
        raise
    except Refused:
        tree = await session.services.mail.tree(where.account, where.who)
        for item in items:
            check_keywords(item.keywords, tree.keywords)
        raise
    told = await readable(session, where)
    return Ok("APPEND completed", f"APPENDUID {added.uidvalidity} {uid_set(added.uids)}" if told else "")


async def _item(session: Session, message: commands.AppendMessage) -> Item:
    if not message.data:
        raise No("A message without a byte cannot be stored", "CANNOT")
    bits, keywords = split_flags(message.flags)
    if len(keywords) > KEYWORDS_MAX:
        check_keywords(keywords, ())
    date_ms = _date_ms(message.internal_date) if message.internal_date else session.services.clock.now_ms()
    return Item(await session.services.mail.prepare(message.data), date_ms, bits, keywords)


def _date_ms(moment: InternalDate) -> int:
    """What cannot be said again in UTC, at either end of the calendar, is not taken."""
    try:
        render_date_time(InternalDate(moment.epoch_s, 0))
    except (ValueError, OverflowError):
        raise No("That date is out of the calendar", "CANNOT") from None
    return moment.epoch_s * 1000
