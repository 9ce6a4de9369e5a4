"""What the tests of placement share: virtual time, members, a controller's election that the test decides."""

import asyncio
import selectors
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from msgspec.json import encode

from cluster.membership.members import Layout, Member
from cluster.membership.memory import MemoryRegistryServer
from cluster.membership.registry import Compare, Lease, Registry

T = TypeVar("T")
LAYOUT = Layout("test")


class _NoWaiting(selectors.SelectSelector):
    """Where the loop would wait, its clock moves instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "everything waits, and nothing will come"
        self.now += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only when all wait."""

    def __init__(self) -> None:
        self._no_waiting = _NoWaiting()
        super().__init__(self._no_waiting)

    def time(self) -> float:
        return self._no_waiting.now


def run(scenario: Coroutine[Any, Any, T]) -> T:
    """Run in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(scenario)


class LoopClock:
    """The running loop's time."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def now_ms(self) -> int:
        return round(self.monotonic() * 1000)


def member(name: str, *, node: str = "", weight: float = 1.0, incarnation: int = 1) -> Member:
    """A mailbox shard; without `node` on a node of its own."""
    kind = name.partition("-")[0]
    return Member(name, kind, node or f"node-of-{name}", f"{name}:1", incarnation, weight=weight)


async def announce(registry: Registry, each: Member, lease: Lease | None = None) -> None:
    """As a session does."""
    assert await registry.change({LAYOUT.member(each): encode(each)}, lease=lease)


async def leave(registry: Registry, each: Member) -> None:
    """As when its lease has run out."""
    assert await registry.change({}, deletes=[LAYOUT.member(each)])


class Term:
    """A time of leading that ends when the test says that it was noticed."""

    def __init__(self, compare: Compare) -> None:
        self.compare = compare
        self.holds = True


class Throne:
    """An election that the test decides."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._term: Term | None = None
        self._won = asyncio.Event()

    async def win(self) -> None:
        """Take the leader's key, whoever has it."""
        revision = await self._registry.change({LAYOUT.leader: encode(member("controller-1"))})
        assert revision
        self._term = Term(Compare(LAYOUT.leader, revision))
        self._won.set()

    def lose(self) -> None:
        """Find out that another leads."""
        assert self._term is not None
        self._term.holds = False
        self._won.clear()

    @asynccontextmanager
    async def term(self) -> AsyncIterator[Term]:
        await self._won.wait()
        assert self._term is not None
        yield self._term


def server() -> tuple[MemoryRegistryServer, LoopClock]:
    """A registry, and the clock of all."""
    return MemoryRegistryServer(), LoopClock()
