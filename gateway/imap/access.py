"""Access control lists (RFC 4314): GETACL, SETACL, DELETEACL, LISTRIGHTS, MYRIGHTS.

The law: a client names people by their logins, `anyone`, and `group:` with a group's address; what is stored are
identifiers that stay right when a login changes (actors/mailbox/rights.py). An owner has all rights, always: nothing
can be said of him. Rights are told with the virtual `c` and `d` (2.1.1), which stand for `kx` and `te`.
"""

from typing import Final, NamedTuple

from actors.mailbox.rights import ADMINISTER, ALL, ANYONE, need, of_account, of_group, rights_of
from actors.mailbox.types import Acl, Who
from gateway.imap.parts import AclMode, Place
from gateway.imap.places import place
from gateway.imap.session import Ok, Session
from gateway.imap.troubles import Bad, No
from mail.imap import commands, responses
from mail.sasl.saslprep import saslprep

NEGATIVE: Final = "-"
_ACCOUNT: Final = of_account(0)[:-1]
_GROUP: Final = of_group("")
_CREATE: Final = "kx"
_DELETE: Final = "te"
_TOLD: Final = "lrswipkxtecda"  # the order in which rights are told
_EACH: Final = tuple(_TOLD)  # none is tied to another
_MODES: Final[dict[str, AclMode]] = {"": "replace", "+": "add", "-": "remove"}


class _Box(NamedTuple):
    """A mailbox whose ACL somebody may see and change."""

    where: Place
    acl: Acl


async def get_acl(session: Session, command: commands.GetAcl) -> Ok:
    """RFC 4314 3.3. The owner's rights are told first, though they are not in the list."""
    box = await _administered(session, command.mailbox)
    told = {await _login(session, box.where.account): _with_virtual(ALL)}
    for identifier, rights in box.acl:
        told.setdefault(await _wire(session, identifier), _with_virtual(rights))
    session.wire.write(responses.acl_line(command.mailbox, told, utf8=session.utf8))
    return Ok("GETACL completed")


async def set_acl(session: Session, command: commands.SetAcl) -> Ok:
    """RFC 4314 3.1."""
    if command.rights.strip(_TOLD):
        raise Bad("This server has the rights " + _TOLD)
    box = await _administered(session, command.mailbox)
    identifier = await _identifier(session, box.where, command.identifier)
    await session.services.mail.set_acl(
        box.where.account,
        box.where.name,
        identifier,
        _without_virtual(command.rights),
        _MODES[command.mode],
        who=box.where.who,
    )
    return Ok("SETACL completed")


async def delete_acl(session: Session, command: commands.DeleteAcl) -> Ok:
    """RFC 4314 3.2. What GETACL shows can be deleted, also of an account or group that is gone."""
    box = await _administered(session, command.mailbox)
    shown = [identifier for identifier, _ in box.acl if await _wire(session, identifier) == command.identifier]
    identifier = shown[0] if shown else await _identifier(session, box.where, command.identifier)
    await session.services.mail.set_acl(box.where.account, box.where.name, identifier, "", who=box.where.who)
    return Ok("DELETEACL completed")


async def list_rights(session: Session, command: commands.ListRights) -> Ok:
    """RFC 4314 3.4: of its owner all rights are required, to anybody else each can be given alone."""
    box = await _administered(session, command.mailbox)
    always, tied = "", _EACH
    prepared = saslprep(command.identifier)
    if await _is_owner(session, box.where, prepared):
        always, tied = _TOLD, ()
    else:
        await _identifier(session, box.where, prepared)
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
    return _with_virtual(rights_of(acl, who))


async def _administered(session: Session, name: str) -> _Box:
    where = await place(session, name)
    looked = await session.services.mail.look(where.account, where.name, where.who)
    need(looked.info.acl, where.who, ADMINISTER)
    return _Box(where, looked.info.acl)


async def _identifier(session: Session, where: Place, wire: str) -> str:
    """The identifier as it is stored. Raises No for one that is nobody, and for the owner."""
    mark, name = _split(wire)
    if name == ANYONE:
        return mark + ANYONE
    if name.startswith(_GROUP):
        group = await session.services.directory.group_named(name.removeprefix(_GROUP))
        if group is None:
            raise No("There is no such group", "CANNOT")
        return mark + of_group(group)
    holder = await session.services.directory.named(name)
    if holder is None:
        raise No("There is no such user; groups are written group:ADDRESS", "CANNOT")
    if holder.id == where.account:
        raise No("The owner of a mailbox has all rights, always", "CANNOT")
    return mark + of_account(holder.id)


async def _is_owner(session: Session, where: Place, wire: str) -> bool:
    mark, name = _split(wire)
    if mark or name == ANYONE or name.startswith(_GROUP):
        return False
    holder = await session.services.directory.named(name)
    return holder is not None and holder.id == where.account


def _split(wire: str) -> tuple[str, str]:
    """RFC 4314 2: what begins with a dash is about what its bearer must not do."""
    name = wire.removeprefix(NEGATIVE)
    return wire[: len(wire) - len(name)], name


async def _wire(session: Session, identifier: str) -> str:
    """How a client knows it: as it is stored where nobody is known of that number."""
    mark, name = _split(identifier)
    if name.startswith(_ACCOUNT):
        return mark + await _login(session, int(name.removeprefix(_ACCOUNT), 16))
    return identifier


async def _login(session: Session, account: int) -> str:
    holder = await session.services.directory.account_with(account)
    return holder.login if holder is not None else of_account(account)


def _with_virtual(rights: str) -> str:
    """RFC 4314 2.1.1: told where any of those that they stand for is there."""
    told = set(rights)
    if not told.isdisjoint(_CREATE):
        told.add("c")
    if not told.isdisjoint(_DELETE):
        told.add("d")
    return "".join(right for right in _TOLD if right in told)


def _without_virtual(rights: str) -> str:
    return rights.replace("c", _CREATE).replace("d", _DELETE)
