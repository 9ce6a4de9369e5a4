"""How blob bytes are stored: one byte that names the codec, then the payload.

The first byte is the format's version, so that dictionaries and codecs can change while old blobs stay
readable. Contexts are reused because making one costs more than compressing a small mail, and each thread has its
own because zstd's must not be used by two at once.
"""

import threading
from collections.abc import Iterator
from typing import IO, Final, Protocol, cast

import zstandard

from cluster.blobs.spool import PIECE_BYTES, Spool
from cluster.errors import Corrupt

RAW: Final = 0
ZSTD: Final = 1
ZSTD_COMMON: Final = 2  # with the dictionary below

LEVEL: Final = 1  # 3 KB in 10 us; higher levels gain a few per cent of size for twice the time
DICTIONARY_USED_BELOW_BYTES: Final = 64 * 1024  # above it the message is its own dictionary
UNPACKED_BYTES_MAX: Final = 256 * 1024 * 1024  # a frame that claims more is corrupt

# Words that most mail shares. Its bytes are part of the stored format: a better one becomes codec 3.
_COMMON = (
    b"\r\nX-Mailer: \r\nUser-Agent: \r\nX-Spam-Status: No, score=\r\nPrecedence: bulk\r\nList-Unsubscribe: <https://"
    b"\r\nList-Id: <\r\nReturn-Path: <>\r\nAuthentication-Results: ; dkim=pass header.d=; spf=pass smtp.mailfrom=; "
    b"dmarc=pass header.from=\r\nARC-Seal: i=1; a=rsa-sha256; t=; cv=none; d=; s=\r\nDKIM-Signature: v=1; "
    b"a=rsa-sha256; c=relaxed/relaxed; d=; s=; t=; h=from:to:cc:subject:date:message-id:mime-version:content-type; "
    b'bh=; b=\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="\r\nContent-Type: '
    b'multipart/alternative; boundary="\r\nContent-Type: text/html; charset=utf-8\r\nContent-Type: text/plain; '
    b"charset=UTF-8; format=flowed\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Transfer-Encoding: "
    b'base64\r\nContent-Disposition: attachment; filename="\r\nContent-Language: en-US\r\nReferences: <\r\n'
    b"In-Reply-To: <\r\nReply-To: \r\nMessage-ID: <@mail.gmail.com>\r\nDate: Mon, 01 Jan 2024 00:00:00 +0000\r\n"
    b"Subject: Re: \r\nTo: <\r\nCc: \r\nFrom: <\r\nReceived: from  ([]) by  with ESMTPS id  (version=TLS1_3 "
    b"cipher=TLS_AES_256_GCM_SHA384 bits=256/256) for <>; Mon, 01 Jan 2024 00:00:00 +0000\r\n"
)
_dictionary = zstandard.ZstdCompressionDict(_COMMON, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
_dictionary.precompute_compress(level=LEVEL)


class _Contexts(threading.local):
    """This thread's zstd contexts."""

    def __init__(self) -> None:
        self.small = zstandard.ZstdCompressor(level=LEVEL, dict_data=_dictionary, write_dict_id=False)
        self.large = zstandard.ZstdCompressor(level=LEVEL)
        self.unsmall = zstandard.ZstdDecompressor(dict_data=_dictionary)
        self.unlarge = zstandard.ZstdDecompressor()


_contexts = _Contexts()


def pack(data: bytes) -> bytes:
    """Bytes as stored: never more than one byte longer than `data`."""
    if len(data) < DICTIONARY_USED_BELOW_BYTES:
        packed = _contexts.small.compress(data)
        codec = ZSTD_COMMON
    else:
        packed = _contexts.large.compress(data)
        codec = ZSTD
    if len(packed) >= len(data):
        return b"\0" + data
    return bytes((codec,)) + packed


def unpack(stored: bytes) -> bytes:
    """The inverse of `pack`. Raises Corrupt."""
    codec = stored[0] if stored else -1
    body = memoryview(stored)[1:]
    try:
        if codec == ZSTD_COMMON:
            _check_size(body, DICTIONARY_USED_BELOW_BYTES)
            return _contexts.unsmall.decompress(body, max_output_size=DICTIONARY_USED_BELOW_BYTES)
        if codec == ZSTD:
            _check_size(body, UNPACKED_BYTES_MAX)
            return _contexts.unlarge.decompress(body)
    except zstandard.ZstdError as error:
        raise Corrupt("A stored message is damaged.", log=f"blob does not decompress: {error}") from error
    if codec == RAW:
        return bytes(body)
    raise Corrupt("A stored message is damaged.", log=f"unknown blob codec {codec}")


def pack_pieces(data: Spool) -> Iterator[bytes]:
    """What is stored of a spool, piece by piece: `unpack` and `unpack_into` read it."""
    packer = zstandard.ZstdCompressor(level=LEVEL).compressobj(size=data.size)
    yield bytes((ZSTD,))
    for piece in data.pieces():
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


class Source(Protocol):
    """A file, or what reads like one."""

    def read(self, count: int, /) -> bytes:
        """The next bytes; none at the end."""
        ...


def unpack_into(target: Spool, stored: Source) -> None:
    """Unpack what is stored as `pack` or `pack_pieces` made it, piece by piece. Raises Corrupt, OSError."""
    codec = (stored.read(1) or b"\xff")[0]
    if codec == RAW:
        reader = stored
    elif codec in (ZSTD, ZSTD_COMMON):
        dictionary = _dictionary if codec == ZSTD_COMMON else None
        reader = zstandard.ZstdDecompressor(dict_data=dictionary).stream_reader(cast("IO[bytes]", stored))
    else:
        raise Corrupt("A stored message is damaged.", log=f"unknown blob codec {codec}")
    try:
        while piece := reader.read(PIECE_BYTES):
            target.add(piece)
            if target.size > UNPACKED_BYTES_MAX:
                raise Corrupt("A stored message is damaged.", log="blob holds too many bytes")
    except zstandard.ZstdError as error:
        raise Corrupt("A stored message is damaged.", log=f"blob does not decompress: {error}") from error


def _check_size(frame: memoryview, bytes_max: int) -> None:
    """The decompressor makes room for whatever a frame claims, before it looks at it."""
    if zstandard.frame_content_size(frame) > bytes_max:
        raise Corrupt("A stored message is damaged.", log="blob frame claims too many bytes")
