r"""STATUS (RFC 3501 6.3.10) and its items, for LIST too (RFC 5819).

The law: the items are of one moment, but for those that count what is \Deleted; they are told to who may read the
mailbox. What an item costs is known: all are kept, but for the counting.
"""

from collections.abc import Callable, Iterable
from typing import Final

from actors.mailbox.rights import READ, need
from actors.mailbox.types import MailboxInfo
from gateway.access.ids import mailbox_id
from gateway.imap.parts import Place
from gateway.imap.places import place
from gateway.imap.session import Ok, Session
from gateway.imap.troubles import Bad
from mail.imap import commands, render
from mail.imap.listing import StatusItem
from mail.imap.render import StatusValue

_I: Final = StatusItem
KEPT: Final[dict[StatusItem, Callable[[MailboxInfo], int]]] = {
    _I.MESSAGES: lambda info: info.messages,
    _I.RECENT: lambda info: info.recent,
    _I.UIDNEXT: lambda info: info.uidnext,
    _I.UIDVALIDITY: lambda info: info.uidvalidity,
    _I.UNSEEN: lambda info: info.unseen,
    _I.HIGHESTMODSEQ: lambda info: info.modseq,
    _I.SIZE: lambda info: info.size,  # what the quota counts, as RFC 8438 3 would have it
}
_COUNTED: Final = frozenset({_I.DELETED, _I.DELETED_STORAGE})


async def status(session: Session, command: commands.Status) -> Ok:
    """RFC 3501 6.3.10."""
    check_items(session, command.items)
    where = await place(session, command.mailbox)
    looked = await session.services.mail.look(where.account, where.name, where.who)
    need(looked.info.acl, where.who, READ)
    values = await status_values(session, where, looked.info, command.items)
    session.wire.write(render.status_line(command.mailbox, values, utf8=session.utf8))
    return Ok("STATUS completed")


def check_items(session: Session, items: Iterable[StatusItem]) -> None:
    """Raises Bad for what there is not; notes what the client thereby says of itself."""
    if session.rev2 and _I.RECENT in items:
        raise Bad("RECENT is not of IMAP4rev2 (RFC 9051 6.3.11)")
    if _I.HIGHESTMODSEQ in items:  # RFC 7162 3.1
        session.enable(("CONDSTORE",))


async def status_values(
    session: Session, where: Place, info: MailboxInfo, items: Iterable[StatusItem]
) -> dict[StatusItem, StatusValue]:
    """The items of a mailbox that may be read. Raises NotFound where it is gone by now."""
    values: dict[StatusItem, StatusValue] = {}
    for item in items:
        if item in KEPT:
            values[item] = KEPT[item](info)
        elif item is _I.MAILBOXID:
            values[item] = mailbox_id(where.account, info.id)
        elif item is _I.APPENDLIMIT:
            values[item] = session.services.settings.message_bytes_max
        else:
            values[item] = 0
    if info.messages and not _COUNTED.isdisjoint(values):
        tallied = await session.services.mail.tally(where.account, where.name, where.who)
        for item, value in ((_I.DELETED, tallied.messages), (_I.DELETED_STORAGE, tallied.bytes)):
            if item in values:
                values[item] = value
    return values
