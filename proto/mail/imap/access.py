"""Who may do what with a mailbox, and how much may be kept: ACL (RFC 4314) and QUOTA (RFC 9208).

The law: rights that leave here are known ones, in lower case, each once; an identifier is never empty. What a right
allows, and which rights hang together, is not known here.
"""

import re
from dataclasses import dataclass
from typing import Self

from mail.imap.errors import ImapError
from mail.imap.lexer import Reader
from mail.imap.shapes import OfMailbox
from mail.sasl.saslprep import NotPrintable, saslprep

RIGHTS = "lrswipkxtea"
"""RFC 4314 2.1, in its order."""
OBSOLETE_RIGHTS = "cd"
"""RFC 4314 2.1.1: each stands for several of RIGHTS."""
NUMBER63_MAX = (1 << 63) - 1

_KNOWN_RIGHTS = frozenset(RIGHTS + OBSOLETE_RIGHTS + "0123456789")
# number64 = 1*DIGIT ; unsigned, 63 bits (RFC 9051 9)
_NUMBER64 = re.compile(rb"[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class GetAcl(OfMailbox):
    """RFC 4314 3.3."""


@dataclass(frozen=True, slots=True)
class MyRights(OfMailbox):
    """RFC 4314 3.5."""


@dataclass(frozen=True, slots=True)
class SetAcl:
    """RFC 4314 3.1. `mode` is `+` to add the rights, `-` to take them away, and empty to replace what there was.

    An identifier that begins with `-` is about what its bearer must not do (RFC 4314 2); the dash stays.
    """

    mailbox: str
    identifier: str
    mode: str
    rights: str

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """setacl = "SETACL" SP mailbox SP identifier SP mod-rights"""
        mailbox, identifier = _mailbox_and_identifier(reader)
        reader.sp()
        text = reader.astring().decode("latin-1")
        mode = text[:1] if text[:1] in ("+", "-") else ""
        return cls(mailbox, _prepared(identifier, stored=True), mode, _rights(text.removeprefix(mode)))


@dataclass(frozen=True, slots=True)
class DeleteAcl:
    """RFC 4314 3.2."""

    mailbox: str
    identifier: str

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """deleteacl = "DELETEACL" SP mailbox SP identifier"""
        mailbox, identifier = _mailbox_and_identifier(reader)
        return cls(mailbox, _prepared(identifier))


@dataclass(frozen=True, slots=True)
class ListRights:
    """RFC 4314 3.4. The identifier is as it was sent, since the answer must name it so; it can be prepared."""

    mailbox: str
    identifier: str

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """listrights = "LISTRIGHTS" SP mailbox SP identifier"""
        mailbox, identifier = _mailbox_and_identifier(reader)
        _prepared(identifier)
        return cls(mailbox, identifier)


@dataclass(frozen=True, slots=True)
class GetQuota:
    """RFC 9208 4.1.1."""

    root: str

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """getquota = "GETQUOTA" SP quota-root-name"""
        reader.sp()
        return cls(_utf8(reader, "quota root"))


@dataclass(frozen=True, slots=True)
class GetQuotaRoot(OfMailbox):
    """RFC 9208 4.1.2. The mailbox need not exist."""


@dataclass(frozen=True, slots=True)
class SetQuota:
    """RFC 9208 4.1.3. Resources in capitals, each once, the last limit said of it."""

    root: str
    limits: tuple[tuple[str, int], ...]

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """setquota = "SETQUOTA" SP quota-root-name SP "(" [setquota-resource *(SP setquota-resource)] ")" """
        reader.sp()
        root = _utf8(reader, "quota root")
        reader.sp()
        limits = dict(reader.parenthesized(_resource_limit, empty=True))
        return cls(root, tuple(limits.items()))


def _resource_limit(reader: Reader) -> tuple[str, int]:
    """setquota-resource = resource-name SP number64"""
    name = reader.word().decode("ascii")
    reader.sp()
    limit = int(reader.need(_NUMBER64, "a number"))
    if limit > NUMBER63_MAX:
        raise ImapError("A limit has 63 bits (RFC 9208 7, number64)")
    return name, limit


def _mailbox_and_identifier(reader: Reader) -> tuple[str, str]:
    reader.sp()
    mailbox = reader.mailbox()
    reader.sp()
    return mailbox, _utf8(reader, "identifier")


def _utf8(reader: Reader, what: str) -> str:
    wire = reader.astring()
    if len(wire) > reader.limits.name_max_bytes:
        raise ImapError(f"The {what} is too long", code=b"LIMIT")
    try:
        return wire.decode()
    except UnicodeDecodeError:
        raise ImapError(f"The {what} is not UTF-8") from None


def _prepared(identifier: str, *, stored: bool = False) -> str:
    """RFC 4314 3: prepared with SASLprep; BAD if that fails, or if nothing is left."""
    try:
        prepared = saslprep(identifier, stored=stored)
    except NotPrintable:
        raise ImapError("The identifier has characters that none may have (RFC 4314 3)") from None
    if not prepared:
        raise ImapError("The identifier is empty (RFC 4314 3)")
    return prepared


def _rights(text: str) -> str:
    if any("A" <= right <= "Z" for right in text):
        raise ImapError("Rights are lower-case letters (RFC 4314 3.1)")
    if not _KNOWN_RIGHTS.issuperset(text):
        raise ImapError(f"Unknown right; known are {RIGHTS}{OBSOLETE_RIGHTS} and digits (RFC 4314 2.1)")
    return "".join(dict.fromkeys(text))
