"""Smaller bodies: zstd or gzip of what we answer, gzip of what is asked (RFC 9110 §8.4, §12.5.3; RFC 8878, RFC 1952).

The law: what is unpacked never grows over the limit of its handler, whatever it says of itself, and has no more packed
octets nor members than that is worth; only text that is worth it is packed, and a body of more than LARGE octets off
the event loop.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

import zstandard

from gateway.web.answers import HttpError, closed_after
from gateway.web.fields import weights

WORTH_BYTES: Final = 1024  # below a packet nothing is gained
LARGE: Final = 128 * 1024  # about a millisecond of zstd
PIECE_BYTES: Final = 256 * 1024  # that a packed octet or two may become at once
AT_ONCE: Final = 1024 * 1024  # of a piece, in a thread
ZSTD_LEVEL: Final = 3
GZIP_LEVEL: Final = 4
_GZIP: Final = 31  # zlib's word for a gzip header and the largest window
MEMBERS_MAX: Final = 1000  # of one body; empty ones weigh nothing unpacked, and each takes a while to begin
SLACK_BYTES: Final = 1024  # that a body may be longer packed than unpacked, besides a hundredth
_MAKERS: Final = ("zstd", "gzip")  # the better first

_TEXTUAL: Final = ("text/", "application/json", "application/problem+json", "application/javascript", "image/svg+xml")


def chosen(accepted: str, content_type: str, size: int) -> str:
    """The coding for a body; empty: as it is."""
    if size < WORTH_BYTES or not accepted or not content_type.startswith(_TEXTUAL):
        return ""
    weight = weights(accepted)
    rest = weight.get("*", 0.0)
    best = max(_MAKERS, key=lambda name: weight.get(name, rest))  # of equals the first
    return best if weight.get(best, rest) > 0 else ""


async def pack(body: bytes, coding: str) -> bytes:
    """The body in a coding that `chosen` has named."""
    work = _zstd if coding == "zstd" else _gzip
    return work(body) if len(body) <= LARGE else await asyncio.to_thread(work, body)


async def pack_pieces(pieces: AsyncIterator[bytes], coding: str) -> AsyncIterator[bytes]:
    """The same of a body that comes in pieces, in pieces."""
    packer = (
        zstandard.ZstdCompressor(level=ZSTD_LEVEL).compressobj()
        if coding == "zstd"
        else zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, _GZIP)
    )
    async with closed_after(pieces):
        async for piece in pieces:
            whole = memoryview(piece)
            for at in range(0, len(whole), AT_ONCE):
                part = whole[at : at + AT_ONCE]
                packed = packer.compress(part) if len(part) <= LARGE else await asyncio.to_thread(packer.compress, part)
                if packed:
                    yield packed
        yield packer.flush()


def _zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(body)


def _gzip(body: bytes) -> bytes:
    return zlib.compress(body, GZIP_LEVEL, _GZIP)


class Unpacker:
    """A gzip body, unpacked as it comes; of several members each (RFC 1952 §2.2)."""

    def __init__(self, limit: int) -> None:
        """`limit`: of all that comes of it."""
        self._inflate = zlib.decompressobj(_GZIP)
        self._begun = False
        self._members = 1
        self._packed_left = limit + limit // 100 + SLACK_BYTES

    def feed(self, data: bytes, most: int) -> Iterator[bytes]:
        """What that is, unpacked, in pieces of PIECE_BYTES at most. Raises HttpError: 413 above `most` octets, 400 for
        what is no gzip."""
        self._packed_left -= len(data)
        if self._packed_left < 0:
            raise HttpError(413)
        is_full = False
        while data or is_full:
            if self._inflate.eof:
                self._members += 1
                if self._members > MEMBERS_MAX:
                    raise HttpError(413)
                self._inflate = zlib.decompressobj(_GZIP)
            try:
                found = self._inflate.decompress(data, PIECE_BYTES)
            except zlib.error:
                raise HttpError(400, "The body is not gzip") from None
            self._begun = True
            most -= len(found)
            if most < 0:
                raise HttpError(413)
            if found:
                yield found
            data = self._inflate.unconsumed_tail or self._inflate.unused_data
            is_full = len(found) == PIECE_BYTES and not self._inflate.eof  # there may be more of what was taken

    def end(self) -> None:
        """All has come. Raises HttpError (400) where it has not."""
        if self._begun and not self._inflate.eof:
            raise HttpError(400, "The gzip body is cut short")
