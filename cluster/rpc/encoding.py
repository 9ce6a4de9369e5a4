"""Items of the data plane as bytes, and bodies that come in parts put together again.

The law: the encoding of a frame is its items' encodings one after another (protobuf's rule for repeated fields), so
each item is encoded once, when it is made, and a frame is a join. Nothing received is held beyond its bound.
"""

from typing import Final

from google.protobuf.message import DecodeError

from cluster.errors import TooLarge, Trouble
from cluster.membership.members import SPEAKS
from cluster.rpc import troubles
from wire import data_pb2

# A large body goes in parts of this size: 10 Gbit/s carries one in 0.2 ms, so a small call behind it hardly waits.
PART_BYTES: Final = 256 * 1024
BODY_BYTES_MAX: Final = 128 * 1024 * 1024  # an index of a million messages is 48 MB
PARTS_BYTES_MAX: Final = 2 * BODY_BYTES_MAX  # of all unfinished bodies of a link
SPEAKS_LEAST: Final = max(1, SPEAKS - 1)  # design decision 14

Item = data_pb2.Item


class Garbled(ConnectionError):
    """The other side does not speak as we do: the link is of no use."""


def frame_of(item: data_pb2.Item) -> bytes:
    """A frame of this item alone, which may be joined with others."""
    return data_pb2.Frame(items=(item,)).SerializeToString()


def items_of(frame: bytes) -> "list[data_pb2.Item]":
    """The items of a frame. Raises Garbled."""
    try:
        return data_pb2.Frame.FromString(frame).items  # type: ignore[return-value] # is used as one
    except DecodeError as error:
        raise Garbled(f"a frame of {len(frame)} bytes cannot be read") from error


def hello() -> bytes:
    """What each side says first."""
    return frame_of(Item(hello=data_pb2.Hello(speaks=SPEAKS)))


def greeted(item: data_pb2.Item) -> None:
    """Look at the other side's hello. Raises Garbled when it is too old."""
    if item.hello.speaks < SPEAKS_LEAST:
        raise Garbled(f"it speaks version {item.hello.speaks} of the data plane, this process {SPEAKS}")


def call(number: int, kind: str, slot: int, body: bytes, timeout_ms: int, subscribe: bool) -> data_pb2.Item:
    """A call."""
    made = data_pb2.Call(kind=kind, slot=slot, body=body, timeout_ms=timeout_ms, subscribe=subscribe)
    return Item(id=number, call=made)


def answer(number: int, body: bytes) -> data_pb2.Item:
    """An answer."""
    return Item(id=number, answer=body)


def push(number: int, body: bytes) -> data_pb2.Item:
    """Something pushed to a subscriber."""
    return Item(id=number, push=body)


def trouble(number: int, found: Trouble) -> data_pb2.Item:
    """A failure, or the end of a subscription."""
    return Item(id=number, trouble=troubles.encode(found))


def cancel(number: int) -> data_pb2.Item:
    """No more of this."""
    return Item(id=number, cancel=True)


def part(number: int, body: bytes) -> data_pb2.Item:
    """The beginning of a body."""
    return Item(id=number, part=body)


def check_size(body: bytes) -> None:
    """Raises TooLarge for a body that no link carries."""
    if len(body) > BODY_BYTES_MAX:
        raise TooLarge("This is too large.", log=f"a body of {len(body)} bytes; the bound is {BODY_BYTES_MAX}")


class Parts:
    """The unfinished bodies of one link."""

    def __init__(self) -> None:
        self._parts: dict[int, list[bytes]] = {}
        self._bytes = 0

    def add(self, number: int, body: bytes) -> None:
        """Keep a part. Raises Garbled when more is unfinished than a sane peer sends."""
        self._bytes += len(body) or 1
        if self._bytes > PARTS_BYTES_MAX:
            raise Garbled(f"more than {PARTS_BYTES_MAX} bytes of unfinished bodies")
        self._parts.setdefault(number, []).append(body)

    def whole(self, number: int, end: bytes) -> bytes:
        """The body whose last bytes have come."""
        if not self._parts or (parts := self._taken(number)) is None:
            return end
        parts.append(end)
        return b"".join(parts)

    def drop(self, number: int) -> None:
        """Forget what came of it."""
        self._taken(number)

    def _taken(self, number: int) -> list[bytes] | None:
        parts = self._parts.pop(number, None)
        if parts is not None:
            self._bytes -= sum(len(each) or 1 for each in parts)
        return parts
