"""The commands of a client as values. A command says what was asked, fully decoded; it never knows if that is allowed.

Mailbox names are str, decoded from modified UTF-7, with INBOX in capitals; flags are str with system flags spelled as
in RFC 3501 2.3.2; words such as mechanisms and capabilities are upper-case str. Each class parses itself
from after its name on; `mail.imap.parse` has the table of them. The larger ones live in `listing` and `messages`.
"""

import binascii
from dataclasses import dataclass, field
from typing import Self

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
from mail.imap.names import DELIMITER
from mail.imap.selecting import Examine, Qresync, Select, UidBatches
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
    "Copy",
    "Create",
    "Delete",
    "Enable",
    "Esearch",
    "Examine",
    "Expunge",
    "Fetch",
    "GenUrlAuth",
    "Id",
    "Idle",
    "List",
    "ListReturn",
    "ListSelect",
    "Login",
    "Logout",
    "Lsub",
    "Move",
    "Namespace",
    "Noop",
    "Qresync",
    "Rename",
    "Replace",
    "ResetKey",
    "Search",
    "Select",
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
    "Unselect",
    "Unsubscribe",
    "UrlFetch",
    "UrlParam",
    "UrlRump",
    "WantedUrl",
    "sasl_response",
]


@dataclass(frozen=True, slots=True)
class _Plain:
    """A command without arguments."""

    @classmethod
    def parse(cls, _reader: Reader) -> Self:
        return cls()


@dataclass(frozen=True, slots=True)
class _OfMailbox:
    """A command whose argument is a mailbox."""

    mailbox: str

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        reader.sp()
        return cls(reader.mailbox())


@dataclass(frozen=True, slots=True)
class Capability(_Plain):
    """RFC 3501 6.1.1."""


@dataclass(frozen=True, slots=True)
class Noop(_Plain):
    """RFC 3501 6.1.2."""


@dataclass(frozen=True, slots=True)
class Logout(_Plain):
    """RFC 3501 6.1.3. The machine waits; there is nothing more to read."""


@dataclass(frozen=True, slots=True)
class StartTls(_Plain):
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
class Create(_OfMailbox):
    """RFC 3501 6.3.3. A trailing hierarchy delimiter is taken off: it only declares that names below will follow."""

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        reader.sp()
        return cls(reader.mailbox().removesuffix(DELIMITER))


@dataclass(frozen=True, slots=True)
class Delete(_OfMailbox):
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
class Subscribe(_OfMailbox):
    """RFC 3501 6.3.6."""


@dataclass(frozen=True, slots=True)
class Unsubscribe(_OfMailbox):
    """RFC 3501 6.3.7."""


@dataclass(frozen=True, slots=True)
class Check(_Plain):
    """RFC 3501 6.4.1."""


@dataclass(frozen=True, slots=True)
class Close(_Plain):
    """RFC 3501 6.4.2."""


@dataclass(frozen=True, slots=True)
class Unselect(_Plain):
    """RFC 3691."""


@dataclass(frozen=True, slots=True)
class Expunge(_Plain):
    """RFC 3501 6.4.3."""


@dataclass(frozen=True, slots=True)
class Idle(_Plain):
    """RFC 2177. The machine waits: call `expect_line()`, and `resume()` once DONE has come or IDLE was refused."""


@dataclass(frozen=True, slots=True)
class Namespace(_Plain):
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
