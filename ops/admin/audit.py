"""The record of every change made through the admin service, in the store: who, when, what, and how it ended.

    u time random      one change: JSON

The law: a change is on record before it is carried out, so none can be missing; no secret is ever on it: fields that
the schema marks `debug_redact` are left out.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import msgspec
from google.protobuf.message import Message

from cluster.clock import Clock, Dice
from cluster.meta.store import Store, Transaction

PREFIX: Final = b"u"
REQUEST_CHARACTERS_MAX: Final = 2000  # of one change: says what was meant, and an import's megabytes are not copied
ITEMS_MAX: Final = 20  # of a repeated field
PAGE: Final = 100
DAY_MS: Final = 24 * 3600 * 1000
BEGUN: Final = "begun"
DONE: Final = "done"
_READS: Final = ("Get", "List", "Watch", "Export", "Check", "ServerReflectionInfo", "Why")


class Change(msgspec.Struct, frozen=True):
    """One change, as stored."""

    at_ms: int
    who: str
    call: str
    request: str
    outcome: str = BEGUN


_decoder: Final = msgspec.json.Decoder(Change)


def is_change(method: str) -> bool:
    """Whether a call may change something, by its name: those that only read are named so."""
    return not method.rpartition("/")[2].startswith(_READS)


class Audit:
    """The record in one store."""

    def __init__(self, store: Store, clock: Clock, dice: Dice, *, keep_days: int) -> None:
        self._store = store
        self._clock = clock
        self._dice = dice
        self._keep_ms = keep_days * DAY_MS

    async def begin(self, who: str, method: str, request: Message | None) -> tuple[bytes, Change]:
        """Put a change on record; what `end` takes. Raises what the store does: then it must not be made."""
        now_ms = self._clock.now_ms()
        call = ".".join(method.split(".")[-1].split("/"))
        text = msgspec.json.encode(shown(request)).decode() if request is not None else "{}"
        change = Change(now_ms, who, call, text[:REQUEST_CHARACTERS_MAX])
        key = PREFIX + now_ms.to_bytes(8, "big") + self._dice.randbytes(4)

        async def body(transaction: Transaction) -> None:
            transaction.set(key, msgspec.json.encode(change))
            transaction.clear_range(PREFIX, PREFIX + max(0, now_ms - self._keep_ms).to_bytes(8, "big"))

        await self._store.transact(body)
        return key, change

    async def end(self, begun: tuple[bytes, Change], outcome: str) -> None:
        """Say how it ended."""
        key, change = begun
        ended = msgspec.json.encode(msgspec.structs.replace(change, outcome=outcome))

        async def body(transaction: Transaction) -> None:
            transaction.set(key, ended)

        await self._store.transact(body)

    async def newest(self, limit: int, before_ms: int = 0) -> AsyncIterator[Change]:
        """Changes from the newest back."""
        end = PREFIX + (before_ms.to_bytes(8, "big") if before_ms > 0 else b"\xff" * 8)
        while limit > 0 and (rows := await self._store.range(PREFIX, end, limit=min(limit, PAGE), reverse=True)):
            for _key, value in rows:
                yield _decoder.decode(value)
            limit -= len(rows)
            end = rows[-1][0]


def shown(message: Message) -> dict[str, Any]:
    """A request without its secrets, its lists and long values cut short."""
    told: dict[str, Any] = {}
    for field, value in message.ListFields():
        if field.GetOptions().debug_redact:
            told[field.name] = "…"
        elif isinstance(value, Mapping):  # to its descriptor repeated as well
            told[field.name] = {str(key): _short(value[key]) for key in sorted(value)[:ITEMS_MAX]}
        elif field.is_repeated:
            told[field.name] = [_short(item) for item in list(value)[:ITEMS_MAX]]
        else:
            told[field.name] = _short(value)
    return told


def _short(value: Any) -> Any:
    if isinstance(value, Message):
        return shown(value)
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return value if isinstance(value, bool | int | float) else str(value)[:200]
