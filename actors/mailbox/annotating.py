"""What a command about annotations does (RFC 5464). Pure, a part of decide.py.

The law: as decide.py has it. What is private is its owner's alone: a user other than the mailbox's owner has entries
of his own under the same names, which nobody else is told of, and of which there are few. Entries that are neither
`/private/...` nor `/shared/...` are the server's own, for those who ask as the owner.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from actors.mailbox import events as ev
from actors.mailbox.properties import role_events
from actors.mailbox.rights import ANNOTATE, LOOKUP, WRITE, need, need_any, rights_of
from actors.mailbox.state import Account, Mailbox
from actors.mailbox.types import (
    ANNOTATION_BYTES_MAX,
    ANNOTATIONS_BYTES_MAX,
    ANNOTATIONS_MAX,
    ANNOTATIONS_OF_OTHERS_BYTES_MAX,
    ANNOTATIONS_OF_OTHERS_MAX,
    USES,
    USES_TO_GIVE,
    Acl,
    Annotate,
    Annotations,
    ReadAnnotations,
    Role,
    SetRole,
    Who,
)
from cluster.errors import NotFound, OverLimit, Unsuitable

PRIVATE: Final = "/private/"
SHARED: Final = "/shared/"
SPECIAL_USE: Final = "/private/specialuse"
_ROLES: Final[dict[str, Role]] = {USES[role].lower(): role for role in USES_TO_GIVE}
_Pair = tuple[str, bytes | None]


def of_mailbox(account: Account, box: Mailbox, command: Annotate) -> tuple[ev.Event, ...]:
    """The events of setting annotations of a mailbox; its special use is one of them (RFC 6154 4)."""
    pairs = dict(command.pairs)
    need(box.acl, command.who, LOOKUP)
    need_any(box.acl, command.who, ANNOTATE)
    if any(not name.startswith(PRIVATE) for name in pairs):
        need(box.acl, command.who, WRITE)
    events: tuple[ev.Event, ...] = ()
    if SPECIAL_USE in pairs:
        if command.who is not None:
            raise Unsuitable("Only its owner gives a mailbox a special use.")
        events = role_events(account, box, SetRole(box.name, _role(pairs.pop(SPECIAL_USE), box.role)))
    return events + _events(account, box.id, pairs, command.who)


def of_account(account: Account, command: Annotate) -> tuple[ev.Event, ...]:
    """The events of setting annotations of an account, which only its owner does."""
    if command.who is not None:
        raise NotFound("There is no mailbox of that name.")
    return _events(account, 0, dict(command.pairs), None)


def copied(account: Account, source: int, target: int) -> tuple[ev.Event, ...]:
    """The events by which another mailbox gets the same annotations (RFC 5464 4.1), where there is room for them."""
    held = account.annotations.get(source)
    if not held:
        return ()
    after = _entries(account) + [((target, name), value) for name, value in held.items()]
    fits = len(after) <= ANNOTATIONS_MAX and _weight(after) <= ANNOTATIONS_BYTES_MAX
    fits = fits and _weight([((target, name), value) for name, value in held.items()]) <= ANNOTATION_BYTES_MAX
    return (ev.AnnotationsChanged(target, tuple(held.items())),) if fits else ()


def annotations(account: Account, command: ReadAnnotations) -> Annotations:
    """What is asked for, of the mailboxes whose annotations may be seen."""
    who, found = command.who, []
    for name in dict.fromkeys(command.names):
        box = account.named(name)
        if box is not None and _may_read(box.acl, who):
            entries = dict(_shown(account.annotations.get(box.id, {}), who))
            if who is None and box.role in USES:
                entries[SPECIAL_USE] = USES[box.role].encode()
        elif not name and who is None:
            entries = account.annotations.get(0, {})
        else:
            continue
        found.append((name, tuple(sorted(entries.items()))))
    return Annotations(tuple(found))


def _may_read(acl: Acl, who: Who | None) -> bool:
    has = rights_of(acl, who)
    return LOOKUP in has and any(right in has for right in ANNOTATE)


def _role(value: bytes | None, now: Role) -> Role:
    """The role that a value of SPECIAL_USE names. INBOX has one that is no special use, and keeps it."""
    if value is None or not value.strip():
        return now if now == "inbox" else ""
    role = _ROLES.get(value.decode("latin-1").strip().lower())
    if role is None:
        raise Unsuitable("A mailbox may have one of: " + ", ".join(USES[role] for role in USES if role in USES_TO_GIVE))
    return role


def _shown(held: Mapping[str, bytes], who: Who | None) -> Iterator[tuple[str, bytes]]:
    """The entries that are for somebody, under the names that he gave them."""
    for key, value in held.items():
        name, _, reader = key.partition("\0")
        if name.startswith(PRIVATE):
            if reader == (f"{who.account:x}" if who is not None else ""):
                yield name, value
        elif who is None or name.startswith(SHARED):
            yield name, value


def key_of(name: str, who: Who | None) -> str:
    """Where an entry is kept."""
    return f"{name}\0{who.account:x}" if who is not None and name.startswith(PRIVATE) else name


def _events(account: Account, mailbox: int, pairs: Mapping[str, bytes | None], who: Who | None) -> tuple[ev.Event, ...]:
    """The event, of what changes."""
    held = account.annotations.get(mailbox, {})
    keyed = {key_of(name, who): value for name, value in pairs.items()}
    changes = {key: value for key, value in keyed.items() if held.get(key) != value}
    if not changes:
        return ()
    if _weight(((mailbox, key), value) for key, value in changes.items()) > ANNOTATION_BYTES_MAX:
        raise OverLimit(f"Annotations set at once may have {ANNOTATION_BYTES_MAX} bytes.")
    if any(value is not None for value in changes.values()):
        _check_room(account, mailbox, changes, who)
    return (ev.AnnotationsChanged(mailbox, tuple(changes.items())),)


def _check_room(account: Account, mailbox: int, changes: Mapping[str, bytes | None], who: Who | None) -> None:
    """Raises OverLimit where there would be too many, or too much. Making less is always possible."""
    after: dict[tuple[int, str], bytes | None] = dict(_entries(account))
    after |= {(mailbox, key): value for key, value in changes.items()}
    left = [(where, value) for where, value in after.items() if value is not None]
    if len(left) > ANNOTATIONS_MAX:
        raise OverLimit(f"An account may have {ANNOTATIONS_MAX} annotations.")
    if _weight(left) > ANNOTATIONS_BYTES_MAX:
        raise OverLimit(f"An account's annotations may have {ANNOTATIONS_BYTES_MAX} bytes together.")
    if who is not None:
        mark = f"\0{who.account:x}"
        own = [(where, value) for where, value in left if where[1].endswith(mark)]
        if len(own) > ANNOTATIONS_OF_OTHERS_MAX or _weight(own) > ANNOTATIONS_OF_OTHERS_BYTES_MAX:
            raise OverLimit(
                f"You may have {ANNOTATIONS_OF_OTHERS_MAX} private annotations in another's account, "
                f"with {ANNOTATIONS_OF_OTHERS_BYTES_MAX} bytes."
            )


def _entries(account: Account) -> list[tuple[tuple[int, str], bytes]]:
    return [((box, name), value) for box, held in account.annotations.items() for name, value in held.items()]


def _weight(entries: Iterable[tuple[tuple[int, str], bytes | None]]) -> int:
    return sum(len(name) + len(value or b"") + 16 for (_box, name), value in entries)
