"""What others may say to a mailbox shard, and what they hear: plain values that can cross a wire.

The law: everything here is immutable and encodable by msgspec, so that the same commands travel by direct call
in one process and by stream between processes.
"""

from typing import Final, Literal, NamedTuple

from msgspec import Struct

AccountId = int  # 63 bits, random, never 0

# System flags are the low bits of a flags word; keyword i of the account's table is bit KEYWORD_SHIFT + i.
SEEN: Final = 1
ANSWERED: Final = 2
FLAGGED: Final = 4
DELETED: Final = 8
DRAFT: Final = 16
KEYWORD_SHIFT: Final = 5
KEYWORDS_MAX: Final = 58  # what is left of 63 bits: a flags word stays a plain signed 64-bit integer
KEYWORD_BYTES_MAX: Final = 255  # what a keyword of JMAP may have (RFC 8621 4.1.1)
SYSTEM_FLAGS: Final = ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft")
_SYSTEM_BITS: Final = {name.lower(): 1 << bit for bit, name in enumerate(SYSTEM_FLAGS)}

INBOX: Final = "INBOX"
SEPARATOR: Final = "/"
NAME_BYTES_MAX: Final = 400  # a mailbox's whole path in UTF-8; leaves room in a 511-byte key
DEPTH_MAX: Final = 20  # levels of a mailbox's path
MAILBOXES_MAX: Final = 5000  # an account's mailboxes; its head record stays below VALUE_BYTES_MAX in chunks

# Who may do what (RFC 4314): identifiers, each with its rights. An identifier is `anyone`, `user:` with the account's
# number in hex, or `group:` with the group's address; behind a `-` it takes rights away.
Acl = tuple[tuple[str, str], ...]

COPY_MAX: Final = 100_000  # rows of one COPY or MOVE: its entries and counters fit in one transaction
ANNOTATION_BYTES_MAX: Final = 60_000  # of the values one command sets: they are in one log entry
ANNOTATIONS_BYTES_MAX: Final = 256 * 1024  # of an account's, with their names: they are in memory while it is in use
ANNOTATIONS_MAX: Final = 2000  # of an account
ANNOTATIONS_OF_OTHERS_MAX: Final = 200  # of an account, that one other user has for himself
ANNOTATIONS_OF_OTHERS_BYTES_MAX: Final = 16 * 1024  # so that those an account is shared with cannot use it up
ADD_BYTES_MAX: Final = 6_000_000  # weight of one Add: it fits one transaction, with room for what else is in that
EDITS_MAX: Final = 1000  # emails of one Edit: with all they may write they fit one transaction
OBJECTS_PUT_MAX: Final = 500  # of one command
OBJECT_BYTES_MAX: Final = 60_000  # of an object's value
OBJECT_ID_BYTES_MAX: Final = 255  # RFC 8620 1.2
KIND_BYTES_MAX: Final = 40
ACL_MAX: Final = 500  # identifiers of one mailbox
ACL_BYTES_MAX: Final = 30_000  # of one mailbox's, which is in one log entry
ACLS_BYTES_MAX: Final = 500_000  # of an account's, which are in its head record: those of 5000 mailboxes with two each

_KEYS_BYTES: Final = 220  # of a message in a transaction besides what it says: three keys and a row
_THREAD_BYTES: Final = 80  # and of each message id that finds its thread

Role = Literal["", "inbox", "drafts", "sent", "junk", "trash", "archive", "all", "flagged", "important"]
Ranges = tuple[tuple[int, int], ...]  # ascending, disjoint, inclusive UID ranges

# How IMAP writes the roles (RFC 6154 2, RFC 8457 4). INBOX is known by its name.
USES: Final[dict[Role, str]] = {
    "drafts": "\\Drafts",
    "sent": "\\Sent",
    "junk": "\\Junk",
    "trash": "\\Trash",
    "archive": "\\Archive",
    "all": "\\All",
    "flagged": "\\Flagged",
    "important": "\\Important",
}
# Those that a client may give a mailbox; the others are of mailboxes that show messages of others.
USES_TO_GIVE: Final[frozenset[Role]] = frozenset({"drafts", "sent", "junk", "trash", "archive"})


def system_bit(flag: str) -> int:
    r"""The bit of a system flag such as ``\Seen`` (any case), 0 for anything else."""
    return _SYSTEM_BITS.get(flag.lower(), 0)


class Quota(NamedTuple):
    """What an account may hold; 0 is no limit."""

    bytes_max: int = 0
    messages_max: int = 0


class Who(Struct, frozen=True):
    """Somebody other than the owner, who has what the mailboxes' ACLs give him.

    `names`: all identifiers that are his: his own, `anyone`, his groups.
    """

    account: AccountId
    names: frozenset[str]


class Prepared(Struct, frozen=True):
    """A message read and packed at intake, ready to be added to any number of mailboxes.

    `threads`: hashes of its message id and of those it refers to (mail.message.thread), by which its thread is found.
    `record` is mail.message's encoded Record; `packed` the stored form of the bytes (cluster/blobs/codec.py), or
    None when they were too large for the transaction and are already durable in Blobs since `stored_ms`.
    """

    digest: bytes
    size: int
    record: bytes
    packed: bytes | None
    stored_ms: int = 0
    threads: tuple[bytes, ...] = ()

    @property
    def weight(self) -> int:
        """About how many bytes of a transaction it is, and of memory while it waits for one."""
        return len(self.packed or b"") + len(self.record) + _KEYS_BYTES + _THREAD_BYTES * len(self.threads)


class Item(Struct, frozen=True):
    """One message to add. `date_ms` is the INTERNALDATE in milliseconds since 1970."""

    message: Prepared
    date_ms: int
    flags: int = 0  # system bits
    keywords: tuple[str, ...] = ()


class _Said(Struct, frozen=True, kw_only=True):
    """What every command has. `who` says it; None: the owner, or the server itself, who may do everything."""

    who: Who | None = None


class Add(_Said, frozen=True, tag=1):
    """Add messages: delivery (`deliver`: a missing mailbox falls back to INBOX) and APPEND alike.

    `idem`: a key of up to 32 bytes that makes a retry of the same command harmless; empty for none.
    `replaces`: a message that goes in the same moment (RFC 8508): its mailbox and UID.
    """

    mailbox: str
    items: tuple[Item, ...]
    idem: bytes = b""
    deliver: bool = False
    replaces: tuple[int, int] | None = None

    @property
    def weight(self) -> int:
        """Of all its messages."""
        return sum(item.message.weight for item in self.items)


class SetFlags(_Said, frozen=True, tag=2):
    """STORE: change the flags of those of the UIDs that exist. `unchanged_since`: RFC 7162's, or None."""

    mailbox: int
    uids: Ranges
    mode: Literal["add", "remove", "replace"]
    flags: int = 0
    keywords: tuple[str, ...] = ()
    unchanged_since: int | None = None


class Expunge(_Said, frozen=True, tag=3):
    r"""Remove messages that have \Deleted; of these UIDs only, if given."""

    mailbox: int
    uids: Ranges | None = None


class Copy(_Said, frozen=True, tag=4):
    """COPY or MOVE those of the UIDs that exist to another mailbox; all or nothing."""

    mailbox: int
    uids: Ranges
    target: str
    move: bool = False


class Create(_Said, frozen=True, tag=5):
    """Make a mailbox (and, by name, nothing of its parents: they are listed as not selectable)."""

    name: str
    role: Role = ""


class Delete(_Said, frozen=True, tag=6):
    """Remove a mailbox and its messages."""

    name: str


class Rename(_Said, frozen=True, tag=7):
    """Rename a mailbox with all below it; of INBOX, move its messages (RFC 3501 6.3.5)."""

    name: str
    to: str


class Subscribe(_Said, frozen=True, tag=8):
    """Put a name on the list of subscriptions, or take it off. The name need not exist."""

    name: str
    on: bool = True


class ReadTree(_Said, frozen=True, tag=9):
    """Ask for the tree: of another's, what is there for who asks (right `l`)."""


class Open(_Said, frozen=True, tag=10):
    r"""Ask for a mailbox to be selected. `claim` takes its \Recent messages for this session.

    With `mailbox` it is that one, whatever its name is by now.
    """

    name: str
    claim: bool = False
    mailbox: int = 0


class SetAcl(_Said, frozen=True, tag=11):
    """Give an identifier exactly these rights, or these too, or take them away (RFC 4314 3.1)."""

    name: str
    identifier: str
    rights: str
    mode: Literal["replace", "add", "remove"] = "replace"


class SetRole(_Said, frozen=True, tag=12):
    """Give a mailbox a special use (RFC 6154), or none."""

    name: str
    role: Role


class Annotate(_Said, frozen=True, tag=13):
    """Set annotations of a mailbox, or with an empty name of the account; None removes one. Entries in lower case.

    `/private/...` is of who asks. `/private/specialuse` of a mailbox is its special use (RFC 6154 4).
    """

    name: str
    pairs: tuple[tuple[str, bytes | None], ...]


class ReadAnnotations(_Said, frozen=True, tag=14):
    """Ask for all annotations of these mailboxes that are for who asks; an empty name is the account."""

    names: tuple[str, ...]


class Tally(_Said, frozen=True, tag=15):
    r"""Ask how much of a mailbox is \Deleted."""

    name: str


class Look(_Said, frozen=True, tag=16):
    """Ask for one mailbox: for whoever has any right that lets him know of it."""

    name: str


class Place(_Said, frozen=True, tag=17):
    """Store new messages, each in all of these mailboxes. All or none (JMAP: RFC 8621 4.6, 4.8)."""

    mailboxes: tuple[int, ...]
    items: tuple[Item, ...]

    @property
    def weight(self) -> int:
        """Of all its messages."""
        return sum(item.message.weight for item in self.items)


class EmailEdit(Struct, frozen=True):
    r"""What is to become of one email, wherever it is: its flags (never \Deleted, which JMAP has not), then its
    mailboxes.

    `replace`: it has no other flags than those set. `only`: it is in exactly these mailboxes from now on, () nowhere.
    Else it comes `into` some and goes `out` of some.
    """

    email: int
    set: int = 0  # system bits
    clear: int = 0
    add: tuple[str, ...] = ()  # keywords
    remove: tuple[str, ...] = ()
    replace: bool = False
    only: tuple[int, ...] | None = None
    into: tuple[int, ...] = ()
    out: tuple[int, ...] = ()


class Edit(_Said, frozen=True, tag=18):
    """Change emails, each wholly or not at all. `since`: only if no email of the account changed after that MODSEQ."""

    edits: tuple[EmailEdit, ...]
    since: int | None = None


class PutObjects(_Said, frozen=True, tag=19):
    """Write objects (kind, id, value), or remove them (None). `since`: of each kind here, only if none of it changed
    after that MODSEQ."""

    changes: tuple[tuple[str, str, bytes | None], ...]
    since: int | None = None


class Exchange(_Said, frozen=True, tag=20):
    """Mailboxes that hand their names on in a circle, each with all below it that has no place of its own in it: each
    gets the name of the next, the last that of the first. Names that are subscribed go with them."""

    circle: tuple[str, ...]


IDEM_BYTES_MAX: Final = 32  # of the key that makes a command safe to be asked twice

Command = (
    Add
    | SetFlags
    | Expunge
    | Copy
    | Create
    | Delete
    | Rename
    | Subscribe
    | ReadTree
    | Open
    | SetAcl
    | SetRole
    | Annotate
    | ReadAnnotations
    | Tally
    | Look
    | Place
    | Edit
    | PutObjects
    | Exchange
)
READS: Final = (ReadTree, ReadAnnotations, Tally, Look)  # change nothing, ever


class MailboxInfo(Struct, frozen=True):
    """A mailbox as LIST and STATUS show it."""

    id: int
    name: str
    role: Role
    uidvalidity: int
    uidnext: int
    messages: int
    unseen: int
    recent: int
    size: int
    modseq: int
    acl: Acl = ()


class Tree(Struct, frozen=True):
    """An account's mailboxes (ordered by name), its subscriptions, keyword table and use. `stamps`: the MODSEQ of the
    last change of each kind of thing (stamps.py), `stamped` that of the others."""

    mailboxes: tuple[MailboxInfo, ...]
    subscriptions: frozenset[str]
    keywords: tuple[str, ...]
    used_bytes: int
    used_messages: int
    modseq: int
    stamps: tuple[tuple[str, int], ...] = ()
    stamped: int = 0

    def find(self, name: str) -> MailboxInfo | None:
        """The mailbox of that name; INBOX in any case."""
        wanted = INBOX if name.upper() == INBOX else name
        return next((box for box in self.mailboxes if box.name == wanted), None)


class Added(Struct, frozen=True):
    """The answer to Add, and to Copy: which UIDs became which. `source` is empty for Add."""

    mailbox: int
    uidvalidity: int
    uids: Ranges
    modseq: int
    source: Ranges = ()


class Changed(Struct, frozen=True):
    """The answer to SetFlags and Expunge. `failed`: UIDs that `unchanged_since` kept from being changed."""

    modseq: int
    uids: Ranges
    failed: Ranges = ()


class Done(Struct, frozen=True):
    """The answer to a command that has nothing to tell but its MODSEQ; and the number of a mailbox that it made."""

    modseq: int
    mailbox: int = 0


class Opened(Struct, frozen=True):
    r"""The answer to Open. UIDs in [recent_from, recent_below) are \Recent for who asked."""

    info: MailboxInfo
    keywords: tuple[str, ...]
    recent_from: int
    recent_below: int


class Annotations(Struct, frozen=True):
    """The answer to ReadAnnotations: of each mailbox that was asked for and is there, its annotations."""

    of: tuple[tuple[str, tuple[tuple[str, bytes], ...]], ...]


class Tallied(Struct, frozen=True):
    r"""The answer to Tally: messages with \Deleted, and their sizes together."""

    messages: int
    bytes: int


class Looked(Struct, frozen=True):
    """The answer to Look: the mailbox, and the use of its whole account."""

    info: MailboxInfo
    used_bytes: int
    used_messages: int


class Placed(Struct, frozen=True):
    """The answer to Place: the emails that were made, each with its thread."""

    modseq: int
    emails: tuple[tuple[int, int], ...]


Fault = Literal["missing", "unplaced", "forbidden", "quota", "keywords"]


class Edited(Struct, frozen=True):
    """The answer to Edit: emails that were not changed, and why. `missing`: there is no such email. `unplaced`: one of
    the mailboxes is not there, or it would be in none. `keywords`: there are too many."""

    modseq: int
    failed: tuple[tuple[int, Fault], ...] = ()


Reply = Placed | Edited | Added | Changed | Done | Tree | Opened | Annotations | Tallied | Looked
