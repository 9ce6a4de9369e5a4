"""Parts of what is downloaded: one range or several of it (RFC 9110 §14).

The law: a header that makes no sense is as if it were not there; at most RANGES_MAX parts are answered, in the order
they were asked for, and never more octets than the whole has: who asks for more gets the whole.
"""

import re
from collections.abc import AsyncIterator, Callable
from typing import Final, NamedTuple

from gateway.web.answers import OCTETS, Answer, Headers, HttpError
from gateway.web.conditions import unchanged
from gateway.web.exchange import Exchange

RANGES_MAX: Final = 10
TEXT_MAX: Final = 400

_SET: Final = re.compile(r"bytes[ \t]*=[ \t]*(.*)", re.IGNORECASE)
_RANGE: Final = re.compile(r"([0-9]{0,18})-([0-9]{0,18})")

Read = Callable[[int, int], AsyncIterator[bytes]]
"""The octets from the first number up to, not with, the second."""


class Span(NamedTuple):
    """From `start` up to, not with, `end`."""

    start: int
    end: int


def spans(text: str, size: int) -> list[Span] | None:
    """What a Range header asks for of so many octets; None: all of it. Raises HttpError (416)."""
    match = _SET.fullmatch(text) if len(text) <= TEXT_MAX else None
    if match is None:
        return None
    found: list[Span] = []
    for part in match[1].split(","):
        one = _RANGE.fullmatch(part.strip(" \t"))
        if one is None or not (one[1] or one[2]) or (one[1] and one[2] and int(one[1]) > int(one[2])):
            return None
        if not one[1]:
            span = Span(max(size - int(one[2]), 0), size)  # the last octets
        else:
            span = Span(int(one[1]), min(int(one[2]) + 1, size) if one[2] else size)
        if span.start < span.end:
            found.append(span)
    if not found:
        raise HttpError(416, headers=(("Content-Range", f"bytes */{size}"),))
    if len(found) > RANGES_MAX or sum(span.end - span.start for span in found) > size:
        return None
    return found


def download(
    exchange: Exchange, size: int, read: Read, *, content_type: str = OCTETS, tag: str = "", headers: Headers = ()
) -> Answer:
    """What answers a GET or HEAD of so many octets: nothing new, parts, or all. `tag`: an entity tag with its quotes,
    a strong one. Raises HttpError (412, 416)."""
    if tag and (same := unchanged(exchange, tag)):
        return same._replace(headers=same.headers + headers)
    headers = (*headers, ("Accept-Ranges", "bytes"), *((("ETag", tag),) if tag else ()))
    text = exchange.header("range") if exchange.method == "GET" else ""  # RFC 9110 §14.2
    condition = exchange.header("if-range").strip()
    wanted = spans(text, size) if text and condition in ("", tag) else None
    if wanted is None:
        return Answer(200, read(0, size), content_type, headers, size)
    if len(wanted) == 1:
        (span,) = wanted
        where = ("Content-Range", f"bytes {span.start}-{span.end - 1}/{size}")
        return Answer(206, read(*span), content_type, (*headers, where), span.end - span.start)
    boundary = f"{exchange.id}-{size:x}"
    heads = [_head(boundary, content_type, span, size) for span in wanted]
    end = f"\r\n--{boundary}--\r\n".encode()
    length = sum(map(len, heads)) + sum(span.end - span.start for span in wanted) + len(end)
    return Answer(
        206, _several(wanted, heads, end, read), f"multipart/byteranges; boundary={boundary}", headers, length
    )


def _head(boundary: str, content_type: str, span: Span, size: int) -> bytes:
    where = f"Content-Range: bytes {span.start}-{span.end - 1}/{size}"
    return f"\r\n--{boundary}\r\nContent-Type: {content_type}\r\n{where}\r\n\r\n".encode("latin-1")


async def _several(wanted: list[Span], heads: list[bytes], end: bytes, read: Read) -> AsyncIterator[bytes]:
    for span, head in zip(wanted, heads, strict=True):
        yield head
        async for piece in read(*span):
            yield piece
    yield end
