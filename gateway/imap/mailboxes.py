"""Making and removing mailboxes, and saying where they are: NAMESPACE, CREATE, DELETE, RENAME, SUBSCRIBE.

The law: a mailbox stays in its account: nothing here moves one to another's. What is not shared with the client is
answered like what is not there.
"""

from contextlib import suppress

from actors.mailbox.types import SEPARATOR, USES, USES_TO_GIVE, Role
from cluster.errors import NotFound, Refused
from gateway.access import subscribing
from gateway.access.ids import mailbox_id
from gateway.imap.listing import line_of
from gateway.imap.parts import Place
from gateway.imap.places import place
from gateway.imap.session import Ok, Session
from gateway.imap.spaces import OTHERS, SHARED, is_level, is_own
from gateway.imap.troubles import No
from mail.imap import codes, commands, render

_ROLES: dict[str, Role] = {USES[role]: role for role in USES_TO_GIVE}


async def namespace(session: Session, _command: commands.Namespace) -> Ok:
    """RFC 2342: one's own mailboxes have no prefix."""
    others, shared = [(OTHERS + SEPARATOR, SEPARATOR)], [(SHARED + SEPARATOR, SEPARATOR)]
    session.wire.write(render.namespace_line([("", SEPARATOR)], others, shared, utf8=session.utf8))
    return Ok("NAMESPACE completed")


async def create(session: Session, command: commands.Create) -> Ok:
    """RFC 3501 6.3.3; with special uses RFC 6154 3, of which a mailbox has one; RFC 8474 4.1."""
    role = _role(command.uses)
    if is_level(command.mailbox):
        raise No("Below this name are the mailboxes of others", "CANNOT")
    where = await place(session, command.mailbox)
    number = await session.services.mail.create(where.account, where.name, role, who=where.who)
    await _say_normal(session, where, command.mailbox)
    code = codes.mailbox_id_code(mailbox_id(where.account, number))
    return Ok("CREATE completed", code.decode())


async def delete(session: Session, command: commands.Delete) -> Ok:
    """RFC 3501 6.3.4. A client that deletes the mailbox it has selected has none selected then."""
    where = await place(session, command.mailbox)
    await session.services.mail.delete(where.account, where.name, who=where.who)
    await _say_normal(session, where, command.mailbox)
    if session.selection is not None and session.selection.hold.view.gone:
        await session.leave()
    return Ok("DELETE completed")


async def rename(session: Session, command: commands.Rename) -> Ok:
    """RFC 3501 6.3.5."""
    if _account(command.source) != _account(command.target):
        raise No("A mailbox cannot be renamed into another account; copy its messages", "CANNOT")
    target, source = await place(session, command.target), await place(session, command.source)  # a bad name first
    await session.services.mail.rename(source.account, source.name, target.name, who=source.who)
    if session.rev2:  # RFC 9051 6.3.9.7
        session.wire.write(await line_of(session, target, asked=command.source))
    return Ok("RENAME completed")


async def subscribe(session: Session, command: commands.Subscribe) -> Ok:
    """RFC 3501 6.3.6: of another's mailboxes what the client may know of, so that nothing is told by refusing."""
    name = command.mailbox
    if not is_own(name):
        where = await place(session, name)
        tree = await session.services.mail.tree(where.account, where.who)
        if tree.find(where.name) is None:
            raise NotFound("There is no mailbox of that name.")
        name = where.wire(where.name)
        await _wish(session, where, on=True)
    await session.services.mail.subscribe(session.account, name, on=True)
    return Ok("SUBSCRIBE completed")


async def unsubscribe(session: Session, command: commands.Unsubscribe) -> Ok:
    """RFC 3501 6.3.7: also of what is not there any more, or not shared any more."""
    name = command.mailbox
    with suppress(NotFound, Refused):
        where = await place(session, name)
        name = where.wire(where.name)
        await _wish(session, where, on=False)
    await session.services.mail.subscribe(session.account, name, on=False)
    return Ok("UNSUBSCRIBE completed")


async def _wish(session: Session, where: Place, *, on: bool) -> None:
    """What JMAP calls isSubscribed, where the mailbox is another's."""
    if where.who is not None:
        with suppress(NotFound, Refused):  # of what he may not read there is nothing to wish
            await subscribing.wish(session.services.mail, where.account, where.name, where.who, on=on)


async def _say_normal(session: Session, where: Place, asked: str) -> None:
    """RFC 9051 6.3.9.7: what a name became that was not spelled as names are kept."""
    if session.rev2 and where.wire(where.name) != asked:
        session.wire.write(await line_of(session, where, asked=asked))


def _role(uses: tuple[str, ...]) -> Role:
    if not uses:
        return ""
    if len(uses) > 1 or uses[0] not in _ROLES:
        raise No("A mailbox may have one of: " + " ".join(sorted(_ROLES)), "USEATTR")
    return _ROLES[uses[0]]


def _account(name: str) -> str:
    """What a name says of whose it is."""
    return "" if is_own(name) else SEPARATOR.join(name.split(SEPARATOR)[:2])
