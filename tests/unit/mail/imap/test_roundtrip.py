"""What is written as a command is read as it was meant, whatever its names and values hold."""

from hypothesis import given
from hypothesis import strategies as st

from mail.imap.access import RIGHTS
from mail.imap.commands import GetMetadata, ListRights, Notify, NotifyEvent, NotifyFilter, SetAcl, SetMetadata
from mail.imap.events import Command
from mail.imap.metadata import Depth
from mail.imap.notify import SUPPORTED, EventGroup
from mail.imap.render import astring, mailbox, nstring
from tests.unit.mail.imap.driver import parsed

_NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20).filter(
    lambda name: name.upper() != "INBOX" and not name.upper().startswith("INBOX/")
)
_IDENTIFIERS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=20)
_PARTS = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="*%/"), min_size=1, max_size=9
)
_ENTRIES = st.builds(
    lambda scope, parts: "/".join([scope, *(part.lower() for part in parts)]),
    st.sampled_from(["/private", "/shared"]),
    st.lists(_PARTS, min_size=1, max_size=3),
)
_VALUES = st.none() | st.binary(max_size=30).filter(lambda value: b"\0" not in value)
"""What a NUL needs, a literal8, is in the conversations."""


def _only(line: bytes) -> object:
    """The one command that `line` is; the machine may ask for its literals meanwhile."""
    (command,) = [event.command for event in parsed(b"a %b\r\n" % line) if isinstance(event, Command)]
    return command


@given(_NAMES, _IDENTIFIERS, st.sampled_from(["", "+", "-"]), st.lists(st.sampled_from(RIGHTS), unique=True))
def test_set_acl(name: str, identifier: str, mode: str, rights: list[str]) -> None:
    what = "".join(rights)
    words = (mailbox(name), astring(identifier.encode()), astring(f"{mode}{what}".encode()))
    assert _only(b"SETACL %b %b %b" % words) == SetAcl(name, identifier, mode, what)
    assert _only(b"LISTRIGHTS %b %b" % words[:2]) == ListRights(name, identifier)


@given(_NAMES, st.dictionaries(_ENTRIES, _VALUES, min_size=1, max_size=4))
def test_set_metadata(name: str, values: dict[str, bytes | None]) -> None:
    pairs = b" ".join(astring(entry.upper().encode()) + b" " + nstring(value) for entry, value in values.items())
    assert _only(b"SETMETADATA %b (%b)" % (mailbox(name), pairs)) == SetMetadata(name, tuple(values.items()))


@given(
    _NAMES,
    st.lists(_ENTRIES, min_size=1, max_size=4, unique=True),
    st.sampled_from(Depth),
    st.none() | st.integers(0, 0xFFFF_FFFF),
    st.booleans(),
)
def test_get_metadata(name: str, entries: list[str], depth: Depth, max_size: int | None, first: bool) -> None:
    words = [b"DEPTH " + depth.value] + ([b"MAXSIZE %d" % max_size] if max_size is not None else [])
    options = b"(%b)" % b" ".join(words)
    asked = b"(%b)" % b" ".join(astring(entry.encode()) for entry in entries)
    head = [options, mailbox(name)] if first else [mailbox(name), options]
    command = b" ".join([b"GETMETADATA", *head, asked])
    assert _only(command) == GetMetadata(name, tuple(entries), depth, max_size)


_BOTH = frozenset({NotifyEvent.MESSAGE_NEW, NotifyEvent.MESSAGE_EXPUNGE})
_OTHERS = [NotifyFilter.INBOXES, NotifyFilter.PERSONAL, NotifyFilter.SUBSCRIBED]
_EVENTS = st.frozensets(st.sampled_from(SUPPORTED)).map(
    lambda events: events | _BOTH if events & {*_BOTH, NotifyEvent.FLAG_CHANGE} else events
)
_GROUPS = st.builds(EventGroup, st.sampled_from(_OTHERS), st.just(()), _EVENTS) | st.builds(
    EventGroup,
    st.sampled_from([NotifyFilter.SUBTREE, NotifyFilter.MAILBOXES]),
    st.lists(_NAMES, min_size=1, max_size=3, unique=True).map(tuple),
    _EVENTS,
)


def _group(group: EventGroup) -> bytes:
    names = b" (%b)" % b" ".join(map(mailbox, group.mailboxes)) if group.mailboxes else b""
    events = b" ".join(event.value for event in group.events)
    return b"(%b%b %b)" % (group.filter.value.lower(), names, b"(%b)" % events if events else b"NONE")


@given(st.lists(_GROUPS, min_size=1, max_size=4), st.booleans())
def test_notify(groups: list[EventGroup], status: bool) -> None:
    command = b"NOTIFY SET%b %b" % (b" STATUS" if status else b"", b" ".join(map(_group, groups)))
    assert _only(command) == Notify(status=status, groups=tuple(groups))
