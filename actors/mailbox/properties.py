"""What a command about a mailbox's properties does: its ACL and special use. Pure, a part of decide.py.

The law: as decide.py has it. The names under which others find what is shared with them change in the same commit as
the ACL.
"""

from actors.mailbox import events as ev
from actors.mailbox import rights
from actors.mailbox.decision import Grants
from actors.mailbox.state import Account, Mailbox
from actors.mailbox.types import (
    ACL_BYTES_MAX,
    ACL_MAX,
    ACLS_BYTES_MAX,
    Acl,
    SetAcl,
    SetRole,
)
from cluster.errors import OverLimit, Unsuitable


def acl_events(account: Account, box: Mailbox, command: SetAcl) -> tuple[tuple[ev.Event, ...], Acl]:
    """The events, and the ACL afterwards."""
    acl = rights.changed(box.acl, command.identifier, command.rights, command.mode)
    check_room(account, box.acl, acl)
    return ((ev.AclChanged(box.id, acl),) if acl != box.acl else ()), acl


def check_room(account: Account, before: Acl, after: Acl) -> None:
    """Raises OverLimit where a mailbox's ACL would be too much, for itself or with the others of the account. Making
    less is always possible."""
    more = _weight(after) - _weight(before)
    if more <= 0:
        return
    if len(after) > ACL_MAX or _weight(after) > ACL_BYTES_MAX:
        raise OverLimit(f"A mailbox may be shared with {ACL_MAX} identifiers; share it with a group.")
    if sum(_weight(box.acl) for box in account.mailboxes.values()) + more > ACLS_BYTES_MAX:
        raise OverLimit("The account has too many rights to its mailboxes; share them with a group.")


def _weight(acl: Acl) -> int:
    return sum(len(identifier.encode()) + len(rights_) + 8 for identifier, rights_ in acl)


def grants(account: Account, box: Mailbox, acl: Acl) -> Grants:
    """What changes for others when the mailbox gets this ACL."""
    before, after = rights.granted(box.acl), rights.granted(acl)
    others: set[str] = set()
    for other in account.mailboxes.values():
        if other is not box and other.acl:
            others |= rights.granted(other.acl)
    gained = [(identifier, True) for identifier in sorted(after - before - others)]
    return gained + [(identifier, False) for identifier in sorted(before - after - others)]


def role_events(account: Account, box: Mailbox, command: SetRole) -> tuple[ev.Event, ...]:
    """The event, if anything changes."""
    if command.role == box.role:
        return ()
    if "inbox" in (command.role, box.role):
        raise Unsuitable("INBOX keeps its use, and no other mailbox has it.")
    if command.role and any(other.role == command.role for other in account.mailboxes.values()):
        raise Unsuitable("Another mailbox has that special use.")
    return (ev.RoleChanged(box.id, command.role),)
