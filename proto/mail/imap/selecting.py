"""SELECT and EXAMINE with their parameters (RFC 3501 6.3, RFC 7162), and UIDBATCHES (RFC 10022), as values.

The law: a parameter that is not known, or that comes twice, is BAD; whether it may be used now is not known here.
"""

from dataclasses import dataclass, field
from typing import Self

from mail.imap.errors import ImapError
from mail.imap.lexer import Reader
from mail.imap.seqset import SequenceSet


@dataclass(frozen=True, slots=True)
class Qresync:
    """What the client knows of the mailbox (RFC 7162 3.2.5). No set has `*`.

    `sequences` and `uids` belong together: the client believes that these numbers were those messages' (3.2.5.2).
    """

    uid_validity: int
    mod_sequence: int
    known_uids: SequenceSet | None = None
    sequences: SequenceSet | None = None
    uids: SequenceSet | None = None

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """ "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")" """
        reader.expect(b"(")
        uid_validity = reader.nz_number()
        reader.sp()
        mod_sequence = reader.mod_sequence()
        known = sequences = uids = None
        if reader.peek(b" ") and not reader.peek(b" ("):
            reader.sp()
            known = reader.uid_set()
        if reader.take(b" ("):
            # seq-match-data = "(" known-sequence-set SP known-uid-set ")"
            sequences = reader.uid_set()
            reader.sp()
            uids = reader.uid_set()
            reader.expect(b")")
        reader.expect(b")")
        return cls(uid_validity, mod_sequence, known, sequences, uids)


@dataclass(frozen=True, slots=True)
class _Opening:
    """A command that opens a mailbox."""

    mailbox: str
    condstore: bool = field(default=False, kw_only=True)
    qresync: Qresync | None = field(default=None, kw_only=True)

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """SP mailbox [SP "(" select-param *(SP select-param) ")"]"""
        reader.sp()
        mailbox = reader.mailbox()
        if not reader.peek(b" ("):
            return cls(mailbox)
        reader.sp()
        params = reader.parenthesized(_param)
        names = [name for name, _ in params]
        if len(set(names)) < len(names):
            raise ImapError("A parameter of SELECT comes twice")
        return cls(mailbox, condstore=b"CONDSTORE" in names, qresync=dict(params).get(b"QRESYNC"))


@dataclass(frozen=True, slots=True)
class Select(_Opening):
    """RFC 3501 6.3.1."""


@dataclass(frozen=True, slots=True)
class Examine(_Opening):
    """RFC 3501 6.3.2."""


def _param(reader: Reader) -> tuple[bytes, Qresync | None]:
    """select-param"""
    match reader.word():
        case b"CONDSTORE" as name:
            return name, None
        case b"QRESYNC" as name:
            reader.sp()
            return name, Qresync.parse(reader)
    raise ImapError("Unknown parameter of SELECT")


@dataclass(frozen=True, slots=True)
class UidBatches:
    """RFC 10022: UID ranges of `size` messages each, the newest first. `batches`: only those, counted from 1."""

    size: int
    batches: tuple[int, int] | None = None

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """message-batches = "UIDBATCHES" SP nz-number [SP nz-number ":" nz-number]"""
        reader.sp()
        size = reader.nz_number()
        if not reader.take(b" "):
            return cls(size)
        first = reader.nz_number()
        reader.expect(b":")
        last = reader.nz_number()
        return cls(size, (min(first, last), max(first, last)))
