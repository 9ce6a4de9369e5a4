"""Kept policies, for whoever sends mail: any process reads and writes them.

The law: there is no owner. The last to write wins, which is right: each wrote what the domain itself said just then.
What cannot be read is as if it were not there, since it can be fetched again.
"""

from typing import Final

import msgspec

from actors.policies import keys
from actors.policies.types import Kept
from cluster.clock import Clock
from cluster.meta.store import Store, Transaction

FORMAT: Final = b"\1"
SWEEP_ROWS: Final = 200  # looked at by one call of `sweep`

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Kept)


class PolicyClient:
    """Reads and writes the policies of a store. All raise Unavailable, as the store does."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._swept = b""

    async def get(self, domain: str) -> Kept | None:
        """The policy, unless its time is over."""
        try:
            key = keys.policy(domain)
        except ValueError:
            return None
        kept = decode(await self._store.get(key))
        return kept if kept is not None and self._clock.now_ms() < kept.until_ms else None

    async def put(self, domain: str, kept: Kept) -> None:
        """Keep it. Raises ValueError for what is no domain."""
        key, value = keys.policy(domain), FORMAT + _encoder.encode(kept)

        async def writing(tx: Transaction) -> None:
            tx.set(key, value)

        await self._store.transact(writing)

    async def sweep(self) -> int:
        """Remove some of those whose time is over, going round; returns how many."""
        rows = await self._store.range(*keys.policies(self._swept), limit=SWEEP_ROWS)
        self._swept = rows[-1][0] if len(rows) == SWEEP_ROWS else b""
        now_ms = self._clock.now_ms()
        over = [(key, value) for key, value in rows if (kept := decode(value)) is None or kept.until_ms <= now_ms]

        async def removing(tx: Transaction) -> None:
            for (key, value), now in zip(over, await tx.get_many([key for key, _ in over]), strict=True):
                if now == value:  # else it was fetched again meanwhile
                    tx.clear(key)

        if over:
            await self._store.transact(removing)
        return len(over)


def decode(value: bytes | None) -> Kept | None:
    """A row, or None where it is none."""
    if value is None or value[:1] != FORMAT:
        return None
    try:
        return _decoder.decode(value[1:])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
