r"""What is said, unasked, of mailboxes that are not selected (RFC 5465 5): LIST, STATUS and METADATA lines.

The law: a line says how it is now, not how it was when it happened; what may not be looked up is not there, and of what
may not be read nothing is said but that (`\NoAccess`).
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from actors.mailbox.follow import Following, Kind
from actors.mailbox.rights import LOOKUP, READ, rights_of
from actors.mailbox.types import SEPARATOR, USES, MailboxInfo, Who
from gateway.imap.session import Session
from gateway.imap.status import KEPT
from mail.imap import render, responses
from mail.imap.listing import StatusItem
from mail.imap.notify import MESSAGE_EVENTS, NotifyEvent

_I: Final = StatusItem
_ORDER: Final = (_I.MESSAGES, _I.UIDNEXT, _I.UIDVALIDITY, _I.UNSEEN, _I.HIGHESTMODSEQ)
_PRIVATE: Final = "/private/"
_SHARED: Final = "/shared/"


class Watched:
    """An account that a session hears of. `own`: it is the client's; else all its names have a prefix."""

    __slots__ = ("following", "own", "prefix")

    def __init__(self, following: Following, prefix: str, *, own: bool) -> None:
        self.following = following
        self.prefix = prefix
        self.own = own

    def name(self, info: MailboxInfo) -> str:
        """How the client calls a mailbox."""
        return self.prefix + info.name

    def rights(self, info: MailboxInfo | None, who: Who | None) -> str:
        """What the client may do with it."""
        if info is None:
            return ""
        return rights_of(info.acl, None if self.own else who)


def list_line(
    session: Session, watched: Watched, name: str, who: Who | None, subscribed: bool, old: str | None
) -> bytes:
    """LIST of a name of that account, whether or not a mailbox has it (RFC 5465 5.4, 5.5)."""
    inner = name[len(watched.prefix) :]
    info = watched.following.named(inner)
    rights = watched.rights(info, who)
    attributes = ["\\HasChildren" if _has_children(watched, inner, who) else "\\HasNoChildren"]
    if info is None or LOOKUP not in rights:
        attributes.insert(0, "\\NonExistent")
    elif READ not in rights:
        attributes.insert(0, "\\NoAccess")
    elif watched.own and info.role in USES:
        attributes.append(USES[info.role])
    if subscribed:
        attributes.append("\\Subscribed")
    return render.list_line(name, attributes, old_name=old, utf8=session.utf8)


def _has_children(watched: Watched, name: str, who: Who | None) -> bool:
    boxes, below = watched.following.tree.mailboxes, name + SEPARATOR
    at = bisect_left(boxes, below, key=lambda box: box.name)
    while at < len(boxes) and boxes[at].name.startswith(below):
        if LOOKUP in watched.rights(boxes[at], who):
            return True
        at += 1
    return False


def items_at_first(session: Session, events: frozenset[NotifyEvent]) -> list[StatusItem]:
    """What NOTIFY SET STATUS tells of a mailbox (RFC 5465 3.1)."""
    items = {_I.MESSAGES, _I.UIDNEXT, _I.UIDVALIDITY}
    if NotifyEvent.FLAG_CHANGE in events or session.condstore:
        items |= {_I.UNSEEN, _I.HIGHESTMODSEQ}
    return [item for item in _ORDER if item in items]


def items_of(
    session: Session,
    events: frozenset[NotifyEvent],
    kinds: Iterable[Kind],
    before: MailboxInfo | None,
    now: MailboxInfo,
) -> list[StatusItem]:
    """What is to be told of a mailbox in which these things happened (RFC 5465 5.1 to 5.3); often nothing."""
    if not events & MESSAGE_EVENTS:
        return []
    items: set[StatusItem] = set()
    flags = NotifyEvent.FLAG_CHANGE in events
    unseen_changed = before is None or before.unseen != now.unseen
    for kind in kinds:
        if kind in ("new", "gone"):
            items |= {_I.MESSAGES, _I.UIDNEXT}
        elif kind == "flags" and flags and (session.condstore or unseen_changed):
            items.add(_I.UIDVALIDITY)
        elif kind in ("made", "renamed") and flags:  # the name may have had another UIDVALIDITY
            items |= {_I.MESSAGES, _I.UIDNEXT, _I.UIDVALIDITY}
    if items and flags and unseen_changed:
        items.add(_I.UNSEEN)
    if items and session.condstore:
        items.add(_I.HIGHESTMODSEQ)
    return [item for item in _ORDER if item in items]


def status_line(session: Session, name: str, info: MailboxInfo, items: Iterable[StatusItem]) -> bytes:
    """STATUS with these items."""
    return render.status_line(name, {item: KEPT[item](info) for item in items}, utf8=session.utf8)


def metadata_line(session: Session, name: str, entries: Iterable[str], who: Who | None) -> bytes:
    """METADATA with the names of those of the entries that are for this client; `who`: not the owner. An empty name is
    the server. Empty where there are none.

    What is private of somebody who is not the owner is kept under its name, a NUL, and whose it is.
    """
    reader = f"{who.account:x}" if who is not None else ""
    told = []
    for entry in entries:
        known, _, whose = entry.partition("\0")
        if (known.startswith(_PRIVATE) and whose == reader) or (known.startswith(_SHARED) and name):
            told.append(known)
    return responses.metadata_changed_line(name, told, utf8=session.utf8) if told else b""
