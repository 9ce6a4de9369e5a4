"""The wire under the data plane: one ordered stream of frames. gRPC is one; the simulator has another.

The law: frames arrive whole and in order or the link is down for both sides; a link that is down stays down.
"""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

FRAME_BYTES_MAX: Final = 4 * 1024 * 1024  # what one frame may hold; a larger answer is cut in parts


class LinkDown(ConnectionError):
    """The stream has ended. Whether the last frames arrived is unknown."""


class Link(Protocol):
    """One side of an open stream. One reader and one writer at a time."""

    async def send(self, frame: bytes) -> None:
        """Waits while the other side does not keep up. Raises LinkDown."""
        ...

    async def receive(self) -> bytes:
        """The next frame. Raises LinkDown when there will be none."""
        ...

    def close(self) -> None:
        """End the stream; both sides hear LinkDown."""
        ...


class Dialer(Protocol):
    """Opens streams."""

    async def dial(self, address: str) -> Link:
        """Raises LinkDown when nobody answers there in time, Refused when the other side does not trust us or we not
        it."""
        ...


Accept = Callable[[Link], Awaitable[None]]
"""What a listening side is given: serves one link until it is down."""
