"""The commands of a client as values. A command says what was asked, fully decoded; it never knows if that is allowed.

Mailbox names are str, decoded from modified UTF-7, with INBOX in capitals; flags are str with system flags spelled as
in RFC 3501 2.3.2; words such as mechanisms and capabilities are upper-case str.
"""

from dataclasses import dataclass, field
from enum import Enum

from mail.imap.dates import InternalDate
from mail.imap.fetch import FetchItem
from mail.imap.search import SearchKey
from mail.imap.seqset import SequenceSet


@dataclass(frozen=True, slots=True)
class Capability:
    """RFC 3501 6.1.1."""


@dataclass(frozen=True, slots=True)
class Noop:
    """RFC 3501 6.1.2."""


@dataclass(frozen=True, slots=True)
class Logout:
    """RFC 3501 6.1.3."""


@dataclass(frozen=True, slots=True)
class StartTls:
    """RFC 3501 6.2.1. The machine waits: call `forget()` once TLS is up, then `resume()`."""


@dataclass(frozen=True, slots=True)
class Authenticate:
    """RFC 3501 6.2.2, with the initial response of RFC 4959 decoded (None: none was sent). The machine waits."""

    mechanism: str
    initial: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Login:
    """RFC 3501 6.2.3."""

    user: bytes
    password: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Select:
    """RFC 3501 6.3.1."""

    mailbox: str


@dataclass(frozen=True, slots=True)
class Examine:
    """RFC 3501 6.3.2."""

    mailbox: str


@dataclass(frozen=True, slots=True)
class Create:
    """RFC 3501 6.3.3. A trailing hierarchy delimiter is taken off: it only declares that names below will follow."""

    mailbox: str


@dataclass(frozen=True, slots=True)
class Delete:
    """RFC 3501 6.3.4."""

    mailbox: str


@dataclass(frozen=True, slots=True)
class Rename:
    """RFC 3501 6.3.5."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Subscribe:
    """RFC 3501 6.3.6."""

    mailbox: str


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """RFC 3501 6.3.7."""

    mailbox: str


class ListSelect(Enum):
    """Which mailboxes LIST considers (RFC 5258 3.1, RFC 6154 5)."""

    SUBSCRIBED = b"SUBSCRIBED"
    REMOTE = b"REMOTE"
    RECURSIVEMATCH = b"RECURSIVEMATCH"
    SPECIAL_USE = b"SPECIAL-USE"


class ListReturn(Enum):
    """What LIST says of each (RFC 5258 3.2, RFC 6154 5)."""

    SUBSCRIBED = b"SUBSCRIBED"
    CHILDREN = b"CHILDREN"
    SPECIAL_USE = b"SPECIAL-USE"


@dataclass(frozen=True, slots=True)
class List:
    """RFC 3501 6.3.8 and RFC 5258. `extended` tells the RFC 5258 syntax, where an empty pattern is no special case."""

    reference: str
    patterns: tuple[str, ...]
    selection: frozenset[ListSelect] = frozenset()
    returns: frozenset[ListReturn] = frozenset()
    extended: bool = False


@dataclass(frozen=True, slots=True)
class Lsub:
    """RFC 3501 6.3.9."""

    reference: str
    pattern: str


class StatusItem(Enum):
    """RFC 3501 6.3.10."""

    MESSAGES = b"MESSAGES"
    RECENT = b"RECENT"
    UIDNEXT = b"UIDNEXT"
    UIDVALIDITY = b"UIDVALIDITY"
    UNSEEN = b"UNSEEN"


@dataclass(frozen=True, slots=True)
class Status:
    """RFC 3501 6.3.10. Items in the order asked, each once."""

    mailbox: str
    items: tuple[StatusItem, ...]


@dataclass(frozen=True, slots=True)
class AppendMessage:
    """One message of APPEND: the octets as sent, flags, and the internal date (None: now)."""

    data: bytes = field(repr=False)
    flags: tuple[str, ...] = ()
    internal_date: InternalDate | None = None


@dataclass(frozen=True, slots=True)
class Append:
    """RFC 3501 6.3.11. One message today; a tuple, because RFC 3502 has several."""

    mailbox: str
    messages: tuple[AppendMessage, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """RFC 3501 6.4.1."""


@dataclass(frozen=True, slots=True)
class Close:
    """RFC 3501 6.4.2."""


@dataclass(frozen=True, slots=True)
class Unselect:
    """RFC 3691."""


@dataclass(frozen=True, slots=True)
class Expunge:
    """RFC 3501 6.4.3."""


@dataclass(frozen=True, slots=True)
class UidExpunge:
    """RFC 4315 2.1."""

    messages: SequenceSet


@dataclass(frozen=True, slots=True)
class Search:
    """RFC 3501 6.4.4. `charset` is what the client named (None: nothing); the strings in `key` are decoded from it."""

    key: SearchKey
    charset: str | None = None
    uid: bool = False


@dataclass(frozen=True, slots=True)
class Fetch:
    """RFC 3501 6.4.5. Macros are expanded, each item comes once. With `uid`, answers have UID though it is not here."""

    messages: SequenceSet
    items: tuple[FetchItem, ...]
    uid: bool = False


class StoreMode(Enum):
    """RFC 3501 6.4.6: FLAGS, +FLAGS, -FLAGS."""

    REPLACE = b"FLAGS"
    ADD = b"+FLAGS"
    REMOVE = b"-FLAGS"


@dataclass(frozen=True, slots=True)
class Store:
    """RFC 3501 6.4.6."""

    messages: SequenceSet
    mode: StoreMode
    flags: tuple[str, ...]
    silent: bool = False
    uid: bool = False


@dataclass(frozen=True, slots=True)
class Copy:
    """RFC 3501 6.4.7."""

    messages: SequenceSet
    mailbox: str
    uid: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """RFC 6851."""

    messages: SequenceSet
    mailbox: str
    uid: bool = False


@dataclass(frozen=True, slots=True)
class Idle:
    """RFC 2177. The machine waits: call `expect_line()`, and `resume()` once DONE has come or IDLE was refused."""


@dataclass(frozen=True, slots=True)
class Namespace:
    """RFC 2342."""


@dataclass(frozen=True, slots=True)
class Id:
    """RFC 2971. None is NIL; keys are as sent."""

    params: tuple[tuple[bytes, bytes | None], ...] | None = None


@dataclass(frozen=True, slots=True)
class Enable:
    """RFC 5161."""

    capabilities: tuple[str, ...]


Command = (
    Capability
    | Noop
    | Logout
    | StartTls
    | Authenticate
    | Login
    | Select
    | Examine
    | Create
    | Delete
    | Rename
    | Subscribe
    | Unsubscribe
    | List
    | Lsub
    | Status
    | Append
    | Check
    | Close
    | Unselect
    | Expunge
    | UidExpunge
    | Search
    | Fetch
    | Store
    | Copy
    | Move
    | Idle
    | Namespace
    | Id
    | Enable
)
