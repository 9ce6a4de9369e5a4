"""Access control lists (RFC 4314): GETACL, SETACL, DELETEACL, LISTRIGHTS, MYRIGHTS.

The law: who may not know of a mailbox is answered as if it were not there (6); only its administrators are told who
may do what. Rights are told with the virtual `c` and `d` (2.1.1), which stand for `kx` and `te`.
"""

from typing import Final, NamedTuple

from actors.mailbox.rights import ADMINISTER, ALL, need, rights_of
from actors.mailbox.types import Acl, Who
from gateway.access import sharing
from gateway.imap.identifiers import is_owner, login_of, stored, told
from gateway.imap.parts import AclMode, Place
from gateway.imap.places import place
from gateway.imap.session import Ok, Session
from gateway.imap.troubles import Bad
from mail.imap import commands, responses
from mail.sasl.saslprep import saslprep

_CREATE: Final = "kx"
_DELETE: Final = "te"
RIGHTS: Final = "lrswipkxtecda"  # the order in which rights are told
_EACH: Final = tuple(RIGHTS)  # none is tied to another
_MODES: Final[dict[str, AclMode]] = {"": "replace", "+": "add", "-": "remove"}


class _Box(NamedTuple):
    """A mailbox whose ACL somebody may see and change."""

    where: Place
    acl: Acl


async def get_acl(session: Session, command: commands.GetAcl) -> Ok:
    """RFC 4314 3.3. The owner's rights are told first, though they are not in the list."""
    box = await _administered(session, command.mailbox)
    people = session.services.directory
    lines = {await login_of(people, box.where.account): with_virtual(ALL)}
    for identifier, rights in box.acl:
        lines.setdefault(await told(people, identifier), with_virtual(rights))
    session.wire.write(responses.acl_line(command.mailbox, lines, utf8=session.utf8))
    return Ok("GETACL completed")


async def set_acl(session: Session, command: commands.SetAcl) -> Ok:
    """RFC 4314 3.1."""
    if command.rights.strip(RIGHTS):
        raise Bad("This server has the rights " + RIGHTS)
    box = await _administered(session, command.mailbox)
    identifier = await stored(session.services.directory, box.where.account, command.identifier)
    await _give(session, box.where, identifier, without_virtual(command.rights), _MODES[command.mode])
    return Ok("SETACL completed")


async def delete_acl(session: Session, command: commands.DeleteAcl) -> Ok:
    """RFC 4314 3.2. What GETACL shows can be deleted, also of an account or group that is gone."""
    box = await _administered(session, command.mailbox)
    people = session.services.directory
    shown = [identifier for identifier, _ in box.acl if await told(people, identifier) == command.identifier]
    identifier = shown[0] if shown else await stored(people, box.where.account, command.identifier)
    await _give(session, box.where, identifier, "", "replace")
    return Ok("DELETEACL completed")


async def list_rights(session: Session, command: commands.ListRights) -> Ok:
    """RFC 4314 3.4: of its owner all rights are required, to anybody else each can be given alone."""
    box = await _administered(session, command.mailbox)
    always, tied = "", _EACH
    people, prepared = session.services.directory, saslprep(command.identifier)
    if await is_owner(people, box.where.account, prepared):
        always, tied = RIGHTS, ()
    else:
        await stored(people, box.where.account, prepared)
    session.wire.write(responses.list_rights_line(command.mailbox, command.identifier, always, tied, utf8=session.utf8))
    return Ok("LISTRIGHTS completed")


async def my_rights(session: Session, command: commands.MyRights) -> Ok:
    """RFC 4314 3.5."""
    where = await place(session, command.mailbox)
    looked = await session.services.mail.look(where.account, where.name, where.who)
    rights = told_rights(looked.info.acl, where.who)
    session.wire.write(responses.my_rights_line(command.mailbox, rights, utf8=session.utf8))
    return Ok("MYRIGHTS completed")


def told_rights(acl: Acl, who: Who | None) -> str:
    """What somebody may do, as MYRIGHTS says it."""
    return with_virtual(rights_of(acl, who))


async def _give(session: Session, where: Place, identifier: str, rights: str, mode: AclMode) -> None:
    assert session.principal is not None
    by = sharing.By(session.account, session.principal.login)
    box = sharing.Place(where.account, where.name, where.who)
    await sharing.give(session.services, by, box, identifier, rights, mode)


async def _administered(session: Session, name: str) -> _Box:
    where = await place(session, name)
    looked = await session.services.mail.look(where.account, where.name, where.who)
    need(looked.info.acl, where.who, ADMINISTER)
    return _Box(where, looked.info.acl)


def with_virtual(rights: str) -> str:
    """RFC 4314 2.1.1: told where any of those that they stand for is there."""
    told = set(rights)
    if not told.isdisjoint(_CREATE):
        told.add("c")
    if not told.isdisjoint(_DELETE):
        told.add("d")
    return "".join(right for right in RIGHTS if right in told)


def without_virtual(rights: str) -> str:
    """RFC 4314 2.1.1: what somebody asked for."""
    return rights.replace("c", _CREATE).replace("d", _DELETE)
