"""The registry interface: few small keys that many watch, with leases and compare-and-set. Its shape is etcd's.

The law: a revision grows with every change; a watch misses nothing (it starts over with a snapshot where history was
compacted, or the connection was away for too long); what a lease holds is gone when the lease is. Changes are never
retried inside where their outcome is unknown: the caller reads again and decides.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

VALUE_BYTES_MAX: Final = 1_000_000  # etcd's limit is 1.5 MiB a request
CHANGES_MAX: Final = 120  # writes of one `change`: etcd's limit is 128 operations
TTL_S_MIN: Final = 2  # etcd's least, with its default election timeout


class Entry(NamedTuple):
    """A value, the revision that created its key and the one that wrote it last."""

    value: bytes
    created: int
    revision: int


class Snapshot(NamedTuple):
    """All keys of a prefix, as of a revision."""

    revision: int
    entries: Mapping[str, Entry]


class Update(NamedTuple):
    """What a watch gives. `reset`: `entries` are all there is, forget what was known; else they are what changed.

    None as an entry: the key is gone.
    """

    revision: int
    entries: Mapping[str, Entry | None]
    reset: bool = False


class Compare(NamedTuple):
    """A condition of `change`: the key's last write is of exactly this revision; 0: there is no such key."""

    key: str
    revision: int


class Lease(Protocol):
    """Keys live as long as it is kept alive, which it does by itself from `grant` on."""

    @property
    def id(self) -> int:
        """Its number in the registry; `revoke` takes it."""
        ...

    @property
    def until(self) -> float:
        """The clock's `monotonic` second until which the registry surely holds the lease, counted from before the
        last renewal was sent. Past it nobody may rely on it; once it passed, the lease is lost for good."""
        ...

    @property
    def lost(self) -> bool:
        """Whether the registry said that it is gone, or `until` has passed."""
        ...

    async def revoke(self) -> None:
        """Give it up, with its keys. Never raises."""
        ...


class Watch(Protocol):
    """The updates, for one reader (an async iterator). A read that is cancelled loses nothing."""

    def __aiter__(self) -> AsyncIterator[Update]: ...

    async def __anext__(self) -> Update: ...

    async def aclose(self) -> None:
        """End it: the reader's loop ends, now. What is only let go of is watched until the registry is closed."""
        ...


class Registry(Protocol):
    """One a process. All methods raise Unavailable when the registry does not answer in time, Refused when it does not
    let this user in."""

    async def get(self, key: str) -> Entry | None:
        """One key, as of now."""
        ...

    async def snapshot(self, prefix: str) -> Snapshot:
        """All keys with the prefix, as of now."""
        ...

    async def change(
        self,
        puts: Mapping[str, bytes],
        *,
        deletes: Sequence[str] = (),
        when: Sequence[Compare] = (),
        lease: Lease | None = None,
    ) -> int | None:
        """Write all, if all of `when` holds; the revision, or None when something of `when` does not hold.

        The puts live as long as `lease`, if given. After Unavailable the outcome is unknown.
        """
        ...

    async def grant(self, ttl_s: int) -> Lease:
        """A lease, kept alive in the background."""
        ...

    async def revoke(self, lease: int) -> None:
        """Revoke a lease by its number (a predecessor's); no error where there is none."""
        ...

    def watch(self, prefix: str) -> Watch:
        """First a reset with all there is, then every change in order, until closed. Never ends by itself: it survives
        the registry's restarts and compactions, with resets where needed, also for a reader that fell far behind.
        Raises Refused."""
        ...

    async def close(self) -> None:
        """Let go of connections; leases are left to run out."""
        ...
