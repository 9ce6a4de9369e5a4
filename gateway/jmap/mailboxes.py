"""Mailbox: what is read of them (RFC 8621 2.1, 2.2).

The law: a mailbox is told of to whoever has the right to look it up; what is in it is counted for whoever may read it.
"""

from collections.abc import Mapping
from typing import Any, Final

from actors.mailbox import rights
from actors.mailbox.sight import Counts, Mailbox, Sight
from actors.mailbox.types import INBOX, SEPARATOR
from gateway.jmap.positions import Position, state
from gateway.jmap.standard import Answer, changed, got, only
from gateway.jmap.turn import Reached, Turn
from mail.jmap.methods import standard
from mail.jmap.objects.names import unasked

COUNTS: Final = ("totalEmails", "unreadEmails", "totalThreads", "unreadThreads")
SORT_ORDER: Final = "/private/vendor/rookery/sort-order"  # the annotation that keeps it (RFC 5464)
_NOTHING: Final = Counts(0, 0, 0, 0)
# MailboxRights (RFC 8621 2), and what each needs in the letters of RFC 4314.
RIGHTS: Final[Mapping[str, str]] = {
    "mayReadItems": rights.READ,
    "mayAddItems": rights.INSERT,
    "mayRemoveItems": rights.DELETE + rights.EXPUNGE,
    "maySetSeen": rights.SEEN_,
    "maySetKeywords": rights.WRITE,
    "mayCreateChild": rights.MAKE,
    "mayRename": rights.REMOVE,
    "mayDelete": rights.REMOVE,
    "maySubmit": rights.POST,
}


async def get(turn: Turn, asked: standard.Get) -> Answer:
    """RFC 8621 2.1."""
    reached = await turn.reach(asked.account_id)
    sight = await turn.sight(reached)
    wanted = turn.wanted(asked)
    if wanted is None:
        numbers = list(sight.listed)
    else:
        numbers = [number for name in wanted if (number := reached.mailbox_of(name)) in sight.listed]
    properties = asked.properties if asked.properties is not None else unasked("Mailbox", turn.using)
    shower = Shower(reached, sight)
    found = {reached.mailbox_id(number): only(shower.show(number, properties), properties) for number in numbers}
    return got(asked.account_id, state(Position(sight.account.stamp("Mailbox"))), found, wanted)


async def changes(turn: Turn, asked: standard.Changes) -> Answer:
    """RFC 8621 2.2."""
    reached = await turn.reach(asked.account_id)
    answer, told = await changed(turn, reached, asked, "Mailbox", lambda told: told.mailboxes()[0], reached.mailbox_id)
    answer["updatedProperties"] = list(COUNTS) if told.mailboxes()[1] else None
    return answer


class Shower:
    """Mailboxes of one account as one person sees them."""

    def __init__(self, reached: Reached, sight: Sight) -> None:
        self._reached = reached
        self._sight = sight

    def show(self, number: int, properties: Any) -> dict[str, Any]:
        """A mailbox as an object: all of it, but for the counts if none is asked for."""
        box, sight = self._sight.listed[number], self._sight
        shown = {
            "id": self._reached.mailbox_id(number),
            "name": box.name.rpartition(SEPARATOR)[2] if box.name != INBOX else "Inbox",
            "parentId": self.parent(box),
            "role": box.role or None,
            "sortOrder": sort_order(sight, number),
            "myRights": rights_of(sight, box),
            "isSubscribed": box.name in sight.account.subscriptions,
        }
        if any(name in COUNTS for name in properties):
            counts = sight.counts(number) if number in sight.readable else _NOTHING
            shown |= zip(COUNTS, counts, strict=True)
        return shown

    def parent(self, box: Mailbox) -> str | None:
        """The nearest mailbox above that is there to be seen: levels in between need not be mailboxes."""
        name = box.name
        while SEPARATOR in name:
            name = name.rpartition(SEPARATOR)[0]
            above = self._sight.account.named(name)
            if above is not None and above.id in self._sight.listed:
                return self._reached.mailbox_id(above.id)
        return None


def rights_of(sight: Sight, box: Mailbox) -> dict[str, bool]:
    """MailboxRights. INBOX is nobody's to rename or delete (RFC 3501 6.3.4), nor is a right to do so told of it."""
    has = sight.rights(box.id)
    told = {name: all(right in has for right in needed) for name, needed in RIGHTS.items()}
    if box.name == INBOX:
        told["mayRename"] = told["mayDelete"] = False
    return told


def sort_order(sight: Sight, number: int) -> int:
    """Where clients are to show a mailbox among its siblings."""
    stored = sight.account.annotations.get(number, {}).get(SORT_ORDER, b"")
    return int(stored) if stored.isdigit() else 0
