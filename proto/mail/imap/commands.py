"""The commands of a client as values. A command says what was asked, fully decoded; it never knows if that is allowed.

Mailbox names are str, decoded from modified UTF-7, with INBOX in capitals; flags are str with system flags spelled as
in RFC 3501 2.3.2; words such as mechanisms and capabilities are upper-case str. Each class parses itself
from after its name on; `mail.imap.parse` has the table of them. The larger ones live in `listing` and `messages`,
and those of extensions in `access`, `metadata`, `notify` and `sessions`.
"""

import binascii
import re
from dataclasses import dataclass, field
from typing import Self

from mail.imap.access import DeleteAcl, GetAcl, GetQuota, GetQuotaRoot, ListRights, MyRights, SetAcl, SetQuota
from mail.imap.catenate import Append, AppendMessage, Replace
from mail.imap.errors import ImapError
from mail.imap.esearch import CancelUpdate, Esearch
from mail.imap.lexer import Reader
from mail.imap.listing import List, ListReturn, ListSelect, Lsub, Status, StatusItem
from mail.imap.messages import (
    Copy,
    Fetch,
    Move,
    Search,
    Store,
    StoreMode,
    UidExpunge,
)
from mail.imap.metadata import Depth, GetMetadata, SetMetadata
from mail.imap.names import DELIMITER
from mail.imap.notify import EventGroup, Notify, NotifyEvent, NotifyFilter
from mail.imap.selecting import Examine, Qresync, Select, UidBatches
from mail.imap.sessions import Compress, GetJmapAccess, Unauthenticate
from mail.imap.shapes import OfMailbox, Plain
from mail.imap.sorting import Sort, SortCriterion, SortKey, Thread
from mail.imap.urlauth import GenUrlAuth, ResetKey, UrlFetch, UrlParam, UrlRump, WantedUrl

__all__ = [
    "Append",
    "AppendMessage",
    "Authenticate",
    "CancelUpdate",
    "Capability",
    "Check",
    "Close",
    "Command",
    "Compress",
    "Copy",
    "Create",
    "Delete",
    "DeleteAcl",
    "Depth",
    "Enable",
    "Esearch",
    "EventGroup",
    "Examine",
    "Expunge",
    "Fetch",
    "GenUrlAuth",
    "GetAcl",
    "GetJmapAccess",
    "GetMetadata",
    "GetQuota",
    "GetQuotaRoot",
    "Id",
    "Idle",
    "List",
    "ListReturn",
    "ListRights",
    "ListSelect",
    "Login",
    "Logout",
    "Lsub",
    "Move",
    "MyRights",
    "Namespace",
    "Noop",
    "Notify",
    "NotifyEvent",
    "NotifyFilter",
    "Qresync",
    "Rename",
    "Replace",
    "ResetKey",
    "Search",
    "Select",
    "SetAcl",
    "SetMetadata",
    "SetQuota",
    "Sort",
    "SortCriterion",
    "SortKey",
    "StartTls",
    "Status",
    "StatusItem",
    "Store",
    "StoreMode",
    "Subscribe",
    "Thread",
    "UidBatches",
    "UidExpunge",
    "Unauthenticate",
    "Unselect",
    "Unsubscribe",
    "UrlFetch",
    "UrlParam",
    "UrlRump",
    "WantedUrl",
    "sasl_response",
]


@dataclass(frozen=True, slots=True)
class Capability(Plain):
    """RFC 3501 6.1.1."""


@dataclass(frozen=True, slots=True)
class Noop(Plain):
    """RFC 3501 6.1.2."""


@dataclass(frozen=True, slots=True)
class Logout(Plain):
    """RFC 3501 6.1.3. The machine waits; there is nothing more to read."""


@dataclass(frozen=True, slots=True)
class StartTls(Plain):
    """RFC 3501 6.2.1. The machine waits: call `forget()` before TLS begins, then `resume()`."""


@dataclass(frozen=True, slots=True)
class Authenticate:
    """RFC 3501 6.2.2, with the initial response of RFC 4959 decoded (None: none was sent). The machine waits."""

    mechanism: str
    initial: bytes | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """authenticate = "AUTHENTICATE" SP auth-type [SP (base64 / "=")]"""
        reader.sp()
        mechanism = reader.word().decode("ascii")
        if not reader.take(b" "):
            return cls(mechanism)
        sent = reader.text[reader.pos :]
        reader.pos = len(reader.text)
        # RFC 4959 3: "=" is an initial response that is there, but empty.
        return cls(mechanism, b"" if sent == b"=" else _base64(sent))


def sasl_response(line: bytes) -> bytes | None:
    """The answer to a challenge of AUTHENTICATE, decoded; None if the client cancelled (`*`, 6.2.2). ImapError: BAD."""
    return None if line == b"*" else _base64(line)


def _base64(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        raise ImapError("This is not base64 (RFC 4648 4)") from None


@dataclass(frozen=True, slots=True)
class Login:
    """RFC 3501 6.2.3."""

    user: bytes
    password: bytes = field(repr=False)

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        reader.sp()
        user = reader.astring()
        reader.sp()
        return cls(user, reader.astring())


@dataclass(frozen=True, slots=True)
class Create:
    """RFC 3501 6.3.3. A trailing hierarchy delimiter is taken off: it only declares that names below will follow.

    `uses` are the special uses of RFC 6154 3: known ones spelled as there, others as they were sent.
    """

    mailbox: str
    uses: tuple[str, ...] = ()

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """create = "CREATE" SP mailbox [SP "(" "USE" SP "(" [use-attr *(SP use-attr)] ")" ")"]"""
        reader.sp()
        mailbox = reader.mailbox().removesuffix(DELIMITER)
        uses = dict.fromkeys(_parse_uses(reader)) if reader.take(b" ") else ()
        return cls(mailbox, tuple(uses))


# RFC 6154 2, RFC 8457 3
_USES = {use.upper(): use for use in ("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash")}
_USES["\\IMPORTANT"] = "\\Important"
# use-attr-ext = "\" atom
_USE = re.compile(rb"\\[!#$&'+-\[^-z|}~]+")


def _parse_uses(reader: Reader) -> list[str]:
    reader.expect(b"(")
    if reader.word() != b"USE":
        raise ImapError("CREATE takes the parameter USE (RFC 6154 3)")
    reader.sp()
    uses = reader.parenthesized(_parse_use, empty=True)
    reader.expect(b")")
    return uses


def _parse_use(reader: Reader) -> str:
    use = reader.need(_USE, "a special use").decode("ascii")
    return _USES.get(use.upper(), use)


@dataclass(frozen=True, slots=True)
class Delete(OfMailbox):
    """RFC 3501 6.3.4."""


@dataclass(frozen=True, slots=True)
class Rename:
    """RFC 3501 6.3.5."""

    source: str
    target: str

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        reader.sp()
        source = reader.mailbox()
        reader.sp()
        return cls(source, reader.mailbox())


@dataclass(frozen=True, slots=True)
class Subscribe(OfMailbox):
    """RFC 3501 6.3.6."""


@dataclass(frozen=True, slots=True)
class Unsubscribe(OfMailbox):
    """RFC 3501 6.3.7."""


@dataclass(frozen=True, slots=True)
class Check(Plain):
    """RFC 3501 6.4.1."""


@dataclass(frozen=True, slots=True)
class Close(Plain):
    """RFC 3501 6.4.2."""


@dataclass(frozen=True, slots=True)
class Unselect(Plain):
    """RFC 3691."""


@dataclass(frozen=True, slots=True)
class Expunge(Plain):
    """RFC 3501 6.4.3."""


@dataclass(frozen=True, slots=True)
class Idle(Plain):
    """RFC 2177. The machine waits: call `expect_line()`, and `resume()` once DONE has come or IDLE was refused."""


@dataclass(frozen=True, slots=True)
class Namespace(Plain):
    """RFC 2342."""


@dataclass(frozen=True, slots=True)
class Id:
    """RFC 2971. None is NIL; keys are as sent."""

    params: tuple[tuple[bytes, bytes | None], ...] | None = None

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """id = "ID" SP (nil / "(" [string SP nstring *(SP string SP nstring)] ")")"""
        reader.sp()
        if not reader.peek(b"("):
            if reader.word() != b"NIL":
                raise ImapError("ID takes a list or NIL (RFC 2971 3.1)")
            return cls(None)
        return cls(tuple(reader.parenthesized(_id_pair, empty=True)))


def _id_pair(reader: Reader) -> tuple[bytes, bytes | None]:
    key = reader.string()
    reader.sp()
    return key, reader.nstring()


@dataclass(frozen=True, slots=True)
class Enable:
    """RFC 5161."""

    capabilities: tuple[str, ...]

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """enable = "ENABLE" 1*(SP capability)"""
        reader.sp()
        return cls(tuple(word.decode("ascii") for word in reader.spaced(Reader.word)))


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
    | GetAcl
    | SetAcl
    | DeleteAcl
    | ListRights
    | MyRights
    | GetQuota
    | GetQuotaRoot
    | SetQuota
    | GetMetadata
    | SetMetadata
    | Notify
    | Compress
    | Unauthenticate
    | GetJmapAccess
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
    | Sort
    | Thread
    | Esearch
    | CancelUpdate
    | UidBatches
    | Replace
    | GenUrlAuth
    | ResetKey
    | UrlFetch
)
