"""Frames: a length of four bytes in network order, a code of one byte, and data; the length counts code and data.

The law: no frame is waited for whose length alone is over what is left of its allowance.
"""

from typing import Final

from mail.milter.errors import ProtocolError

_LENGTH_BYTES: Final = 4


def frame(code: int, data: bytes = b"") -> bytes:
    """The bytes of one frame."""
    return (len(data) + 1).to_bytes(_LENGTH_BYTES) + bytes((code,)) + data


class Frames:
    """Cuts what a filter sends into frames."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = bytearray()

    def add(self, data: bytes) -> None:
        """More from the filter."""
        self._data += data

    def __bool__(self) -> bool:
        """Whether something is there, be it a part of a frame."""
        return bool(self._data)

    def next(self, bytes_max: int) -> tuple[int, bytes] | None:
        """The next frame's code and data; None where it has not come whole.

        Raises ProtocolError for one that is empty, or longer than `bytes_max`.
        """
        data = self._data
        if len(data) < _LENGTH_BYTES:
            return None
        size = int.from_bytes(data[:_LENGTH_BYTES])
        if size == 0:
            raise ProtocolError("a frame of length 0")
        if size > bytes_max:
            raise ProtocolError(f"a frame of {size} bytes, where {bytes_max} are allowed")
        end = _LENGTH_BYTES + size
        if len(data) < end:
            return None
        code, body = data[_LENGTH_BYTES], bytes(data[_LENGTH_BYTES + 1 : end])
        del data[:end]
        return code, body
