"""NOTIFY (RFC 5465): what the client is told of from now on, also between commands.

The law: the command takes effect whole or not at all; until it does, what was asked for before is told.
"""

from unicodedata import normalize

from actors.mailbox import names
from cluster.errors import Refused
from gateway.imap.notices import Notices, leads_to
from gateway.imap.session import Ok, Session
from gateway.imap.spaces import OTHERS, SHARED, is_own
from gateway.imap.wishes import Group, Wishes, is_of_selected
from mail.imap import commands
from mail.imap.names import DELIMITER
from mail.imap.notify import EventGroup


async def notify(session: Session, command: commands.Notify) -> Ok:
    """RFC 5465 3.1."""
    if command.none:
        session.hear(Notices(session, Wishes()))
        return Ok("NOTIFY completed")
    others = [await _group(session, group) for group in command.groups if not is_of_selected(group)]
    notices = Notices(session, Wishes(command.groups, others))
    try:
        await notices.begin()
    except BaseException:
        notices.close()
        raise
    session.hear(None)
    session.tell(expunges=True)  # as NOOP would: all that has happened to the selected mailbox until now
    await session.tell_rest()
    session.hear(notices)
    await notices.first(status=command.status)
    return Ok("NOTIFY completed")


async def _group(session: Session, group: EventGroup) -> Group:
    """With its names as the client's tree has them; what cannot be a name is passed over."""
    found = {name for asked in group.mailboxes if (name := await _name(session, asked))}
    return Group(group.filter, frozenset(found), group.events)


async def _name(session: Session, asked: str) -> str:
    name = normalize("NFC", asked).removesuffix(DELIMITER)
    if is_own(name):
        try:
            return names.normal(name)
        except Refused:
            return ""
    if name in (OTHERS, SHARED):
        return name
    where = await leads_to(session, name)
    return where.wire(where.name).removesuffix(DELIMITER) if where is not None else ""
