"""Of which events in which mailboxes a client wants to hear, as NOTIFY SET has it (RFC 5465 6), for names as the client
knows them.

The law: several groups may mean one mailbox, and what each asks for is told. Of messages in the selected mailbox only
the group of the selected mailbox speaks.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from actors.mailbox.names import parents
from mail.imap.notify import EventGroup, NotifyEvent, NotifyFilter

NOTHING: Final[frozenset[NotifyEvent]] = frozenset()
_SELECTED: Final = (NotifyFilter.SELECTED, NotifyFilter.SELECTED_DELAYED)
# RFC 5465 6.3: mail may be filed into any mailbox, so all of them are inboxes.
_OWN: Final = (NotifyFilter.PERSONAL, NotifyFilter.INBOXES)


class Group(NamedTuple):
    """One group that is not of the selected mailbox; `names` as the client knows them."""

    filter: NotifyFilter
    names: frozenset[str]
    events: frozenset[NotifyEvent]


class Wishes:
    """All of it."""

    __slots__ = ("_below", "_named", "_own", "_subscribed", "any", "delayed", "groups", "selected")

    def __init__(self, groups: Sequence[EventGroup] = (), others: Iterable[Group] = ()) -> None:
        """`others`: those of the groups that are not of the selected mailbox."""
        self.selected = next((group for group in groups if group.filter in _SELECTED and group.events), None)
        self.delayed = self.selected is not None and self.selected.filter is NotifyFilter.SELECTED_DELAYED
        self.groups = tuple(others)
        self.any = NOTHING.union(*(group.events for group in self.groups))
        # A command may have a thousand groups, with thousands of names: of a mailbox they are not gone through again.
        self._own = self._of(*_OWN)
        self._subscribed = self._of(NotifyFilter.SUBSCRIBED)
        self._named = self._by_name(NotifyFilter.MAILBOXES)
        self._below = self._by_name(NotifyFilter.SUBTREE)

    @property
    def flags(self) -> bool:
        """Whether changed flags of the selected mailbox are told."""
        return self.selected is not None and NotifyEvent.FLAG_CHANGE in self.selected.events

    @property
    def by_subscription(self) -> bool:
        """Whether what is meant changes with what is subscribed to."""
        return any(group.filter is NotifyFilter.SUBSCRIBED for group in self.groups)

    def of(self, name: str, *, own: bool, subscribed: bool) -> frozenset[NotifyEvent]:
        """What is asked for of a mailbox that is not selected."""
        meant = [self._named.get(name, NOTHING)]
        if own:
            meant.append(self._own)
        if subscribed:
            meant.append(self._subscribed)
        if self._below:
            meant += [self._below[above] for above in (name, *parents(name)) if above in self._below]
        return NOTHING.union(*meant)

    def _of(self, *filters: NotifyFilter) -> frozenset[NotifyEvent]:
        return NOTHING.union(*(group.events for group in self.groups if group.filter in filters))

    def _by_name(self, kind: NotifyFilter) -> dict[str, frozenset[NotifyEvent]]:
        found: dict[str, frozenset[NotifyEvent]] = {}
        for group in self.groups:
            for name in group.names if group.filter is kind else ():
                found[name] = found.get(name, NOTHING) | group.events
        return found


def is_of_selected(group: EventGroup) -> bool:
    """Whether a group speaks of the selected mailbox."""
    return group.filter in _SELECTED
