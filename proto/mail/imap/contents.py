"""What a server says of messages where extensions go beyond FETCH: items, UIDFETCH, VANISHED, URLFETCH, GENURLAUTH.

The law: as in `render`, whole lines end in CRLF, and what may carry message data gives `Chunks` that are never copied.
"""

from collections.abc import Iterable

from mail.imap.render import Chunks, literal, string
from mail.imap.urlauth import UrlParam


def literal8(value: bytes) -> Chunks:
    """literal8: its head, and the octets as they are (RFC 3516 7)."""
    return [b"~{%d}\r\n" % len(value), value]


def binary(value: bytes | None) -> Chunks:
    """nstring / literal8: a literal8 only where there is a NUL, so that the client sees it (RFC 3516 4.3)."""
    if value is None:
        return [b"NIL"]
    return literal8(value) if b"\0" in value else literal(value)


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
