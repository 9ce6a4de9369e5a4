"""What a server says (RFC 3501 7), octet for octet. Bodies are passed on as chunks and never copied.

Functions whose name ends in `_line` give one whole response with its CRLF. Those that may carry message data give
`Chunks`, to be written one after the other.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from mail.imap import names, seqset
from mail.imap.commands import StatusItem
from mail.imap.dates import InternalDate, render_date_time
from mail.imap.fetch import BodySection

Chunks = list[bytes]

QUOTED_MAX_BYTES = 1_024
"""Longer strings go as literals: some clients have small buffers for a line (RFC 2683 3.2.1.5)."""

# TEXT-CHAR = CHAR except CR and LF ; the rest needs a literal
_QUOTABLE = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]*")
_QUOTABLE_UTF8 = re.compile(rb"[^\0\r\n]*")
_SPECIALS = re.compile(rb'(["\\])')
_ASTRING = re.compile(rb"[!#$&'+-\[\]^-z|}~]+")
_UNSAFE_TEXT = re.compile(r"[^\x20-\x7e]+")


def quoted(value: bytes) -> bytes:
    """quoted, for a value that is known to have no CR, LF, NUL or octet above 127."""
    if b'"' in value or b"\\" in value:
        value = _SPECIALS.sub(rb"\\\1", value)
    return b'"%b"' % value


def literal(value: bytes) -> Chunks:
    """literal: its head, and the octets as they are."""
    return [b"{%d}\r\n" % len(value), value]


def string(value: bytes, *, utf8: bool = False) -> bytes:
    """string: quoted if it can be, else a literal. For small values; message data goes through `literal`."""
    if len(value) <= QUOTED_MAX_BYTES and (_QUOTABLE.fullmatch(value) or (utf8 and _is_quotable_utf8(value))):
        return quoted(value)
    return b"{%d}\r\n%b" % (len(value), value)


def _is_quotable_utf8(value: bytes) -> bool:
    """RFC 6855 3, RFC 9051 9: what has octets above 127 is UTF-8 in quotes, or no quoted string."""
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return _QUOTABLE_UTF8.fullmatch(value) is not None


def nstring(value: bytes | None, *, utf8: bool = False) -> bytes:
    """nstring: NIL for None."""
    return b"NIL" if value is None else string(value, utf8=utf8)


def astring(value: bytes, *, utf8: bool = False) -> bytes:
    """astring: as it is if it can stand alone. NIL is quoted, since some clients take the bare word for nothing."""
    if _ASTRING.fullmatch(value) is not None and value.upper() != b"NIL":
        return value
    return string(value, utf8=utf8)


def mailbox(name: str, *, utf8: bool = False) -> bytes:
    """mailbox, in modified UTF-7, or in UTF-8 where the client enabled it."""
    return astring(names.encode(name, utf8=utf8), utf8=utf8)


def flag_list(flags: Iterable[str]) -> bytes:
    """flag-list: `(\\Seen $Forwarded)`."""
    return b"(%b)" % " ".join(flags).encode("ascii")


# Status responses (RFC 3501 7.1)


def text(value: str) -> bytes:
    """text of a status response: what a line cannot carry becomes `?`, and there is always something."""
    return _UNSAFE_TEXT.sub("?", value).encode("ascii") or b"."


def tagged_line(tag: bytes, status: bytes, words: str, code: bytes | None = None) -> bytes:
    """`A1 OK [code] words`. `status` is OK, NO or BAD; `code` comes without its brackets."""
    return b"%b %b %b%b\r\n" % (tag, status, _code(code), text(words))


def untagged_line(status: bytes, words: str, code: bytes | None = None) -> bytes:
    """`* OK [code] words`; also BYE and PREAUTH."""
    return b"* %b %b%b\r\n" % (status, _code(code), text(words))


def answer_line(tag: bytes | None, status: bytes, words: str, code: bytes | None = None) -> bytes:
    """Tagged, or untagged where no tag is known: how `Bad` is answered."""
    return untagged_line(status, words, code) if tag is None else tagged_line(tag, status, words, code)


def continuation_line(words: str = "") -> bytes:
    """`+ words` (RFC 3501 7.5)."""
    return b"+ %b\r\n" % (text(words) if words else b"")


def challenge_line(base64: bytes) -> bytes:
    """`+ base64`: a challenge of AUTHENTICATE; an empty one keeps its space (RFC 3501 6.2.2)."""
    return b"+ %b\r\n" % base64


def permanent_flags_code(flags: Iterable[str], *, any_keyword: bool) -> bytes:
    """PERMANENTFLAGS; `any_keyword` adds `\\*`: the client may make new keywords."""
    return b"PERMANENTFLAGS " + flag_list([*flags, *(["\\*"] if any_keyword else [])])


def append_uid_code(uid_validity: int, uids: Iterable[int]) -> bytes:
    """APPENDUID (RFC 4315 3)."""
    return b"APPENDUID %d %b" % (uid_validity, seqset.build(uids))


def copy_uid_code(uid_validity: int, source: Iterable[int], target: Iterable[int]) -> bytes:
    """COPYUID (RFC 4315 3). Both ascending, and of one length: the first of one became the first of the other."""
    return b"COPYUID %d %b %b" % (uid_validity, seqset.build(source), seqset.build(target))


def capability_code(capabilities: Iterable[str]) -> bytes:
    """CAPABILITY, as a response code or after `* `."""
    return b"CAPABILITY " + " ".join(capabilities).encode("ascii")


def number_code(name: bytes, value: int) -> bytes:
    """UIDNEXT, UIDVALIDITY, UNSEEN: a code with one number."""
    return b"%b %d" % (name, value)


def _code(code: bytes | None) -> bytes:
    return b"" if code is None else b"[%b] " % code


# Server and mailbox status (RFC 3501 7.2, 7.3)


def capability_line(capabilities: Iterable[str]) -> bytes:
    """`* CAPABILITY IMAP4rev1 ...`: in the order given."""
    return b"* %b\r\n" % capability_code(capabilities)


def enabled_line(capabilities: Sequence[str]) -> bytes:
    """RFC 5161 3.2: only what this ENABLE has enabled."""
    return b"* ENABLED%b\r\n" % "".join(f" {name}" for name in capabilities).encode("ascii")


def id_line(params: Mapping[bytes, bytes | None] | None) -> bytes:
    """RFC 2971 3.2."""
    if not params:
        return b"* ID NIL\r\n"
    return b"* ID (%b)\r\n" % b" ".join(string(key) + b" " + nstring(value) for key, value in params.items())


Namespaces = Sequence[tuple[str, str]]


def namespace_line(
    personal: Namespaces, other: Namespaces = (), shared: Namespaces = (), *, utf8: bool = False
) -> bytes:
    """RFC 2342 5: each namespace is its prefix and its delimiter; none at all is NIL."""
    parts = [_namespace(namespaces, utf8=utf8) for namespaces in (personal, other, shared)]
    return b"* NAMESPACE %b %b %b\r\n" % tuple(parts)


def _namespace(namespaces: Namespaces, *, utf8: bool) -> bytes:
    if not namespaces:
        return b"NIL"
    pairs = ((string(names.encode(prefix, utf8=utf8), utf8=utf8), quoted(mark.encode())) for prefix, mark in namespaces)
    return b"(%b)" % b"".join(b"(%b %b)" % pair for pair in pairs)


def list_line(
    name: str,
    attributes: Iterable[str],
    *,
    kind: bytes = b"LIST",
    delimiter: str | None = names.DELIMITER,
    child_info: Iterable[bytes] = (),
    old_name: str | None = None,
    utf8: bool = False,
) -> bytes:
    """LIST or LSUB (`kind`); `delimiter` None: no hierarchy.

    `child_info` names the selection options met below (RFC 5258 3.5), `old_name` what was renamed (RFC 9051 6.3.9.7).
    """
    mark = b"NIL" if delimiter is None else quoted(delimiter.encode())
    extended = []
    if options := b" ".join(quoted(option) for option in child_info):
        extended.append(b'"CHILDINFO" (%b)' % options)
    if old_name is not None:
        extended.append(b'"OLDNAME" (%b)' % mailbox(old_name, utf8=utf8))
    data = b" (%b)" % b" ".join(extended) if extended else b""
    return b"* %b %b %b %b%b\r\n" % (kind, flag_list(attributes), mark, mailbox(name, utf8=utf8), data)


StatusValue = int | str | None
"""Of MAILBOXID a str; of APPENDLIMIT None where there is no limit (RFC 7889 5)."""


def status_line(name: str, items: Mapping[StatusItem, StatusValue], *, utf8: bool = False) -> bytes:
    """STATUS, in the order of `items`."""
    pairs = b" ".join(item.value + b" " + _status_value(value) for item, value in items.items())
    return b"* STATUS %b (%b)\r\n" % (mailbox(name, utf8=utf8), pairs)


def _status_value(value: StatusValue) -> bytes:
    if isinstance(value, int):
        return b"%d" % value
    return b"NIL" if value is None else b"(%b)" % value.encode("ascii")  # RFC 8474 7: an objectid is an atom


def flags_line(flags: Iterable[str]) -> bytes:
    """FLAGS: those that exist in the mailbox."""
    return b"* FLAGS %b\r\n" % flag_list(flags)


def exists_line(count: int) -> bytes:
    return b"* %d EXISTS\r\n" % count


def recent_line(count: int) -> bytes:
    return b"* %d RECENT\r\n" % count


def expunge_line(number: int) -> bytes:
    return b"* %d EXPUNGE\r\n" % number


# FETCH (RFC 3501 7.4.2)


def fetch(number: int, items: Iterable[Chunks]) -> Chunks:
    """`* n FETCH (items)`. Each item, of which there is at least one, is what the functions below give."""
    chunks: Chunks = []
    lead = b"* %d FETCH (" % number
    for item in items:
        chunks.append(lead)
        chunks += item
        lead = b" "
    chunks.append(b")\r\n")
    return chunks


def fetch_flags(flags: Iterable[str]) -> Chunks:
    return [b"FLAGS " + flag_list(flags)]


def fetch_uid(uid: int) -> Chunks:
    return [b"UID %d" % uid]


def fetch_size(size_bytes: int) -> Chunks:
    return [b"RFC822.SIZE %d" % size_bytes]


def fetch_internal_date(moment: InternalDate) -> Chunks:
    return [b"INTERNALDATE " + render_date_time(moment)]


def fetch_rendered(name: bytes, value: bytes) -> Chunks:
    """An item that was rendered when the message came in: ENVELOPE, BODY, BODYSTRUCTURE."""
    return [name, b" ", value]


def fetch_data(name: bytes, value: bytes | None) -> Chunks:
    """RFC822, RFC822.HEADER, RFC822.TEXT: octets of the message, as a literal; NIL for None."""
    return [name, b" NIL"] if value is None else [name, b" ", *literal(value)]


def fetch_section(section: BodySection, value: bytes | None) -> Chunks:
    """BODY[...]: the octets of the section, already cut to its partial; NIL if the message has no such part."""
    return fetch_data(section.label(), value)
