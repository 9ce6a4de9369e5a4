"""When each kind of thing of an account last changed: what JMAP's states are compared by (RFC 8620 5.1). Pure.

The law: a stamp is the MODSEQ of the last entry that changed anything of the kind, a fold of the log, the same for all
who read it. Kinds are called as JMAP calls its types. Of an account from before there were stamps all are its MODSEQ
of then.
"""

from collections.abc import Iterator
from typing import Final

from actors.mailbox import events as ev
from actors.mailbox.types import DELETED, DRAFT

EMAIL: Final = "Email"
MAILBOX: Final = "Mailbox"
THREAD: Final = "Thread"
DELIVERY: Final = "EmailDelivery"

_ALL: Final = (EMAIL, MAILBOX, THREAD)
_OF: Final[dict[type, tuple[str, ...]]] = {
    ev.MessagesExpunged: _ALL,
    ev.MailboxDeleted: _ALL,
    ev.MailboxCreated: (MAILBOX,),
    ev.MailboxRenamed: (MAILBOX,),
    ev.SubscriptionChanged: (MAILBOX,),
    ev.AclChanged: _ALL,  # others may see more, or less
    ev.RoleChanged: (MAILBOX,),
    ev.AnnotationsChanged: (MAILBOX,),
}


def kinds_of(event: ev.Event) -> Iterator[str]:
    """What an event changes."""
    if isinstance(event, ev.FlagsChanged):
        yield EMAIL
        hides = bool((event.clear | event.set) & DELETED)
        if event.unseen or hides or (event.clear | event.set) & DRAFT:  # a draft is not unread (RFC 8621 2)
            yield MAILBOX
        if hides:  # an email with it is none for JMAP (RFC 8621 4.1.1)
            yield THREAD
    elif isinstance(event, ev.MessagesAdded):
        yield from _ALL
        if event.came in (ev.DELIVERED, ev.CAME):
            yield DELIVERY
    elif isinstance(event, ev.ObjectsChanged):
        yield event.kind
    else:
        yield from _OF.get(type(event), ())
