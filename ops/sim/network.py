"""The simulated network: links (cluster/rpc/link.py) between lanes, with latency, loss, reordering and partitions.

The law: what a link delivers it delivers whole and in order, as TCP does, or it breaks for both sides: a lost frame
holds back what follows until it is sent again or the link breaks. Calls of different links overtake each other as
the dice will. All that waits is bounded, and who sends more waits too.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Final

from msgspec import Struct

from cluster.rpc.link import Accept, LinkDown
from ops.sim.loop import Lane, SimLoop
from ops.sim.trace import Trace

FRAMES_MAX: Final = 64  # on their way or unread in one direction; then `send` waits
LATENCY_S: Final = (0.0002, 0.002)  # one way within a site
SLOW_S: Final = (0.0, 0.3)  # of a link that is slower than others, so that they overtake it
AGAIN_S: Final = 0.2  # until a lost frame is sent again: TCP's least
DIAL_S: Final = 3.0  # nobody answered
KEEPALIVE_S: Final = (4.0, 12.0)  # until both sides find that nothing arrives any more


class Weather(Struct):
    """What may go wrong, as probabilities of one frame; 0 everywhere is fair weather."""

    lost: float = 0.0  # sent again after a while, or, one time in four, never: then the link breaks
    delayed: float = 0.0  # by up to `delay_s`
    delay_s: float = 1.0
    broken: float = 0.0  # the link breaks instead, at once
    slow: float = 0.0  # of links, not frames: others overtake it


class Network:
    """Who can reach whom. Hosts are names; a lane lives on the host of its name."""

    def __init__(self, loop: SimLoop, dice: Random, trace: Trace) -> None:
        self.loop = loop
        self.dice = dice
        self.trace = trace
        self.weather = Weather()
        self._blocked: dict[tuple[str, str], int] = {}  # (from, to): how many partitions hold it
        self._listeners: dict[str, tuple[Lane, Accept]] = {}
        self._links: dict[int, tuple[End, End]] = {}
        self._made = 0

    def latency(self) -> float:
        """One way, in seconds."""
        low, high = LATENCY_S
        if self.weather.delayed and self.dice.random() < self.weather.delayed:
            high = self.weather.delay_s
        return low + (high - low) * self.dice.random()

    def blocked(self, source: str, target: str) -> bool:
        """Whether nothing gets from one host to the other now."""
        return (source, target) in self._blocked

    def block(self, source: str, target: str) -> None:
        """Let nothing through in this direction."""
        self._blocked[source, target] = self._blocked.get((source, target), 0) + 1

    def unblock(self, source: str, target: str) -> None:
        """The inverse of one `block`; what was held back goes on."""
        left = self._blocked.get((source, target), 0) - 1
        if left > 0:
            self._blocked[source, target] = left
            return
        self._blocked.pop((source, target), None)
        for pair in tuple(self._links.values()):
            for end in pair:
                if end.lane.name == source and end.peer.lane.name == target:
                    end.go_on()

    def listen(self, address: str, lane: Lane, accept: Accept) -> None:
        """Serve links to an address from now on."""
        self._listeners[address] = (lane, accept)

    def cut(self, lane: Lane, *, silent: bool) -> None:
        """The lane has died: its links break, told by its host's kernel, or `silent`: found out by keepalive."""
        for address, (owner, _accept) in tuple(self._listeners.items()):
            if owner is lane:
                del self._listeners[address]
        for number, (one, other) in tuple(self._links.items()):
            if lane in (one.lane, other.lane):
                self.fail(number, self.keepalive() if silent else self.latency())

    def keepalive(self) -> float:
        """Until a link on which nothing arrives is given up."""
        low, high = KEEPALIVE_S
        return low + (high - low) * self.dice.random()

    def fail(self, number: int, after_s: float) -> None:
        """Break a link for both sides, each a little later than `after_s`."""
        for end in self._links.get(number, ()):
            self.loop.at(end.lane, self.loop.now + after_s + self.latency(), end.down)

    def forget(self, number: int) -> None:
        """The link is down on both sides."""
        self._links.pop(number, None)

    async def dial(self, lane: Lane, address: str) -> "End":
        """Open a link from this lane. Raises LinkDown."""
        loop = self.loop
        answer: asyncio.Future[End] = loop.create_future()
        found = self._listeners.get(address)
        if found is None:
            refused = LinkDown(f"nobody listens at {address}")
            loop.at(lane, loop.now + 2 * self.latency(), _answer, answer, None, refused)
        elif not (self.blocked(lane.name, found[0].name) or self.blocked(found[0].name, lane.name)):
            loop.at(found[0], loop.now + self.latency(), self._accept, lane, found, answer)
        try:
            async with asyncio.timeout(DIAL_S):
                return await answer
        except TimeoutError:
            raise LinkDown(f"{address} does not answer") from None

    def _accept(self, lane: Lane, found: tuple[Lane, Accept], answer: "asyncio.Future[End]") -> None:
        """On the listener's lane."""
        listener, accept = found
        self._made += 1
        number = self._made
        near, far = End(self, number, lane), End(self, number, listener)
        near.peer, far.peer = far, near
        self._links[number] = (near, far)
        if self.weather.slow and self.dice.random() < self.weather.slow:
            near.extra_s = far.extra_s = self.dice.uniform(*SLOW_S)
        self.loop.spawn(listener, _serve(accept, far))
        self.loop.at(lane, self.loop.now + self.latency(), _answer, answer, near, None)


class Dialing:
    """A process's Dialer."""

    def __init__(self, network: Network, lane: Lane) -> None:
        self._network = network
        self._lane = lane

    async def dial(self, address: str) -> "End":
        """Raises LinkDown when nobody answers there in time."""
        return await self._network.dial(self._lane, address)


class End:
    """One side of a link, as its lane holds it; `outgoing` are the frames it has sent that are not read yet."""

    peer: "End"

    def __init__(self, network: Network, number: int, lane: Lane) -> None:
        self.lane = lane
        self._network = network
        self._number = number
        self.extra_s = 0.0  # of a slow link
        self._is_down = False
        self._unread: deque[bytes] = deque()  # arrived
        self._on_way = 0  # sent from here and not read there
        self._held: deque[bytes] = deque()  # sent from here, behind a lost frame or a partition
        self._stalled = False
        self._arrives = 0.0  # when the last frame sent from here arrives
        self._waiting: list[asyncio.Future[None]] = []

    async def send(self, frame: bytes) -> None:
        """Waits while the other side does not keep up. Raises LinkDown."""
        while not self._is_down and self._on_way >= FRAMES_MAX:
            await self._changed()
        if self._is_down:
            raise LinkDown("the link is down")
        self._on_way += 1
        network = self._network
        if self._stalled or network.blocked(self.lane.name, self.peer.lane.name):
            self._stall(frame)
            return
        weather = network.weather
        if weather.broken and network.dice.random() < weather.broken:
            network.trace("break", self.lane.name, self.peer.lane.name)
            network.fail(self._number, 0.0)
        elif weather.lost and network.dice.random() < weather.lost:
            network.trace("lose", self.lane.name, self.peer.lane.name)
            self._stall(frame)
            if network.dice.random() < 0.75:  # sent again
                network.loop.at(network.loop.world, network.loop.now + AGAIN_S, self.go_on)
        else:
            self._send(frame)

    async def receive(self) -> bytes:
        """The next frame. Raises LinkDown when there will be none."""
        while not self._unread:
            if self._is_down:
                raise LinkDown("the link is down")
            await self._changed()
        frame = self._unread.popleft()
        peer = self.peer
        peer._on_way -= 1
        if peer._waiting:
            self._network.loop.at(peer.lane, self._network.loop.now, peer._wake)
        return frame

    def close(self) -> None:
        """End the stream: here at once, there after what was sent."""
        if not self._is_down:
            self.down()
            network, peer = self._network, self.peer
            if not self._stalled and not network.blocked(self.lane.name, peer.lane.name):
                network.loop.at(peer.lane, max(self._arrives, network.loop.now + network.latency()), peer.down)
            else:
                network.loop.at(peer.lane, network.loop.now + network.keepalive(), peer.down)

    def down(self) -> None:
        """The link is down, as this side finds. What has arrived may be read, or is lost with it."""
        if self._is_down:
            return
        self._is_down = True
        if self._network.dice.random() < 0.5:
            self._unread.clear()
        if self.peer._is_down:
            self._network.forget(self._number)
        self._wake()

    def go_on(self) -> None:
        """What was held back is sent, if nothing is in its way now."""
        if self._network.blocked(self.lane.name, self.peer.lane.name):
            return
        self._stalled = False
        while self._held:
            self._send(self._held.popleft())

    def _stall(self, frame: bytes) -> None:
        self._held.append(frame)
        if not self._stalled:
            self._stalled = True
            loop = self._network.loop
            loop.at(loop.world, loop.now + self._network.keepalive(), self._give_up)

    def _give_up(self) -> None:
        if self._stalled and not self._is_down:
            self._network.fail(self._number, 0.0)

    def _send(self, frame: bytes) -> None:
        network, peer = self._network, self.peer
        self._arrives = max(self._arrives, network.loop.now + network.latency() + self.extra_s)
        network.loop.at(peer.lane, self._arrives, peer._arrived, frame)

    def _arrived(self, frame: bytes) -> None:
        if not self._is_down:
            self._unread.append(frame)
            self._wake()

    async def _changed(self) -> None:
        waiting = self._network.loop.create_future()
        self._waiting.append(waiting)
        await waiting

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)


async def _serve(accept: Callable[[End], "object"], end: End) -> None:
    await accept(end)  # type: ignore[misc]


def _answer(answer: "asyncio.Future[End]", end: End | None, error: LinkDown | None) -> None:
    if end is not None:
        if answer.done():  # the dialer did not wait
            end.close()
        else:
            answer.set_result(end)
    elif not answer.done():
        assert error is not None
        answer.set_exception(error)
