"""Links within one process, with bounded buffers: for tests, and for a simulator to put faults between.

The law: as link.py has it. A closed link gives nothing more, not even what was under way: as a broken connection.
"""

import asyncio
from collections import deque
from typing import Final

from cluster.rpc.link import FRAME_BYTES_MAX, Accept, LinkDown

BUFFERED_BYTES: Final = 64 * 1024  # under way in one direction, as HTTP/2's window; one frame always fits


class _Pipe:
    """One direction."""

    def __init__(self, buffered_bytes: int) -> None:
        self.frames: deque[bytes] = deque()
        self.bytes = 0
        self.buffered_bytes = buffered_bytes
        self.is_down = False
        self.reader: asyncio.Future[None] | None = None
        self.writer: asyncio.Future[None] | None = None

    def wake(self) -> None:
        for waiting in (self.reader, self.writer):
            if waiting is not None and not waiting.done():
                waiting.set_result(None)

    def close(self) -> None:
        self.is_down = True
        self.frames.clear()
        self.wake()


class MemoryLink:
    """One side of a pair."""

    def __init__(self, incoming: _Pipe, outgoing: _Pipe) -> None:
        self._in = incoming
        self._out = outgoing

    async def send(self, frame: bytes) -> None:
        """Waits while the buffer is full. Raises LinkDown."""
        pipe = self._out
        assert 0 < len(frame) <= FRAME_BYTES_MAX
        while pipe.bytes and pipe.bytes + len(frame) > pipe.buffered_bytes and not pipe.is_down:
            pipe.writer = asyncio.get_running_loop().create_future()
            await pipe.writer
        if pipe.is_down:
            raise LinkDown("the link is closed")
        pipe.frames.append(frame)
        pipe.bytes += len(frame)
        pipe.wake()

    async def receive(self) -> bytes:
        """The next frame. Raises LinkDown."""
        pipe = self._in
        while not pipe.frames and not pipe.is_down:
            pipe.reader = asyncio.get_running_loop().create_future()
            await pipe.reader
        if pipe.is_down:
            raise LinkDown("the link is closed")
        frame = pipe.frames.popleft()
        pipe.bytes -= len(frame)
        pipe.wake()
        return frame

    def close(self) -> None:
        """Both sides hear LinkDown."""
        self._in.close()
        self._out.close()


def pair(buffered_bytes: int = BUFFERED_BYTES) -> tuple[MemoryLink, MemoryLink]:
    """The two sides of one link."""
    there, back = _Pipe(buffered_bytes), _Pipe(buffered_bytes)
    return MemoryLink(back, there), MemoryLink(there, back)


class MemoryNetwork:
    """Who listens at which address; dials them."""

    def __init__(self, buffered_bytes: int = BUFFERED_BYTES) -> None:
        self._buffered_bytes = buffered_bytes
        self._listening: dict[str, Accept] = {}
        self._serving: dict[asyncio.Task[None], tuple[str, MemoryLink]] = {}  # one each open link

    def listen(self, address: str, accept: Accept) -> None:
        """Serve links dialled to the address from now on."""
        self._listening[address] = accept

    def stop(self, address: str) -> None:
        """Nobody is there any more; its links are down."""
        self._listening.pop(address, None)
        for where, link in list(self._serving.values()):
            if where == address:
                link.close()

    async def dial(self, address: str) -> MemoryLink:
        """Raises LinkDown when nobody listens there."""
        accept = self._listening.get(address)
        if accept is None:
            raise LinkDown(f"nobody listens at {address}")
        mine, theirs = pair(self._buffered_bytes)

        async def serve() -> None:
            try:
                await accept(theirs)
            finally:
                theirs.close()

        task = asyncio.get_running_loop().create_task(serve())
        self._serving[task] = (address, theirs)
        task.add_done_callback(lambda done: self._serving.pop(done, None))
        return mine
