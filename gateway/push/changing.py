"""Which types of JMAP a change of an account's log changes, in the eyes of its owner and in those of another.

The law: every change that could make the answer of a /get or /query another one changes its type. What somebody may not
see changes nothing for him; what he sees no longer, or sees now, has changed.
"""

from collections.abc import Callable, Iterable
from typing import Final

from actors.mailbox.events import COPIED, Event
from actors.mailbox.follow import Change, Kind, change_of
from actors.mailbox.rights import LOOKUP, READ, rights_of
from actors.mailbox.types import DELETED, MailboxInfo, Who

MAILBOX: Final = 1
EMAIL: Final = 2
THREAD: Final = 4
DELIVERY: Final = 8
QUOTA: Final = 16
# By their bits. RFC 8621 1.5: EmailDelivery is known to push only.
TYPES: Final = (
    "Mailbox", "Email", "Thread", "EmailDelivery", "Quota", "PushSubscription", "Identity", "EmailSubmission",
    "VacationResponse", "ShareNotification",
)  # fmt: skip
BITS: Final = {name: 1 << bit for bit, name in enumerate(TYPES)}
NOTIFIED: Final = BITS["ShareNotification"]
EVERYTHING: Final = (1 << len(TYPES)) - 1
OF_OTHERS: Final = MAILBOX | EMAIL | THREAD | DELIVERY  # what is somebody else's, and may be shared

_OF_KIND: Final[dict[Kind, int]] = {
    "new": MAILBOX | EMAIL | THREAD | DELIVERY | QUOTA,
    "flags": MAILBOX | EMAIL,  # a mailbox counts its unread ones
    "gone": MAILBOX | EMAIL | THREAD | QUOTA,
    "made": MAILBOX,
    "renamed": MAILBOX,
    "removed": MAILBOX | EMAIL | THREAD | QUOTA,
    "acl": MAILBOX | EMAIL | THREAD,  # the states of all three go on: others may see more, or less
    "role": MAILBOX,
    "subscribed": MAILBOX,
    "annotated": MAILBOX,
}
_OF_VIEWS: Final[frozenset[Kind]] = frozenset({"acl", "made", "removed"})  # after which others may see other things
_OF_OWNER: Final[frozenset[Kind]] = frozenset({"subscribed", "object"})  # which are not shared


def bits_of(types: Iterable[str] | None) -> int:
    """A set of types as bits, without those that never change here; None: all."""
    if types is None:
        return EVERYTHING
    found = 0
    for name in types:
        found |= BITS.get(name, 0)
    return found


def names_of(bits: int) -> list[str]:
    """The inverse."""
    return [name for name, bit in BITS.items() if bits & bit]


def changed(changes: Iterable[Change]) -> int:
    """What an entry changes for the owner of the account."""
    found = 0
    for change in changes:
        found |= _of(change)
    return found


def changed_for(who: Who, changes: Iterable[Change]) -> int:
    """What it changes for another."""
    found = 0
    for change in changes:
        if change.mailbox and change.kind not in _OF_OWNER:
            found |= _seen_change(who, change)
    return found


def missed(events: Iterable[Event], who: Who | None, mailbox: Callable[[int], MailboxInfo | None]) -> int:
    """What events have changed for somebody who was not told then; `who` None: the owner. `mailbox`: those there are by
    now. Another's rights may have been others then: where they may, all has changed for him."""
    found = 0
    for event in events:
        info = mailbox(getattr(event, "mailbox", 0))
        change = change_of(event, info, info)
        if change is None:
            continue
        if who is None:
            found |= _of(change)
        elif change.kind in _OF_VIEWS:
            return OF_OTHERS
        else:
            found |= changed_for(who, (change,))
    return found


def view(who: Who, info: MailboxInfo | None) -> int:
    """The types that show somebody anything of a mailbox of another."""
    if info is None:
        return 0
    rights = rights_of(info.acl, who)
    if LOOKUP not in rights:
        return 0
    return OF_OTHERS if READ in rights else MAILBOX


def may_show(changes: Iterable[Change]) -> bool:
    """Whether others may see other things after it."""
    return any(change.kind in _OF_VIEWS for change in changes)


def views_differ(before: Who, now: Who, boxes: Iterable[MailboxInfo]) -> bool:
    """Whether somebody sees anything else of these because he is in other groups by now."""
    return any(rights_of(info.acl, before) != rights_of(info.acl, now) for info in boxes)


def _of(change: Change) -> int:
    if change.kind == "object":
        return BITS.get(change.names[0], 0)
    bits = _OF_KIND[change.kind]
    if change.came == COPIED:  # RFC 8621 1.5: only a new Email changes EmailDelivery
        bits &= ~DELIVERY
    if change.flags & DELETED:  # such a message is in no thread
        bits |= THREAD
    return bits


def _seen_change(who: Who, change: Change) -> int:
    saw, sees = view(who, change.before), view(who, change.after)
    if change.kind == "acl":
        return (MAILBOX | EMAIL | THREAD) if saw != sees else saw & MAILBOX
    return _of(change) & (saw | sees)
