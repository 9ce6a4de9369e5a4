"""The registry in etcd (3.4 or newer), with a client of our own; why is in ops/docs/decisions/0008.

The law: registry.py's. A change is sent once; a lease counts from before its renewal was sent.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, TypeVar

from grpc import aio

from cluster.clock import Clock
from cluster.errors import Trouble, Unavailable
from cluster.membership.etcd_connection import LEASE_GONE, Connection, Member, Metadata
from cluster.membership.etcd_watch import EtcdWatch, prefix_end
from cluster.membership.members import ROOT
from cluster.membership.registry import TTL_S_MIN, Compare, Entry, Lease, Snapshot, Watch
from cluster.membership.settings import EtcdSettings
from cluster.membership.watching import check_change
from wire import etcd_pb2 as pb

PAGE_KEYS: Final = 500
LIVES_A_TTL: Final = 3  # a renewal each third of it
RETRY_S: Final = 0.2  # after a renewal that nobody answered
FIRST_KEY: Final = f"{ROOT}/".encode()  # nobody's; read to see whether etcd answers

T = TypeVar("T")


class EtcdLease:
    """Renewed by a task of its own until it is lost or revoked."""

    def __init__(self, connection: Connection, clock: Clock, number: int, until: float) -> None:
        self._connection = connection
        self._monotonic = clock.monotonic
        self._until = until
        self._gone = False
        self.id: Final = number
        self._task = asyncio.create_task(self._renew())

    @property
    def until(self) -> float:
        """Until when etcd surely holds it."""
        return self._until

    @property
    def lost(self) -> bool:
        """Whether it is gone, or may be."""
        return self._gone or self._monotonic() >= self._until

    async def revoke(self) -> None:
        """Give it up, with its keys. Never raises."""
        self.stop()
        try:
            await revoke(self._connection, self.id)
        except Trouble:
            pass  # it runs out

    def stop(self) -> None:
        """Renew it no more; it counts as lost."""
        self._gone = True
        self._task.cancel()

    async def _renew(self) -> None:
        """Each attempt is a stream of one request, so that it goes where other calls go."""
        while not self.lost:
            await asyncio.sleep((self._until - self._monotonic()) / LIVES_A_TTL)
            while not self.lost:
                try:
                    sent, ttl_s = await self._connection.call(
                        self._keep_alive, again=True, within_s=max(self._until - self._monotonic(), 0)
                    )
                except Trouble:
                    await asyncio.sleep(RETRY_S)
                    continue
                if ttl_s <= 0 or self._monotonic() >= self._until:
                    self._gone = True  # what has passed once stays lost, whatever etcd says later
                else:
                    self._until = max(self._until, sent + ttl_s)
                break
        self._gone = True

    async def _keep_alive(self, member: Member, metadata: Metadata, timeout_s: float) -> tuple[float, int]:
        sent = self._monotonic()
        call = member.lease.LeaseKeepAlive(
            _once(pb.LeaseKeepAliveRequest(ID=self.id)), metadata=metadata, timeout=timeout_s
        )
        try:
            async for answer in call:
                return sent, answer.TTL
        finally:
            call.cancel()
        return sent, 0


async def _once(message: T) -> AsyncIterator[T]:
    yield message


async def revoke(connection: Connection, lease: int) -> None:
    """Revoke by number. Harmless twice. Raises Unavailable, Refused."""

    async def ask(member: Member, metadata: Metadata, timeout_s: float) -> None:
        try:
            await member.lease.LeaseRevoke(pb.LeaseRevokeRequest(ID=lease), metadata=metadata, timeout=timeout_s)
        except aio.AioRpcError as error:
            if LEASE_GONE not in (error.details() or ""):
                raise

    await connection.call(ask, again=True)


class EtcdRegistry:
    """See registry.Registry."""

    def __init__(self, settings: EtcdSettings, clock: Clock) -> None:
        """In a running loop; connects with the first call. Raises Misconfigured."""
        self._clock = clock
        self._connection = Connection(settings, clock, FIRST_KEY)
        self._leases: set[EtcdLease] = set()
        self._watches: set[EtcdWatch] = set()

    async def get(self, key: str) -> Entry | None:
        """One key, as of now."""
        found = await self._range(pb.RangeRequest(key=key.encode()))
        return _entry(found.kvs[0]) if found.kvs else None

    async def snapshot(self, prefix: str) -> Snapshot:
        """All keys with the prefix, as of the revision of the first page."""
        begin, end = prefix.encode(), prefix_end(prefix.encode())
        revision = 0
        entries: dict[str, Entry] = {}
        while True:
            page = await self._range(pb.RangeRequest(key=begin, range_end=end, limit=PAGE_KEYS, revision=revision))
            if not revision:
                revision = page.header.revision
            entries.update((pair.key.decode(), _entry(pair)) for pair in page.kvs)
            if not page.more:
                return Snapshot(revision, entries)
            begin = page.kvs[-1].key + b"\0"

    async def change(
        self,
        puts: Mapping[str, bytes],
        *,
        deletes: Sequence[str] = (),
        when: Sequence[Compare] = (),
        lease: Lease | None = None,
    ) -> int | None:
        """Write all, if all of `when` holds; the revision, or None."""
        check_change(puts, deletes)
        number = lease.id if lease else 0
        request = pb.TxnRequest(
            compare=[
                pb.Compare(target=pb.Compare.MOD, key=key.encode(), mod_revision=revision) for key, revision in when
            ],
            success=[
                *(
                    pb.RequestOp(request_put=pb.PutRequest(key=key.encode(), value=value, lease=number))
                    for key, value in puts.items()
                ),
                *(pb.RequestOp(request_delete_range=pb.DeleteRangeRequest(key=key.encode())) for key in deletes),
            ],
        )

        async def ask(member: Member, metadata: Metadata, timeout_s: float) -> pb.TxnResponse:
            return await member.kv.Txn(request, metadata=metadata, timeout=timeout_s)

        try:
            done = await self._connection.call(ask, again=False)
        except Unavailable as error:
            if isinstance(lease, EtcdLease) and LEASE_GONE in error.log:
                lease.stop()  # known now, not only at its next renewal
            raise
        return done.header.revision if done.succeeded else None

    async def grant(self, ttl_s: int) -> Lease:
        """A lease, kept alive. One that was granted to nobody, as its answer was lost, runs out."""
        request = pb.LeaseGrantRequest(TTL=max(ttl_s, TTL_S_MIN))

        async def ask(member: Member, metadata: Metadata, timeout_s: float) -> tuple[float, pb.LeaseGrantResponse]:
            sent = self._clock.monotonic()
            return sent, await member.lease.LeaseGrant(request, metadata=metadata, timeout=timeout_s)

        sent, granted = await self._connection.call(ask, again=True)
        lease = EtcdLease(self._connection, self._clock, granted.ID, sent + granted.TTL)
        self._leases = {held for held in self._leases if not held.lost} | {lease}
        return lease

    async def revoke(self, lease: int) -> None:
        """Revoke a lease by its number."""
        await revoke(self._connection, lease)

    def watch(self, prefix: str) -> Watch:
        """First a reset, then every change."""
        watch = EtcdWatch(self._connection, self.snapshot, prefix, on_close=self._watches.discard)
        self._watches.add(watch)
        return watch

    async def close(self) -> None:
        """Let go of connections; leases run out."""
        for lease in self._leases:
            lease.stop()
        for watch in list(self._watches):
            await watch.aclose()
        await self._connection.close()

    async def _range(self, request: pb.RangeRequest) -> pb.RangeResponse:
        async def ask(member: Member, metadata: Metadata, timeout_s: float) -> pb.RangeResponse:
            return await member.kv.Range(request, metadata=metadata, timeout=timeout_s)

        return await self._connection.call(ask, again=True)


def _entry(pair: pb.KeyValue) -> Entry:
    return Entry(pair.value, pair.create_revision, pair.mod_revision)
