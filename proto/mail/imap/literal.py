"""One literal on its way in (RFC 3501 4.3). Large chunks are kept as they come and joined once, at the end."""

JOIN_MIN_BYTES = 16_384
"""Chunks below this are gathered: a client that sends octet by octet must not cost an object for each."""


class Literal:
    """Takes `size_bytes` octets, and keeps them if `keep`."""

    __slots__ = ("_chunks", "_keep", "_size_bytes", "_small", "missing_bytes")

    def __init__(self, size_bytes: int, *, keep: bool) -> None:
        self.missing_bytes = size_bytes
        self._size_bytes = size_bytes
        self._keep = keep
        self._chunks: list[bytes | bytearray] = []
        self._small = bytearray()

    @property
    def held_bytes(self) -> int:
        """Octets that came and are kept."""
        return self._size_bytes - self.missing_bytes if self._keep else 0

    def feed(self, data: bytes) -> bytes:
        """Take what belongs to the literal; what lies beyond it comes back."""
        mine, rest = data[: self.missing_bytes], data[self.missing_bytes :]
        self.missing_bytes -= len(mine)
        if self._keep:
            self._gather(mine)
        return rest

    def joined(self) -> bytes:
        if self._small:
            self._chunks.append(self._small)
        return b"".join(self._chunks)

    def _gather(self, mine: bytes) -> None:
        if len(mine) < JOIN_MIN_BYTES:
            self._small += mine
            if len(self._small) < JOIN_MIN_BYTES:
                return
            mine, self._small = bytes(self._small), bytearray()
        elif self._small:
            self._chunks.append(self._small)
            self._small = bytearray()
        self._chunks.append(mine)
