"""One watch on etcd: a snapshot, then its changes, taken up again where the connection broke.

The law: what is asked for next is the revision after the last one handed over whole; `created` and progress answers
never move it on (in etcd before 3.4.25 a progress answer may overtake changes). Where history is gone, it starts over.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from grpc import aio

from cluster.errors import Refused, Unavailable
from cluster.membership.etcd_connection import Connection, Member, Metadata
from cluster.membership.registry import Entry, Snapshot, Update
from cluster.membership.watching import PENDING_MAX, UpdateQueue
from wire import etcd_pb2 as pb

PAUSE_S: Final = 0.1  # before a broken stream is opened again
REFUSALS_MAX: Final = 2  # the first may be a login that has run out


def prefix_end(prefix: bytes) -> bytes:
    r"""The first key after all with the prefix; b"\0", etcd's for `all`, where there is none."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else b"\0"


def by_revision(events: Sequence[pb.Event]) -> list[Update]:
    """One update for each revision, in order."""
    updates: dict[int, dict[str, Entry | None]] = {}
    for event in events:
        pair = event.kv
        gone = event.type == pb.Event.DELETE
        updates.setdefault(pair.mod_revision, {})[pair.key.decode()] = (
            None if gone else Entry(pair.value, pair.create_revision, pair.mod_revision)
        )
    return [Update(revision, updates[revision]) for revision in sorted(updates)]


class EtcdWatch(UpdateQueue):
    """Fed by a task of its own."""

    def __init__(
        self,
        connection: Connection,
        snapshot: Callable[[str], Awaitable[Snapshot]],
        prefix: str,
        *,
        on_close: Callable[["EtcdWatch"], None],
    ) -> None:
        self._wanted = asyncio.Event()
        super().__init__(on_wanted=self._wanted.set, on_close=lambda: on_close(self))
        self._connection = connection
        self._snapshot = snapshot
        self._prefix = prefix
        self._next: int | None = None  # the revision to ask for; None: a snapshot first
        self._refusals = 0
        self._task = asyncio.create_task(self._run())

    async def aclose(self) -> None:
        """End the watch and its stream."""
        self.close()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                if self._next is None:
                    if self.ran_over:
                        await self._wanted.wait()
                    snapshot = await self._snapshot(self._prefix)
                    self._wanted.clear()
                    self.restart(snapshot)
                    self._next = snapshot.revision + 1
                await self._follow(self._next)
            except Refused as error:
                self._refusals += 1
                if self._refusals >= REFUSALS_MAX:
                    return self.fail(error)
                self._connection.forget_login()
            except Unavailable:
                pass
            except Exception as error:  # noqa: BLE001 (a reader that waits for ever would not know)
                return self.fail(Unavailable("The registry cannot be watched.", log=f"etcd: {error!r}"))
            await asyncio.sleep(PAUSE_S)

    async def _follow(self, start: int) -> None:
        """Hand over what one stream brings, until it ends. Sets `_next` to None where a snapshot is needed."""
        key = self._prefix.encode()
        create = pb.WatchCreateRequest(key=key, range_end=prefix_end(key), start_revision=start, fragment=True)

        ended = asyncio.Event()

        async def asking() -> AsyncIterator[pb.WatchRequest]:
            yield pb.WatchRequest(create_request=create)
            await ended.wait()  # the stream stays open for both

        def open_call(member: Member, metadata: Metadata) -> aio.StreamStreamCall[pb.WatchRequest, pb.WatchResponse]:
            return member.watch.Watch(asking(), metadata=metadata)

        try:
            async with self._connection.streaming(open_call) as call:
                await self._take(call, start)
        finally:
            ended.set()

    async def _take(self, answers: AsyncIterable[pb.WatchResponse], start: int) -> None:
        events: list[pb.Event] = []
        async for answer in answers:
            if answer.canceled:
                return self._cancelled(answer)
            if answer.created and answer.header.revision < start - 1:
                self._next = None  # etcd's data is older than ours: it was lost, or this member lags
                return None
            self._refusals = 0
            events += answer.events
            if answer.fragment and len(events) <= PENDING_MAX:
                continue
            if not self._hand_over(events, whole=not answer.fragment):
                self._next = None
                return None
            events = []
        return None

    def _hand_over(self, events: list[pb.Event], *, whole: bool) -> bool:
        """False: the reader is too slow, or the parts of one answer are too much to wait for."""
        if not whole:
            return False
        for update in by_revision(events):
            if not self.offer(update):
                return False
            self._next = update.revision + 1
        return True

    def _cancelled(self, answer: pb.WatchResponse) -> None:
        if answer.compact_revision:
            self._next = None
        elif "permission denied" in answer.cancel_reason:
            raise Refused("The registry refuses this user.", log=f"etcd: {answer.cancel_reason}")
