"""The record of a message: all that is asked of it later, made once at intake.

The law: a record never changes; its encoding begins with a version, and an encoded record never exceeds
RECORD_BYTES_MAX, so that it fits one value of any store. New fields go to the end, with defaults, and a new
version still reads the one before.
"""

from typing import Final

import msgspec

from mail.message.address import mailboxes
from mail.message.charset import NO_ASCII, codec_of
from mail.message.date import parse_date
from mail.message.envelope import ADDRESSES, AddressList, addresses_of, envelope
from mail.message.header import REPEATED
from mail.message.limits import DEFAULT, LEAST, TIGHT, Limits
from mail.message.part import IDENTITY, Part
from mail.message.scan import scan_message
from mail.message.structure import bodystructure
from mail.message.thread import base_subject, message_ids
from mail.message.words import charset_of, decode_words

VERSION: Final = 1
RECORD_BYTES_MAX: Final = 96_000  # a store's value has 100,000; the rest is for who wraps the record
HEAD_KEPT_OVER_BYTES: Final = 64 * 1024  # larger messages are apart from their record, so a header read costs
HEAD_BYTES_MAX: Final = 24 * 1024  # a header over it is read from the message after all

ASCII: Final = 1  # all bytes are under 128
NUL: Final = 2  # has a NUL byte, which only a binary literal may carry (RFC 3516)
PLAIN: Final = 4  # one text in ASCII without any encoding: its bytes are its text
SENDER: Final = 8  # has a Sender of its own; RFC 3501 7.4.2 wants From's where it has none, JMAP wants to know
REPLY_TO: Final = 16  # and a Reply-To
HEADER: Final = 32  # a field is there twice, or empty, or has more than is kept: JMAP reads the header itself

Address = tuple[str | None, str]


class RecordError(ValueError):
    """Stored bytes that are no record of ours."""


class UnknownVersion(RecordError):
    """A record written by a newer (or far older) program."""


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Addresses are (display name or None, address), decoded, members of groups in their places.

    `sent_s` is the Date field in seconds since 1970, `sent_zone_min` its zone in minutes east; None without a
    valid date. `message_id`, `in_reply_to` and `references` are without angle brackets. `base_subject` is
    RFC 5256's, compared folded. `envelope` and `bodystructure` are as IMAP sends them. `head` is the raw
    header of a message over HEAD_KEPT_OVER_BYTES.
    """

    version: int
    size: int
    flags: int
    sent_s: int | None
    sent_zone_min: int
    subject: str | None
    from_: tuple[Address, ...]
    sender: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    message_id: str | None
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    base_subject: str
    root: Part
    envelope: bytes
    bodystructure: bytes
    head: bytes | None = None

    @property
    def is_ascii(self) -> bool:
        """Whether all bytes are under 128."""
        return bool(self.flags & ASCII)

    @property
    def has_nul(self) -> bool:
        """Whether a NUL byte is in the message."""
        return bool(self.flags & NUL)

    @property
    def is_plain(self) -> bool:
        """Whether the bytes are the text: one ASCII text, nothing encoded, and no HTML."""
        return bool(self.flags & PLAIN) and self.root.subtype != "html"

    @property
    def has_sender(self) -> bool:
        """Whether `sender` is not From's. A record from before SENDER may say no where both are the same."""
        return bool(self.flags & SENDER) or self.sender != self.from_

    @property
    def has_reply_to(self) -> bool:
        """Whether `reply_to` is not From's."""
        return bool(self.flags & REPLY_TO) or self.reply_to != self.from_

    @property
    def needs_header(self) -> bool:
        """Whether the header says more of its fields than the record. A record from before HEADER may say no."""
        return bool(self.flags & HEADER)


_encoder: Final = msgspec.msgpack.Encoder()
_READERS: Final = {VERSION: msgspec.msgpack.Decoder(Record)}
# Header and renderings under it cannot make a record too large, though text grows threefold when decoded and
# From is kept three times; so most records need not be encoded to know.
_SURELY_FITS_BYTES: Final = 8000
_VERSION_AT: Final = 3  # after the array's header: 0xdc and two bytes of length


def read_message(raw: bytes) -> Record:
    """The record of any bytes. A message so intricate that it would not fit is described in less detail."""
    record = _read(raw, DEFAULT)
    if _fits(record):
        return record
    record = _read(raw, TIGHT)
    return record if _fits(record) else _read(raw, LEAST)


def _fits(record: Record) -> bool:
    if len(record.bodystructure) + len(record.envelope) + record.root.body < _SURELY_FITS_BYTES:
        return True
    return len(_encoder.encode(record)) <= RECORD_BYTES_MAX


def _read(raw: bytes, limits: Limits) -> Record:
    root, fields = scan_message(raw, limits)
    addresses = addresses_of(fields, limits)
    from_, sender, reply_to, to, cc, bcc = [_decoded(one) for one in addresses]
    date = parse_date(fields[b"date"]) if b"date" in fields else None
    raw_subject = fields.get(b"subject")
    subject = None if raw_subject is None else decode_words(raw_subject)
    own, replied, references = [
        message_ids(fields.get(name, b""), limits.references_max)
        for name in (b"message-id", b"in-reply-to", b"references")
    ]
    is_all = (
        REPEATED not in fields
        and limits is DEFAULT
        and len(own) < 2
        and max(len(replied), len(references)) < limits.references_max
        and all(addresses[place] for place, name in enumerate(ADDRESSES) if name in fields)
    )
    return Record(
        VERSION,
        len(raw),
        _flags(raw, root) | (SENDER if sender else 0) | (REPLY_TO if reply_to else 0) | (0 if is_all else HEADER),
        date.epoch_s if date else None,
        date.zone_min if date else 0,
        subject,
        from_,
        sender or from_,
        reply_to or from_,
        to,
        cc,
        bcc,
        own[0] if own else None,
        replied,
        references,
        base_subject(subject or ""),
        root,
        envelope(fields, addresses),
        bodystructure(root),
        raw[: root.body] if len(raw) > HEAD_KEPT_OVER_BYTES and root.body <= HEAD_BYTES_MAX else None,
    )


def _decoded(addresses: AddressList) -> tuple[Address, ...]:
    return tuple([(mailbox.display_name, mailbox.email) for mailbox in mailboxes(addresses)])


def _flags(raw: bytes, root: Part) -> int:
    flags = NUL if b"\0" in raw else 0
    if not raw.isascii():
        return flags
    is_plain = (
        root.type == "text"
        and root.encoding in IDENTITY
        and b"=?" not in raw[: root.body]
        and codec_of(charset_of(root)) not in NO_ASCII
    )
    return flags | ASCII | (PLAIN if is_plain else 0)


def encode(record: Record) -> bytes:
    """As stored; at most RECORD_BYTES_MAX for what `read_message` made."""
    return _encoder.encode(record)


def decode(data: bytes) -> Record:
    """The inverse of `encode`. Raises UnknownVersion, RecordError."""
    if len(data) <= _VERSION_AT or data[0] != 0xDC:
        raise RecordError("these bytes are no message record")
    reader = _READERS.get(data[_VERSION_AT])
    if reader is None:
        known = ", ".join(map(str, sorted(_READERS)))
        raise UnknownVersion(f"message record of version {data[_VERSION_AT]}; this program reads {known}")
    try:
        return reader.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"damaged message record: {error}") from error
