"""What comes and goes compressed (RFC 4978, RFC 1951), with the network taken out: octets in, octets out.

The law: never more is inflated at once than was asked for, whatever it was made of; what is deflated can be inflated
by the other end as soon as it has it. It is known where the other end flushed: after UNAUTHENTICATE what follows
is not compressed (RFC 8437 4.1).
"""

import zlib
from typing import Final

_RAW: Final = -zlib.MAX_WBITS  # no header and no checksum (RFC 4978 4)
_FLUSHED: Final = b"\0\0\xff\xff"  # how an empty stored block ends, which a flush is (RFC 1951 3.2.4)
# RFC 4978 4 leaves both to the sender: twice the memory makes responses smaller by a hundredth, and text by a tenth.
_WINDOW: Final = -14
_MEMORY: Final = 7  # with that window: 134 kB
_LEVEL: Final = 1  # answers to a fifth, text to a half; the next levels take more than twice as long


class Garbled(ValueError):
    """What came is not compressed, or goes on behind its end."""


class Inflating:
    """What the other end sends. With a full window it holds 40 kB, and what it was given and not asked for."""

    __slots__ = ("_at", "_given", "_has_more", "_inflate", "_piece")

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_RAW)
        self._given = bytearray()  # as it came; what is inflated already goes with the next that comes
        self._at = 0  # where in it the next piece begins
        self._piece = b""  # what is being inflated: up to a flush, if there is one
        self._has_more = False  # it may have more to tell of what it was given

    def add(self, data: bytes) -> None:
        """Octets came."""
        keep = max(self._at - len(_FLUSHED) + 1, 0)  # the rest of a flush may follow
        del self._given[:keep]
        self._at -= keep
        self._given += data

    def take(self, most: int) -> bytes | None:
        """The next octets, `most` at most, perhaps none; None: more has to come first. Raises Garbled."""
        if not self._piece and not self._has_more:
            if self._at == len(self._given):
                return None
            if self._inflate.eof:
                raise Garbled("There is more behind the end")
            self._cut()
        try:
            octets = self._inflate.decompress(self._piece, most)
        except zlib.error as error:
            raise Garbled("This is not compressed") from error
        self._piece = self._inflate.unconsumed_tail
        self._has_more = len(octets) == most
        return octets

    @property
    def is_flushed(self) -> bool:
        """Whether all that was taken ends where the other end has flushed: what follows may be something else."""
        if self._piece or self._has_more:
            return False
        return self._inflate.eof or self._given[max(self._at - len(_FLUSHED), 0) : self._at] == _FLUSHED

    def rest(self) -> bytes:
        """What was given and not inflated."""
        return self._inflate.unused_data + bytes(self._given[self._at :])

    def _cut(self) -> None:
        found = self._given.find(_FLUSHED, max(self._at - len(_FLUSHED) + 1, 0))
        end = found + len(_FLUSHED) if found >= 0 else len(self._given)
        self._piece = bytes(self._given[self._at : end])
        self._at = end


class Deflating:
    """What is sent. It can be forgotten between any two calls: another goes on, only without what was said before."""

    __slots__ = ("_deflate",)

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY)

    def deflated(self, data: bytes) -> bytes:
        """As it is to be sent, whole."""
        return self._deflate.compress(data) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
