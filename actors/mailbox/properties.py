"""What a command about a mailbox's properties does: its ACL, special use, annotations. Pure, a part of decide.py.

The law: as decide.py has it. The names under which others find what is shared with them change in the same commit as
the ACL.
"""

from collections.abc import Iterable

from actors.mailbox import events as ev
from actors.mailbox import rights
from actors.mailbox.decision import Grants
from actors.mailbox.state import Account, Mailbox
from actors.mailbox.types import (
    ACL_MAX,
    ANNOTATION_BYTES_MAX,
    ANNOTATIONS_BYTES_MAX,
    ANNOTATIONS_MAX,
    Acl,
    Annotate,
    Annotations,
    ReadAnnotations,
    SetAcl,
    SetRole,
)
from cluster.errors import NotFound, OverLimit, Refused


def acl_events(box: Mailbox, command: SetAcl) -> tuple[tuple[ev.Event, ...], Acl]:
    """The events, and the ACL afterwards."""
    acl = rights.changed(box.acl, command.identifier, command.rights, command.mode)
    if len(acl) > ACL_MAX:
        raise OverLimit(f"A mailbox may be shared with {ACL_MAX} identifiers; share it with a group.")
    return ((ev.AclChanged(box.id, acl),) if acl != box.acl else ()), acl


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
        raise Refused("INBOX keeps its use, and no other mailbox has it.")
    if command.role and any(other.role == command.role for other in account.mailboxes.values()):
        raise Refused("Another mailbox has that special use.")
    return (ev.RoleChanged(box.id, command.role),)


def annotation_events(account: Account, mailbox: int, command: Annotate) -> tuple[ev.Event, ...]:
    """The event, of what changes."""
    held = account.annotations.get(mailbox, {})
    pairs = tuple((name, value) for name, value in dict(command.pairs).items() if held.get(name) != value)
    if _weight(pairs) > ANNOTATION_BYTES_MAX:
        raise OverLimit(f"Annotations set at once may have {ANNOTATION_BYTES_MAX} bytes.")
    after = {(box, name): value for box, of in account.annotations.items() for name, value in of.items()}
    for name, value in pairs:
        if value is None:
            del after[mailbox, name]
        else:
            after[mailbox, name] = value
    grows = any(value is not None for _name, value in pairs)
    if grows and len(after) > ANNOTATIONS_MAX:
        raise OverLimit(f"An account may have {ANNOTATIONS_MAX} annotations.")
    if grows and _weight((name, value) for (_box, name), value in after.items()) > ANNOTATIONS_BYTES_MAX:
        raise OverLimit(f"An account's annotations may have {ANNOTATIONS_BYTES_MAX} bytes together.")
    return (ev.AnnotationsChanged(mailbox, pairs),) if pairs else ()


def annotations(account: Account, command: ReadAnnotations, sees: Iterable[Mailbox]) -> Annotations:
    """What is asked for; of mailboxes only what may be seen."""
    boxes = {box.name: box.id for box in sees}
    found = []
    for name in dict.fromkeys(command.names):
        number = boxes.get(name) if name else 0
        if number is not None:
            found.append((name, tuple(sorted(account.annotations.get(number, {}).items()))))
    return Annotations(tuple(found))


def of_account(command: Annotate) -> int:
    """0, the account's own: which only the owner may annotate."""
    if command.who is not None:
        raise NotFound("There is no mailbox of that name.")
    return 0


def _weight(pairs: Iterable[tuple[str, bytes | None]]) -> int:
    return sum(len(name) + len(value or b"") + 16 for name, value in pairs)
