"""What a server says of messages where extensions go beyond FETCH: items, UIDFETCH, VANISHED, URLFETCH, GENURLAUTH.

The law: as in `render`, whole lines end in CRLF, and what may carry message data gives `Chunks` that are never copied.
"""

from collections.abc import Iterable

from mail.imap.dates import InternalDate, render_date_time
from mail.imap.fetch import BinarySection, BinarySize
from mail.imap.render import Chunks, literal, nstring, string
from mail.imap.urlauth import UrlParam


def literal8(value: bytes) -> Chunks:
    """literal8: its head, and the octets as they are (RFC 3516 7)."""
    return [b"~{%d}\r\n" % len(value), value]


def binary(value: bytes | None) -> Chunks:
    """nstring / literal8: a literal8 only where there is a NUL, so that the client sees it (RFC 3516 4.3)."""
    if value is None:
        return [b"NIL"]
    return literal8(value) if b"\0" in value else literal(value)


def uid_fetch(uid: int, items: Iterable[Chunks]) -> Chunks:
    """`* uid UIDFETCH (items)` (RFC 9586). The items are those of FETCH; of them there is at least one."""
    chunks: Chunks = []
    lead = b"* %d UIDFETCH (" % uid
    for item in items:
        chunks.append(lead)
        chunks += item
        lead = b" "
    chunks.append(b")\r\n")
    return chunks


def fetch_mod_sequence(mod_sequence: int) -> Chunks:
    """RFC 7162 7, fetch-mod-resp."""
    return [b"MODSEQ (%d)" % mod_sequence]


def fetch_save_date(moment: InternalDate | None) -> Chunks:
    """RFC 8514 4.2. None: the mailbox has no save dates."""
    return [b"SAVEDATE NIL" if moment is None else b"SAVEDATE " + render_date_time(moment)]


def fetch_email_id(email_id: str) -> Chunks:
    """RFC 8474 5.3."""
    return [b"EMAILID (%b)" % email_id.encode("ascii")]


def fetch_thread_id(thread_id: str | None) -> Chunks:
    """RFC 8474 5.3. None: this message has no thread that is known."""
    return [b"THREADID NIL" if thread_id is None else b"THREADID (%b)" % thread_id.encode("ascii")]


def fetch_preview(preview: str | None, *, utf8: bool = False) -> Chunks:
    """RFC 8970 3.2. None, for PREVIEW (LAZY) only: there is none yet; an empty one: there will be none."""
    return [b"PREVIEW " + nstring(None if preview is None else preview.encode(), utf8=utf8)]


def fetch_binary(section: BinarySection, value: bytes | None) -> Chunks:
    """BINARY[...]: decoded octets, already cut to the partial; NIL if the message has no such part."""
    return [section.label() + b" ", *binary(value)]


def fetch_binary_size(section: BinarySize, size_bytes: int) -> Chunks:
    """BINARY.SIZE[...]."""
    return [b"%b %d" % (section.label(), size_bytes)]


def vanished_line(uids: bytes, *, earlier: bool = False) -> bytes:
    """VANISHED (RFC 7162 3.2.10). `uids` is a set that is not empty; `earlier`: before this session, or asked for."""
    return b"* VANISHED %b%b\r\n" % (b"(EARLIER) " if earlier else b"", uids)


UrlData = bytes | None | list[tuple[UrlParam, bytes | None]]
"""Of one URL: its octets; None, it is invalid for whatever reason; or what was asked for (RFC 5524 3.2), where of
BODYPARTSTRUCTURE the value is rendered."""


def url_fetch(urls: Iterable[tuple[bytes, UrlData]]) -> Chunks:
    """`* URLFETCH url data ...` (RFC 4467 8, RFC 5524 3.2): URLs as the client wrote them.

    Only BINARY can say a NUL; what is told otherwise must be without.
    """
    chunks: Chunks = [b"* URLFETCH"]
    for url, data in urls:
        chunks.append(b" " + string(url))
        if data is None:
            chunks.append(b" NIL")
        elif isinstance(data, bytes):
            chunks += [b" ", *literal(data)]
        else:
            for param, value in data:
                chunks += [b" (%b " % param.value, *_url_value(param, value), b")"]
    chunks.append(b"\r\n")
    return chunks


def gen_url_auth_line(urls: Iterable[bytes]) -> bytes:
    """GENURLAUTH (RFC 4467 8): the URLs, of which there is at least one, with their tokens."""
    return b"* GENURLAUTH %b\r\n" % b" ".join(map(string, urls))


def _url_value(param: UrlParam, value: bytes | None) -> Chunks:
    if value is None:
        return [b"NIL"]
    if param is UrlParam.BODYPARTSTRUCTURE:
        return [value]
    return binary(value) if param is UrlParam.BINARY else literal(value)
