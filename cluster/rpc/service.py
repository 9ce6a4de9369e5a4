"""What a process serves over the data plane, and what a caller holds: the two ends as their users see them."""

from typing import Protocol

from cluster.errors import Trouble


class Outlet(Protocol):
    """A service's end of a subscription."""

    def push(self, body: bytes) -> None:
        """Send in order, after all pushed before. Never waits: a subscriber that falls too far behind (bytes) is cut
        off, and subscribes anew."""
        ...

    def end(self, trouble: Trouble) -> None:
        """Cut the subscriber off, with the reason."""
        ...


class Service(Protocol):
    """Answers calls. The synchronous beginnings of calls of one link to one slot run in the order they were made; a
    very large call lets those to other slots pass."""

    async def call(self, slot: int, body: bytes) -> bytes:
        """Carry out a call. Raises Trouble: Moved when the slot is not here."""
        ...

    async def subscribe(self, slot: int, body: bytes, outlet: Outlet) -> bytes:
        """Begin a subscription; what is returned reaches the caller before anything pushed. Raises Trouble."""
        ...

    def unsubscribed(self, outlet: Outlet) -> None:
        """The subscriber has left, or its link is down; not called after `outlet.end`."""
        ...


class Sink(Protocol):
    """A caller's end of a subscription. Neither method may block."""

    def pushed(self, body: bytes) -> None:
        """What the service pushed, in order."""
        ...

    def lost(self, trouble: Trouble) -> None:
        """The subscription is over: link down, cut off, moved. Called once, not after `Subscription.close`."""
        ...


class Subscription(Protocol):
    """A caller's hold on a subscription."""

    first: bytes  # what `Service.subscribe` returned

    def close(self) -> None:
        """Leave."""
        ...


class Calling(Protocol):
    """Calls the owners of slots, wherever they are (cluster/rpc/router.py; in one process, a Service directly).

    A call whose owner is away, has moved, or whose link breaks is made again, to the owner of then, until the deadline:
    so a body must be safe to carry out twice, by its nature or by a key in it.
    """

    async def call(self, kind: str, slot: int, body: bytes, *, timeout_s: float = 20.0) -> bytes:
        """The answer. Raises the service's Trouble, Unavailable at the deadline or when too much waits."""
        ...

    async def subscribe(
        self, kind: str, slot: int, body: bytes, sink: Sink, *, timeout_s: float = 20.0
    ) -> Subscription:
        """Subscribe at the owner. Raises as `call`. When lost, it is the caller who subscribes anew."""
        ...
