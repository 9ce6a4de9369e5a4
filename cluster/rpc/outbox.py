"""What waits to be sent on a link: gathered into frames, large bodies in parts that let small items pass.

The law: what is put into one lane leaves in that order; lanes take turns. A frame holds what gathered while the one
before was sent, at most one part of a large body, and never more than FRAME_BYTES_MAX. What has begun and not ended is
never more than the other side will hold (PARTS_BYTES_MAX): further large bodies wait for those before.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from typing import Final

from cluster.rpc import encoding
from cluster.rpc.encoding import PART_BYTES, PARTS_BYTES_MAX, frame_of
from cluster.rpc.link import FRAME_BYTES_MAX, Link

# Small items in one frame: enough that a system call is shared by hundreds, little enough to be sent at once.
GATHERED_BYTES: Final = 512 * 1024
HEAD_BYTES_MAX: Final = 16 * 1024  # of an item besides its body
BEGUN_MAX: Final = 16  # large bodies under way at once: more would only all be late

assert GATHERED_BYTES + 2 * (PART_BYTES + HEAD_BYTES_MAX) <= FRAME_BYTES_MAX

Encode = Callable[[int, bytes], bytes]  # the item of this number that has these bytes as the end of its body


class Tally:
    """Bytes that wait in several places."""

    __slots__ = ("bytes",)

    def __init__(self) -> None:
        self.bytes = 0


class Lane:
    """Items that leave in order, some of them large."""

    __slots__ = ("_at", "_items", "_tally", "bytes", "key", "queued")

    def __init__(self, tally: Tally, key: Hashable = None) -> None:
        self._items: deque[tuple[int, bytes, Encode]] = deque()
        self._at = 0  # how much of the first has been sent
        self._tally = tally
        self.bytes = 0  # that wait
        self.key = key
        self.queued = False  # has a place in the outbox

    def __bool__(self) -> bool:
        return bool(self._items)

    @property
    def is_bulk(self) -> bool:
        """Whether a large body is next, or has begun."""
        return self._at > 0 or len(self._items[0][1]) > PART_BYTES

    @property
    def begun_bytes(self) -> int:
        """The size of the body of which a part was sent, and not yet all; else 0."""
        return len(self._items[0][1]) if self._at else 0

    @property
    def next_bytes(self) -> int:
        """The size of the body that is next; 0 where nothing waits."""
        return len(self._items[0][1]) if self._items else 0

    def put(self, number: int, body: bytes, encode: Encode, *, first: bool = False) -> None:
        """To be sent after all put before; or first of all, while nothing is being sent."""
        (self._items.appendleft if first else self._items.append)((number, body, encode))
        self._count(len(body))

    def next(self) -> bytes:
        """The next item, or part of one, encoded."""
        number, body, encode = self._items[0]
        begin = self._at
        if len(body) - begin > PART_BYTES:
            self._at += PART_BYTES
            self._count(-PART_BYTES)
            return frame_of(encoding.part(number, body[begin : self._at]))
        self._items.popleft()
        self._at = 0
        self._count(begin - len(body))
        return encode(number, body[begin:] if begin else body)

    def clear(self) -> None:
        """Forget what waits."""
        self._items.clear()
        self._at = 0
        self._count(-self.bytes)

    def _count(self, size: int) -> None:
        self.bytes += size
        self._tally.bytes += size


class Outbox:
    """The sending half of one link. Its users bound what they put into it."""

    def __init__(self, link: Link, sent: Callable[[], None] | None = None) -> None:
        """`sent` is called after each frame."""
        self._link = link
        self._sent = sent
        self._ready: deque[bytes | Lane] = deque((encoding.hello(),))
        self._bulk: deque[Lane] = deque()  # with a large body that has begun
        self._fresh: deque[Lane] = deque()  # with one that has not
        self._begun: dict[Lane, int] = {}  # bytes of each body that has begun
        self._begun_bytes = 0
        self._lanes: dict[Hashable, Lane] = {}  # those that have a key, while anything waits in them
        self._sleeping: asyncio.Future[None] | None = None
        self._flushed: asyncio.Future[None] | None = None
        self._is_over = False
        self._tally = Tally()
        self._tally.bytes = len(encoding.hello())

    @property
    def waiting_bytes(self) -> int:
        """That wait, but for those in lanes that others hold."""
        return self._tally.bytes

    def put(self, item: bytes) -> None:
        """Send a small, encoded item with the next frame."""
        self._ready.append(item)
        self._tally.bytes += len(item)
        if self._sleeping is not None:
            self._wake()

    def put_body(self, key: Hashable, number: int, body: bytes, encode: Encode) -> None:
        """Send an item of any size, after all that were put under this key and still wait."""
        lane = self._lanes.get(key) if self._lanes else None
        if lane is None:
            if len(body) <= PART_BYTES:
                self.put(encode(number, body))
                return
            lane = self._lanes[key] = Lane(self._tally, key)
        lane.put(number, body, encode)
        self.queue(lane)

    def drop(self, key: Hashable) -> None:
        """Forget what waits under this key, also if a part of it was sent."""
        if (lane := self._lanes.pop(key, None)) is not None:
            lane.clear()

    def queue(self, lane: Lane) -> None:
        """Give the lane its turn, now that something waits in it."""
        if lane.queued:
            return
        lane.queued = True
        if lane.is_bulk:
            (self._bulk if lane.begun_bytes else self._fresh).append(lane)
        else:
            self._ready.append(lane)
        if self._sleeping is not None:
            self._wake()

    async def run(self) -> None:
        """Send until the link is down. Raises LinkDown."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                if not self._ready and not self._bulk and not self._fresh:
                    self._tell_flushed()
                    self._sleeping = loop.create_future()
                    await self._sleeping
                if frame := self._frame():
                    await self._link.send(frame)
                if self._sent is not None:
                    self._sent()
        finally:
            self._is_over = True
            self._tell_flushed()

    async def flush(self) -> None:
        """Return when all has been given to the link, or it is down; the caller bounds the wait."""
        if self._sleeping is None and not self._is_over:
            self._flushed = self._flushed or asyncio.get_running_loop().create_future()
            await self._flushed

    def _tell_flushed(self) -> None:
        flushed, self._flushed = self._flushed, None
        if flushed is not None and not flushed.done():
            flushed.set_result(None)

    def _wake(self) -> None:
        sleeping, self._sleeping = self._sleeping, None
        if sleeping is not None and not sleeping.done():
            sleeping.set_result(None)

    def _frame(self) -> bytes:
        pieces: list[bytes] = []
        size = 0
        ready = self._ready
        while ready and size < GATHERED_BYTES:
            entry = ready.popleft()
            if isinstance(entry, Lane):
                piece = self._turn(entry)
            else:
                piece = entry
                self._tally.bytes -= len(piece)
            pieces.append(piece)
            size += len(piece)
        if (lane := self._next_bulk()) is not None:
            pieces.append(self._turn(lane))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _next_bulk(self) -> Lane | None:
        """Whose part is next: one that has yet to begin, while few and little have begun; else those, in turn."""
        if self._fresh:
            fits = self._begun_bytes + self._fresh[0].next_bytes <= PARTS_BYTES_MAX
            if not self._begun or (len(self._begun) < BEGUN_MAX and fits):
                return self._fresh.popleft()
        return self._bulk.popleft() if self._bulk else None

    def _turn(self, lane: Lane) -> bytes:
        """What the lane sends now; it may have been cleared, or hold something else than when it was queued."""
        lane.queued = False
        piece = lane.next() if lane else b""
        self._begun_bytes -= self._begun.pop(lane, 0)
        if lane and lane.begun_bytes:
            self._begun[lane] = lane.begun_bytes
            self._begun_bytes += lane.begun_bytes
        if lane:
            self.queue(lane)
        elif lane.key is not None and self._lanes.get(lane.key) is lane:
            del self._lanes[lane.key]
        return piece
