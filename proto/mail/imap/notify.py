"""NOTIFY as a value that parses itself (RFC 5465): of which events in which mailboxes the client wants to hear.

The law: what leaves here obeys the constraints of RFC 5465 5 and 8, and names only events of SUPPORTED.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Self

from mail.imap import codes, fetch
from mail.imap.errors import ImapError
from mail.imap.lexer import Reader


class NotifyEvent(Enum):
    """RFC 5465 5, spelled as there."""

    MESSAGE_NEW = b"MessageNew"
    MESSAGE_EXPUNGE = b"MessageExpunge"
    FLAG_CHANGE = b"FlagChange"
    ANNOTATION_CHANGE = b"AnnotationChange"
    MAILBOX_NAME = b"MailboxName"
    SUBSCRIPTION_CHANGE = b"SubscriptionChange"
    MAILBOX_METADATA_CHANGE = b"MailboxMetadataChange"
    SERVER_METADATA_CHANGE = b"ServerMetadataChange"


class NotifyFilter(Enum):
    """Which mailboxes (RFC 5465 6). SUBTREE and MAILBOXES are followed by names."""

    SELECTED = b"SELECTED"
    SELECTED_DELAYED = b"SELECTED-DELAYED"
    INBOXES = b"INBOXES"
    PERSONAL = b"PERSONAL"
    SUBSCRIBED = b"SUBSCRIBED"
    SUBTREE = b"SUBTREE"
    MAILBOXES = b"MAILBOXES"


_E, _F = NotifyEvent, NotifyFilter

MESSAGE_EVENTS = frozenset({_E.MESSAGE_NEW, _E.MESSAGE_EXPUNGE, _E.FLAG_CHANGE, _E.ANNOTATION_CHANGE})
SUPPORTED = tuple(event for event in NotifyEvent if event is not _E.ANNOTATION_CHANGE)
"""Messages have no annotations here (RFC 5257)."""

_SUPPORTED = {event.value.upper(): event for event in SUPPORTED}
_FILTERS = {kind.value: kind for kind in NotifyFilter}
_OF_SELECTED = frozenset({_F.SELECTED, _F.SELECTED_DELAYED})
_NAMING = frozenset({_F.SUBTREE, _F.MAILBOXES})
_BOTH = frozenset({_E.MESSAGE_NEW, _E.MESSAGE_EXPUNGE})


@dataclass(frozen=True, slots=True)
class EventGroup:
    """What to tell of some mailboxes. No events: of these nothing. `items` are to be fetched of each new message."""

    filter: NotifyFilter
    mailboxes: tuple[str, ...] = ()
    """Each once; of SUBTREE and MAILBOXES only. A `*` or `%` in a name is a letter (RFC 5465 6.6)."""
    events: frozenset[NotifyEvent] = frozenset()
    items: tuple[fetch.FetchItem, ...] = ()
    """Of SELECTED and SELECTED_DELAYED only."""

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """event-group = "(" filter-mailboxes SP events ")" """
        reader.expect(b"(")
        kind = _FILTERS.get(reader.word())
        if kind is None:
            raise ImapError("Unknown mailboxes to watch (RFC 5465 6)")
        reader.sp()
        mailboxes: tuple[str, ...] = ()
        if kind in _NAMING:
            mailboxes = _parse_mailboxes(reader)
            reader.sp()
        events, items = _parse_events(reader)
        reader.expect(b")")
        _check(kind, events, items)
        return cls(kind, mailboxes, events, items)


@dataclass(frozen=True, slots=True)
class Notify:
    """RFC 5465 3.1. `none` is NOTIFY NONE; `status` asks for a STATUS of each mailbox at once."""

    none: bool = False
    status: bool = False
    groups: tuple[EventGroup, ...] = ()

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """notify = "NOTIFY" SP ("SET" [SP "STATUS"] SP event-group *(SP event-group) / "NONE")"""
        reader.sp()
        word = reader.word()
        if word == b"NONE":
            return cls(none=True)
        if word != b"SET":
            raise ImapError("NOTIFY takes SET or NONE (RFC 5465 3.1)")
        reader.sp()
        status = not reader.peek(b"(")
        if status:
            if reader.word() != b"STATUS":
                raise ImapError("Expected STATUS or a group of events (RFC 5465 8)")
            reader.sp()
        groups = tuple(reader.spaced(EventGroup.parse))
        if sum(group.filter in _OF_SELECTED for group in groups) > 1:
            raise ImapError("The selected mailbox has one group of events (RFC 5465 6.1)")
        return cls(status=status, groups=groups)


def _parse_mailboxes(reader: Reader) -> tuple[str, ...]:
    """one-or-more-mailbox = mailbox / "(" mailbox *(SP mailbox) ")" """
    if reader.peek(b"("):
        return tuple(dict.fromkeys(reader.parenthesized(Reader.mailbox)))
    return (reader.mailbox(),)


def _parse_events(reader: Reader) -> tuple[frozenset[NotifyEvent], tuple[fetch.FetchItem, ...]]:
    """events = "(" event *(SP event) ")" / "NONE" """
    if not reader.peek(b"("):
        if reader.word() != b"NONE":
            raise ImapError("Expected events in parentheses, or NONE (RFC 5465 8)")
        return frozenset(), ()
    found = reader.parenthesized(_parse_event)
    items = dict.fromkeys(item for _, items in found for item in items)
    return frozenset(event for event, _ in found), tuple(items)


def _parse_event(reader: Reader) -> tuple[NotifyEvent, tuple[fetch.FetchItem, ...]]:
    """event = "MessageNew" [SP "(" fetch-att *(SP fetch-att) ")"] / the other names"""
    event = _SUPPORTED.get(reader.word())
    if event is None:
        # RFC 5465 3.1: NO, not BAD, and all events there are.
        known = codes.bad_event_code(event.value for event in SUPPORTED)
        raise ImapError("There is no such event here", status=b"NO", code=known)
    if event is not _E.MESSAGE_NEW or not reader.text.startswith(b" (", reader.pos):
        return event, ()
    reader.sp()
    return event, tuple(reader.parenthesized(fetch.parse_item))


def _check(kind: NotifyFilter, events: frozenset[NotifyEvent], items: tuple[fetch.FetchItem, ...]) -> None:
    """RFC 5465 5, 6.1 and 8: what must not stand together."""
    of_messages = events & MESSAGE_EVENTS
    if of_messages and not events >= _BOTH:
        raise ImapError("Events of messages need both MessageNew and MessageExpunge (RFC 5465 5)")
    if kind in _OF_SELECTED:
        if events != of_messages:
            raise ImapError("Of the selected mailbox only events of messages can be told (RFC 5465 6.1)")
    elif items:
        raise ImapError("Only of the selected mailbox can items be fetched (RFC 5465 8)")
