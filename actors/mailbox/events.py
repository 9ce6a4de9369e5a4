"""The log's words: what happened to an account, as stored for ever.

The law: an event says everything that `state.apply` needs, also for a mailbox whose index is not loaded, so the
counters travel with it. Numbers are only ever added at the end of a Struct; readers accept the version before.
"""

from typing import Final, Literal

import msgspec
from msgspec import Struct

from actors.mailbox.types import Acl, Ranges, Role
from cluster.errors import Corrupt

VERSION: Final = 1
# What decoding may raise on bytes that were not written by us: besides msgspec's own, what it lets through.
UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
ROWS_PER_EVENT_MAX: Final = 2000  # 40 bytes each at most, so an entry stays below VALUE_BYTES_MAX
RANGES_PER_EVENT_MAX: Final = 5000  # 12 bytes each at most
NAMES_PER_EVENT_MAX: Final = 200  # mailbox names of NAME_BYTES_MAX, renamed at once
RANGES_PER_ANSWER_MAX: Final = 2000  # so that events and answer are an entry below VALUE_BYTES_MAX


class Row(Struct, frozen=True, array_like=True):
    """A membership of a message in a mailbox. Its date saved is its entry's time.

    `thread`: the email id of the first message of its thread; 0: it is that itself.
    """

    uid: int
    email: int
    flags: int
    size: int
    date_ms: int
    thread: int = 0


Came = Literal[0, 1, 2, 3]
CAME: Final[Came] = 0  # nobody knows any more how
DELIVERED: Final[Came] = 1  # from outside
STORED: Final[Came] = 2  # by a client
COPIED: Final[Came] = 3  # or moved: the messages were in the account before


class MessagesAdded(Struct, frozen=True, array_like=True, tag=1):
    r"""Rows in ascending UID order. `claimed`: a session had the mailbox selected and took \Recent at once."""

    mailbox: int
    rows: tuple[Row, ...]
    claimed: bool = False
    came: Came = CAME


class FlagsChanged(Struct, frozen=True, array_like=True, tag=2):
    """flags = flags & ~clear | set, on these UIDs; `unseen` is what it adds to the mailbox's count of unseen."""

    mailbox: int
    uids: Ranges
    clear: int
    set: int
    unseen: int


class MessagesExpunged(Struct, frozen=True, array_like=True, tag=3):
    """These UIDs left: `messages`, `size` and `unseen` are what the mailbox loses. `left`: which emails they were
    (leaving.py)."""

    mailbox: int
    uids: Ranges
    messages: int
    size: int
    unseen: int
    left: bytes = b""


class MailboxCreated(Struct, frozen=True, array_like=True, tag=4):
    """A mailbox came to be. `acl`: what it has of the one above it."""

    mailbox: int
    name: str
    uidvalidity: int
    role: Role = ""
    acl: Acl = ()


class MailboxRenamed(Struct, frozen=True, array_like=True, tag=5):
    """A mailbox has another name."""

    mailbox: int
    name: str


class MailboxDeleted(Struct, frozen=True, array_like=True, tag=6):
    """A mailbox is gone, with its messages. `left`: which emails they were (leaving.py). `name`: others may have
    been below it; older logs do not say it."""

    mailbox: int
    left: bytes = b""
    name: str = ""


class SubscriptionChanged(Struct, frozen=True, array_like=True, tag=7):
    """A name was put on the list of subscriptions, or taken off."""

    name: str
    on: bool


class KeywordsDefined(Struct, frozen=True, array_like=True, tag=8):
    """These keywords took the next bits of the account's table."""

    names: tuple[str, ...]


class RecentClaimed(Struct, frozen=True, array_like=True, tag=9):
    r"""A session took \Recent of all UIDs below this."""

    mailbox: int
    below: int


class AclChanged(Struct, frozen=True, array_like=True, tag=10):
    """Who may do what with a mailbox, besides its owner, from now on."""

    mailbox: int
    acl: Acl


class RoleChanged(Struct, frozen=True, array_like=True, tag=11):
    """A mailbox has another special use, or none."""

    mailbox: int
    role: Role


class AnnotationsChanged(Struct, frozen=True, array_like=True, tag=12):
    """Annotations (RFC 5464) of a mailbox, or with 0 of the account, have these values, or are gone (None)."""

    mailbox: int
    pairs: tuple[tuple[str, bytes | None], ...]


class ObjectsChanged(Struct, frozen=True, array_like=True, tag=13):
    """Objects of the account, of one kind, were written or removed. Their values are rows of their own (keys.py)."""

    kind: str
    ids: tuple[str, ...]


Event = (
    MessagesAdded
    | FlagsChanged
    | MessagesExpunged
    | MailboxCreated
    | MailboxRenamed
    | MailboxDeleted
    | SubscriptionChanged
    | KeywordsDefined
    | RecentClaimed
    | AclChanged
    | RoleChanged
    | AnnotationsChanged
    | ObjectsChanged
)


class CopyAnswer(Struct, frozen=True, array_like=True, tag=1):
    """COPY and MOVE: these UIDs of the source became the rows that this entry adds."""

    uidvalidity: int
    source: Ranges


class ChangeAnswer(Struct, frozen=True, array_like=True, tag=2):
    """STORE and EXPUNGE: what this entry changes was changed, `failed` was not."""

    failed: Ranges = ()


class DoneAnswer(Struct, frozen=True, array_like=True, tag=3):
    """There is nothing to tell."""


class ClaimAnswer(Struct, frozen=True, array_like=True, tag=4):
    r"""UIDs in [first, below) were given as \Recent."""

    mailbox: int
    first: int
    below: int


class PlaceAnswer(Struct, frozen=True, array_like=True, tag=5):
    """The emails that this entry stored, each with its thread."""

    emails: tuple[tuple[int, int], ...]


class EditAnswer(Struct, frozen=True, array_like=True, tag=6):
    """What was to be changed was, but for these emails."""

    failed: Ranges = ()


Answer = CopyAnswer | ChangeAnswer | DoneAnswer | ClaimAnswer | PlaceAnswer | EditAnswer


class Entry(Struct, frozen=True, array_like=True):
    """One change of an account: everything in it carries the same MODSEQ, which is its key in the log.

    `idem` is the key of the command that made it, empty for none. `answer` is what cannot be told from the events of
    the part of that command's answer that this entry brings; absent where the events tell all, as of an Add.
    """

    version: int
    time_ms: int
    idem: bytes
    events: tuple[Event, ...]
    answer: Answer | None = None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Entry)


def encode(entry: Entry) -> bytes:
    """As stored: what has no answer, as before there were any."""
    if entry.answer is None:
        return _encoder.encode((entry.version, entry.time_ms, entry.idem, entry.events))
    return _encoder.encode(entry)


def decode(stored: bytes) -> Entry:
    """The inverse. Raises Corrupt."""
    try:
        entry = _decoder.decode(stored)
    except UNREADABLE as error:
        raise Corrupt("A mailbox's log is damaged.", log=f"log entry does not decode: {error}") from error
    if entry.version != VERSION:
        raise Corrupt("A mailbox's log is of another version.", log=f"log entry version {entry.version}")
    return entry
