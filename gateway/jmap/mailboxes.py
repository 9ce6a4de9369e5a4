"""Mailbox: what is read of them (RFC 8621 2.1, 2.2).

The law: a mailbox is told of to whoever has the right to look it up; what is in it is counted for whoever may read it.
"""

from typing import Any, Final

from actors.mailbox.rights import ADMINISTER
from actors.mailbox.sight import Counts, Mailbox, Sight
from actors.mailbox.types import INBOX, SEPARATOR
from gateway.access import subscribing
from gateway.jmap import mailbox_rights
from gateway.jmap.positions import Position, state
from gateway.jmap.standard import Answer, changed, got, only
from gateway.jmap.turn import Reached, Turn
from mail.jmap.capabilities import PRINCIPALS
from mail.jmap.methods import standard
from mail.jmap.objects.names import unasked

COUNTS: Final = ("totalEmails", "unreadEmails", "totalThreads", "unreadThreads")
SORT_ORDER: Final = "/private/vendor/rookery/sort-order"  # the annotation that keeps it (RFC 5464)
_NOTHING: Final = Counts(0, 0, 0, 0)


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
    shower = Shower(reached, sight, shares=PRINCIPALS in turn.using)
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

    def __init__(self, reached: Reached, sight: Sight, *, shares: bool = False) -> None:
        """`shares`: he knows of sharing (RFC 9670)."""
        self._reached = reached
        self._sight = sight
        self._shares = shares

    def show(self, number: int, properties: Any) -> dict[str, Any]:
        """A mailbox as an object: all of it, but for the counts if none is asked for."""
        box, sight = self._sight.listed[number], self._sight
        shown: dict[str, Any] = {
            "id": self._reached.mailbox_id(number),
            "name": name_of(box.name),
            "parentId": self.parent(box),
            "role": box.role or None,
            "sortOrder": sort_order(sight, number),
            "myRights": mailbox_rights.mine(sight.rights(number), box.name, shares=self._shares),
            "isSubscribed": is_subscribed(sight, number),
        }
        if self._shares:
            shown["shareWith"] = self.share_with(number) or None
        if any(name in COUNTS for name in properties):
            counts = sight.counts(number) if number in sight.readable else _NOTHING
            shown |= zip(COUNTS, counts, strict=True)
        return shown

    def share_with(self, number: int) -> dict[str, dict[str, bool]]:
        """Whom it is shared with (RFC 9670 4); nothing for who may not share it."""
        if ADMINISTER not in self._sight.rights(number):
            return {}
        return mailbox_rights.share_with(self._sight.listed[number].acl)

    def parent(self, box: Mailbox) -> str | None:
        """The nearest mailbox above that is there to be seen: levels in between need not be mailboxes."""
        name = box.name
        while SEPARATOR in name:
            name = name.rpartition(SEPARATOR)[0]
            above = self._sight.account.named(name)
            if above is not None and above.id in self._sight.listed:
                return self._reached.mailbox_id(above.id)
        return None


def name_of(path: str) -> str:
    """What a mailbox is called by itself, of the whole name that it has."""
    return path.rpartition(SEPARATOR)[2] if path != INBOX else "Inbox"


def sort_order(sight: Sight, number: int) -> int:
    """Where clients are to show a mailbox among its siblings."""
    stored = sight.account.annotations.get(number, {}).get(SORT_ORDER, b"")
    return int(stored) if stored.isdigit() else 0


def is_subscribed(sight: Sight, number: int) -> bool:
    """Whether who sees a mailbox wishes to."""
    if sight.who is not None:
        return subscribing.wishes(sight.note(number, subscribing.ENTRY))
    return sight.listed[number].name in sight.account.subscriptions
