"""Services and sinks that tests of the data plane look into."""

import asyncio
from typing import Any

from cluster.clock import ManualClock
from cluster.errors import Moved, Trouble
from cluster.membership.members import Member
from cluster.rpc.caller import Caller
from cluster.rpc.memory_link import MemoryLink, pair
from cluster.rpc.server import Limits, Server
from cluster.rpc.service import Outlet


class Script:
    """A service whose calls wait until the test lets them go on."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, bytes]] = []
        self.ended = 0
        self.cancelled = 0
        self.gates: dict[bytes, asyncio.Future[bytes]] = {}  # by body: the answer
        self.outlets: list[Outlet] = []
        self.left: list[Outlet] = []
        self.early: list[bytes] = []  # pushed before a subscription begins
        self.fails: Exception | None = None

    def gate(self, body: bytes) -> "asyncio.Future[bytes]":
        """The call with this body waits for it."""
        self.gates[body] = asyncio.get_running_loop().create_future()
        return self.gates[body]

    async def call(self, slot: int, body: bytes) -> bytes:
        self.begun.append((slot, body))
        try:
            if self.fails is not None:
                raise self.fails
            return await self.gates[body] if body in self.gates else b"<" + body + b">"
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.ended += 1

    async def subscribe(self, slot: int, body: bytes, outlet: Outlet) -> bytes:
        self.begun.append((slot, body))
        self.outlets.append(outlet)
        for each in self.early:
            outlet.push(each)
        if self.fails is not None:
            raise self.fails
        return await self.gates[body] if body in self.gates else b"first"

    def unsubscribed(self, outlet: Outlet) -> None:
        self.left.append(outlet)


class Heard:
    """A sink."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.losses: list[Trouble] = []

    def pushed(self, body: bytes) -> None:
        assert not self.losses
        self.bodies.append(body)

    def lost(self, trouble: Trouble) -> None:
        self.losses.append(trouble)


class Ends:
    """A caller and a server over one link."""

    def __init__(self, *, limits: Limits | None = None, buffered_bytes: int = 64 * 1024, **bounds: Any) -> None:
        self.service = Script()
        self.near, self.far = pair(buffered_bytes)
        self.server = Server({"x": self.service}, limits or Limits())
        self.serving = asyncio.get_running_loop().create_task(self.server.serve(self.far))
        self.caller = Caller(self.near, **bounds)

    async def call(self, body: bytes, slot: int = 1, timeout_s: float = 10.0) -> bytes:
        return await self.caller.call("x", slot, body, timeout_s)

    async def close(self) -> None:
        self.caller.close()
        async with asyncio.timeout(10):
            await self.serving


async def settle(turns: int = 30) -> None:
    """Let everything that can go on go on."""
    for _ in range(turns):
        await asyncio.sleep(0)


class Fixed:
    """Places that a test sets."""

    def __init__(self) -> None:
        self.members: dict[int, Member] = {}
        self.asked: list[float] = []
        self._news = asyncio.Event()

    def set(self, slot: int, address: str, incarnation: int = 1) -> None:
        self.members[slot] = Member("m", "x", "n", address=address, incarnation=incarnation)
        self._news.set()
        self._news = asyncio.Event()

    def owner(self, kind: str, slot: int) -> Member | None:
        return self.members.get(slot)

    async def changed(self, kind: str, slot: int, known: Member | None, timeout_s: float) -> None:
        self.asked.append(timeout_s)
        if self.members.get(slot) == known:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._news.wait()
            except TimeoutError:
                pass


class LoopClock(ManualClock):
    """The loop's time."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


MOVED = Moved("Moved.", log="to elsewhere")
__all__ = ["MOVED", "Ends", "Fixed", "Heard", "LoopClock", "MemoryLink", "Script", "settle"]
