"""What an account may hold, and holds (RFC 9208): GETQUOTA, GETQUOTAROOT, SETQUOTA.

The law: there is one quota root an account, called by its login; it is told to its owner, to administrators, and to
those who may read one of its mailboxes. A resource without a limit is not told.
"""

from typing import Final

from actors.mailbox.rights import READ, need, rights_of
from actors.mailbox.types import Looked, Tree
from gateway.imap.parts import Holder
from gateway.imap.places import place, who_asks
from gateway.imap.session import Ok, Session
from gateway.imap.troubles import No
from mail.imap import commands, responses

_STORAGE: Final = "STORAGE"
_MESSAGE: Final = "MESSAGE"
_UNIT_BYTES: Final = 1024  # RFC 9208 5.1
_BYTES_MAX: Final = 2**63 - 1


async def get_quota(session: Session, command: commands.GetQuota) -> Ok:
    """RFC 9208 4.1.1. Of one's own account the root may be left empty, as many servers call it."""
    own = await _holder(session)
    holder = await session.services.directory.named(command.root) if command.root else own
    if holder is None:
        raise _no_root()
    if holder.id == own.id or own.administrator:
        tree = await session.services.mail.tree(holder.id)
    else:
        who = await who_asks(session)
        tree = await session.services.mail.tree(holder.id, who)
        if not any(READ in rights_of(box.acl, who) for box in tree.mailboxes):
            raise _no_root()
    _tell(session, command.root, holder, tree)
    return Ok("GETQUOTA completed")


async def get_quota_root(session: Session, command: commands.GetQuotaRoot) -> Ok:
    """RFC 9208 4.1.2, 6: of another's mailbox it takes the right to read it; one's own need not exist."""
    where = await place(session, command.mailbox)
    used: Looked | Tree
    if where.who is not None:
        used = await session.services.mail.look(where.account, where.name, where.who)
        need(used.info.acl, where.who, READ)
    else:
        used = await session.services.mail.tree(where.account)
    holder = await session.services.directory.account_with(where.account)
    if holder is None:
        raise _no_root()
    session.wire.write(responses.quota_root_line(command.mailbox, [holder.login], utf8=session.utf8))
    _tell(session, holder.login, holder, used)
    return Ok("GETQUOTAROOT completed")


async def set_quota(session: Session, command: commands.SetQuota) -> Ok:
    """RFC 9208 4.1.3: what is not said is not limited any more."""
    if not (await _holder(session)).administrator:
        raise No("Only administrators set quotas", "NOPERM")
    limits = dict(command.limits)
    storage, messages = limits.pop(_STORAGE, None), limits.pop(_MESSAGE, None)
    if limits:
        raise No(f"What can be limited is {_STORAGE} and {_MESSAGE}", "CANNOT")
    if 0 in (storage, messages):
        raise No("A limit cannot be 0; disable the account instead", "CANNOT")
    holder = await session.services.directory.named(command.root)
    if holder is None:
        raise _no_root()
    quota_bytes = min((storage or 0) * _UNIT_BYTES, _BYTES_MAX)
    holder = await session.services.directory.set_quota(
        holder.login, quota_bytes=quota_bytes, quota_messages=messages or 0
    )
    _tell(session, command.root, holder, await session.services.mail.tree(holder.id))
    return Ok("SETQUOTA completed")


async def _holder(session: Session) -> Holder:
    """The client's own account."""
    holder = await session.services.directory.account_with(session.account)
    if holder is None:  # removed since it logged in
        raise _no_root()
    return holder


def _no_root() -> No:
    return No("There is no such quota root", "NONEXISTENT")


def _tell(session: Session, root: str, holder: Holder, used: Looked | Tree) -> None:
    resources = {}
    if holder.quota_bytes:
        resources[_STORAGE] = (_units(used.used_bytes), _units(holder.quota_bytes))
    if holder.quota_messages:
        resources[_MESSAGE] = (used.used_messages, holder.quota_messages)
    session.wire.write(responses.quota_line(root, resources, utf8=session.utf8))


def _units(size: int) -> int:
    """Rounded up: what is above 0 is told so."""
    return -(-size // _UNIT_BYTES)
