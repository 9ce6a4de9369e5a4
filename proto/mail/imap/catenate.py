"""The parts a message can be made of, and the parts of APPEND and REPLACE that bring a message.

RFC 3501 6.3.11, RFC 3502 (several messages), RFC 3516 (binary), RFC 4469 (CATENATE), RFC 6855 4 (UTF8), RFC 8508.
The law: what one command brings is bounded together, by `limits.append_parts_max` in number; flags count too.
"""

from dataclasses import dataclass, field
from typing import Final, Self

from mail.imap.dates import InternalDate
from mail.imap.errors import ImapError
from mail.imap.lexer import Reader
from mail.imap.seqset import SequenceSet

_FLAGS_A_PART: Final = 10  # more flags weigh as more messages do: few have so many


@dataclass(frozen=True, slots=True)
class TextPart:
    """TEXT: octets as sent. `utf8`: the client says that headers in it are UTF-8 (RFC 6855 4)."""

    data: bytes = field(repr=False)
    utf8: bool = False


@dataclass(frozen=True, slots=True)
class UrlPart:
    """URL: a message or a part of one, as the client wrote it; `mail.imap.url` reads it."""

    url: bytes


CatenatePart = TextPart | UrlPart


@dataclass(frozen=True, slots=True)
class AppendMessage:
    """One message: the octets as sent, or the `parts` it is made of; flags, and the internal date (None: now).

    No octets at all is the client's way to cancel the command: NO (RFC 3502 6.3.11).
    """

    data: bytes = field(repr=False)
    flags: tuple[str, ...] = ()
    internal_date: InternalDate | None = None
    parts: tuple[CatenatePart, ...] = field(default=(), kw_only=True)
    utf8: bool = field(default=False, kw_only=True)
    """Whether the client says that headers are UTF-8 (RFC 6855 4)."""

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """append-message = [SP flag-list] [SP date-time] SP append-data"""
        flags: tuple[str, ...] = ()
        internal_date = None
        reader.sp()
        if reader.peek(b"("):
            flags = reader.flag_list()
            reader.sp()
        if reader.peek(b'"'):
            internal_date = reader.date_time()
            reader.sp()
        if reader.peek(b"{") or reader.peek(b"~"):
            return cls(reader.data(), flags, internal_date)
        match reader.word():
            case b"CATENATE":
                return cls(b"", flags, internal_date, parts=_parse_parts(reader))
            case b"UTF8":
                return cls(_parse_utf8(reader), flags, internal_date, utf8=True)
        raise ImapError("Expected a literal, CATENATE or UTF8")


@dataclass(frozen=True, slots=True)
class Append:
    """RFC 3501 6.3.11 and RFC 3502. All of the messages are stored, or none."""

    mailbox: str
    messages: tuple[AppendMessage, ...]

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """append = "APPEND" SP mailbox 1*append-message. Between messages two spaces will do: IMAPClient sends them."""
        reader.sp()
        mailbox = reader.mailbox()
        messages = [AppendMessage.parse(reader)]
        parts = _weight(messages[0], reader)
        while reader.peek(b" "):
            if reader.peek(b"  "):
                reader.sp()
            messages.append(AppendMessage.parse(reader))
            parts += _weight(messages[-1], reader, before=parts)
        return cls(mailbox, tuple(messages))


@dataclass(frozen=True, slots=True)
class Replace:
    """RFC 8508. `messages` is the one that goes, as a set of one number."""

    messages: SequenceSet
    mailbox: str
    message: AppendMessage
    uid: bool = False

    @classmethod
    def parse(cls, reader: Reader, *, uid: bool = False) -> Self:
        """replace = "REPLACE" SP seq-number SP mailbox append-message"""
        reader.sp()
        messages = reader.sequence_set()
        if messages.saved or len(messages.ranges) > 1 or len(set(messages.ranges[0])) > 1:
            raise ImapError("REPLACE takes one message (RFC 8508 5)")
        reader.sp()
        mailbox = reader.mailbox()
        message = AppendMessage.parse(reader)
        _weight(message, reader)
        return cls(messages, mailbox, message, uid)


def _weight(message: AppendMessage, reader: Reader, *, before: int = 0) -> int:
    """How much of `append_parts_max` a message is. ImapError: NO [LIMIT]."""
    weight = max(len(message.parts), 1 + len(message.flags) // _FLAGS_A_PART)
    if before + weight > reader.limits.append_parts_max:
        raise ImapError("Too many messages, parts, or flags for one command", status=b"NO", code=b"LIMIT")
    return weight


def _parse_parts(reader: Reader) -> tuple[CatenatePart, ...]:
    """SP "(" cat-part *(SP cat-part) ")" """
    reader.sp()
    return tuple(reader.parenthesized(_parse_part))


def _parse_part(reader: Reader) -> CatenatePart:
    """cat-part = text-literal / url / utf8-literal"""
    match reader.word():
        case b"TEXT":
            reader.sp()
            return TextPart(reader.data())
        case b"URL":
            reader.sp()
            return UrlPart(reader.astring())
        case b"UTF8":
            return TextPart(_parse_utf8(reader), utf8=True)
    raise ImapError("Expected TEXT, URL or UTF8 (RFC 4469 5)")


def _parse_utf8(reader: Reader) -> bytes:
    """utf8-literal = "UTF8" SP "(" literal8 ")" (RFC 6855 4)"""
    reader.expect(b" (")
    data = reader.literal8()
    reader.expect(b")")
    return data
