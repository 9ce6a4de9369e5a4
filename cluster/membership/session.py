"""One member's announcement in the registry, kept there while the process lives.

The law: it counts as announced only while its lease surely lives, by the clock passed in. Of two sessions with one name
the greater incarnation stays; the other notices and never writes again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Final, Literal

import msgspec

from cluster.clock import Clock
from cluster.errors import Refused, Unavailable
from cluster.membership.members import Layout, Member
from cluster.membership.registry import Compare, Entry, Lease, Registry, Watch

State = Literal["waiting", "announced", "lost", "replaced", "resigned"]
RETRY_S: Final = 0.2  # after the registry did not answer
LOOKS_A_TTL: Final = 10  # how often a lease is looked at, so that a loss is told soon
NEVER: Final = float("-inf")


def read_member(entry: Entry | None) -> Member | None:
    """What a key says; None for no key and for what is no Member."""
    try:
        return msgspec.json.decode(entry.value, type=Member) if entry is not None else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


async def key_updates(watch: Watch, key: str, every_s: float) -> AsyncIterator[tuple[Entry | None, bool]]:
    """(the key's entry, True) for each of its changes, beginning with how it is; (None, False) at least each `every_s`
    seconds, to look at something else."""
    while True:
        try:
            async with asyncio.timeout(every_s):
                update = await anext(watch)
        except TimeoutError:
            yield None, False
            continue
        except StopAsyncIteration:
            return
        if update.reset or key in update.entries:
            yield update.entries.get(key), True
        else:
            yield None, False


class Session:
    """Announces from `start` until `resign`, or until a successor has replaced it.

    `state`: waiting (not yet announced), announced, lost (the lease is; nothing is owned until announced again),
    replaced or resigned (both for good).
    """

    def __init__(
        self,
        registry: Registry,
        layout: Layout,
        member: Member,
        *,
        clock: Clock,
        ttl_s: int,
        on_state: Callable[[State], None] = lambda _: None,
    ) -> None:
        """`on_state` hears every new state, in the loop's thread; it must not raise."""
        self._registry = registry
        self._key = layout.member(member)
        self._member = member
        self._clock = clock
        self._ttl_s = ttl_s
        self._on_state = on_state
        self._lease: Lease | None = None
        self._revision = 0
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self.state: State = "waiting"
        self.trouble = ""
        """Why it is not announced, for the log."""

    @property
    def until(self) -> float:
        """The clock's second until which this member is surely announced; -inf where it is not."""
        if self.state != "announced" or self._lease is None or self._lease.lost:
            return NEVER
        return self._lease.until

    @property
    def revision(self) -> int:
        """The registry's when this member was announced last: who has not seen as much of it may have missed what was
        decided while this member was not there."""
        return self._revision

    @property
    def holds(self) -> bool:
        """Whether this member is surely announced now."""
        return self._clock.monotonic() < self.until

    @property
    def replaced(self) -> bool:
        """Whether a successor of the same name has announced itself."""
        return self.state == "replaced"

    @property
    def member(self) -> Member:
        """As it was announced last, with its lease."""
        return self._member

    def start(self) -> None:
        """Announce in the background, and keep it so."""
        self._task = asyncio.create_task(self._run())

    async def wait_for(self, *states: State) -> State:
        """The first of these states that it is in; without end where it never is."""
        while self.state not in states:
            self._changed.clear()
            await self._changed.wait()
        return self.state

    async def ended(self) -> None:
        """Returns when a successor has replaced it; raises whatever else ended the announcing, which is a defect."""
        assert self._task is not None
        await asyncio.shield(self._task)

    async def resign(self) -> None:
        """Stop, and end the announcement at once. Never raises; again is harmless."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self.state != "replaced":
            self._tell("resigned")
        await self._drop()

    def _tell(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self._changed.set()
            self._on_state(state)

    async def _run(self) -> None:
        while True:
            try:
                stays = await self._announce()
                if stays:
                    self.trouble = ""
                    self._tell("announced")
                    stays = await self._stay()
            except (Unavailable, Refused) as error:
                self.trouble = error.log
                await asyncio.sleep(RETRY_S)
            else:
                if not stays:
                    self._tell("replaced")
                    return await self._drop()
            if self.state == "announced":
                self._tell("lost")
            if self._lease is not None and self._lease.lost:
                # By our clock. Its key may be there still, when the registry was away: it is written over before the
                # lease goes, or all slots of all shards would be given away as the registry comes back.
                self._lease = None
            await self._drop()

    async def _announce(self) -> bool:
        """Write the key, over a predecessor's. False: a successor is there. Raises Unavailable, Refused."""
        while True:
            entry = await self._registry.get(self._key)
            other = read_member(entry)
            if other is not None and other.incarnation > self._member.incarnation:
                return False
            if self._lease is None or self._lease.lost:
                self._lease = await self._registry.grant(self._ttl_s)
            self._member = msgspec.structs.replace(self._member, lease=self._lease.id)
            value = msgspec.json.encode(self._member)
            when = Compare(self._key, entry.revision if entry is not None else 0)
            revision = await self._registry.change({self._key: value}, when=[when], lease=self._lease)
            if revision is not None:
                self._revision = revision
                # Written over, not removed first: watchers see no gap, and the other sees its successor, not a loss
                # that it would mend.
                if other is not None and other.lease not in (0, self._lease.id):
                    try:
                        await self._registry.revoke(other.lease)
                    except Unavailable:
                        pass  # nothing of ours is under it; it runs out
                return True

    async def _stay(self) -> bool:
        """Until it is lost; False: until replaced."""
        assert self._lease is not None
        async with aclosing(self._registry.watch(self._key)) as watch:
            async for entry, told in key_updates(watch, self._key, self._ttl_s / LOOKS_A_TTL):
                if told:
                    there = read_member(entry)
                    if there is not None and there.incarnation > self._member.incarnation:
                        return False
                    if there is None or there.lease != self._lease.id:
                        return True
                if self._lease.lost:
                    return True
        return True

    async def _drop(self) -> None:
        """Let the lease go."""
        lease, self._lease = self._lease, None
        if lease is not None:
            await lease.revoke()


@asynccontextmanager
async def announced(session: Session) -> AsyncIterator[Session]:
    """The session, started; resigned at the end."""
    session.start()
    try:
        yield session
    finally:
        await session.resign()
