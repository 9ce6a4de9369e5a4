"""Requests that make something and may come twice: what the first was answered, the second is too (Idempotency-Key,
draft-ietf-httpapi-idempotency-key-header).

    s/again/ day hash      one answer: JSON

The law: under one key, somebody makes a thing once within a day at least; no secret is kept, not even as a digest: what
the schema marks `debug_redact` is left out.
"""

import hashlib
from typing import Any, Final

import msgspec
from google.protobuf.message import Message

from cluster.clock import Clock
from cluster.meta.store import Store, Transaction
from ops.admin.http.problems import Problem

PREFIX: Final = b"s/again/"
DAY_MS: Final = 24 * 3600 * 1000
RUNNING_MS: Final = 60_000  # whoever has not ended by then has died on the way
NAME: Final = "Idempotency-Key"
KEY_CHARS_MAX: Final = 255


class Kept(msgspec.Struct, frozen=True):
    """What is known of one request; status 0: not answered yet."""

    at_ms: int
    request: str  # digest
    status: int = 0
    body: str = ""
    location: str = ""


class Repeats:
    """Those of all gateways over a store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def begin(self, who: str, key: str, call: str, request: Message) -> Kept | None:
        """What it was answered before; None: it is new. Raises Problem, and what the store does."""
        if len(key) > KEY_CHARS_MAX or not key.isprintable():
            raise Problem(400, f"An Idempotency-Key has up to {KEY_CHARS_MAX} printable characters.", at=NAME)
        now_ms, digest = self._clock.now_ms(), _digest(call, request)

        async def body(transaction: Transaction) -> Kept | None:
            for day in (now_ms, now_ms - DAY_MS):
                value = await transaction.get(_place(day, who, key))
                kept = msgspec.json.decode(value, type=Kept) if value else None
                if kept is not None and (kept.status or now_ms - kept.at_ms < RUNNING_MS):
                    return kept
            transaction.set(_place(now_ms, who, key), msgspec.json.encode(Kept(now_ms, digest)))
            transaction.clear_range(PREFIX, PREFIX + _day(now_ms - DAY_MS))
            return None

        kept = await self._store.transact(body)
        if kept is None:
            return None
        if kept.request != digest:
            raise Problem(422, "This Idempotency-Key was used for another request: take a new one.", at=NAME)
        if not kept.status:
            raise Problem(409, "The first request of this Idempotency-Key is under way: ask again soon.", retry=True)
        return kept

    async def end(self, who: str, key: str, answered: Kept | None) -> None:
        """Keep what it was answered; None: it failed, and may be tried again."""
        now_ms = self._clock.now_ms()

        async def body(transaction: Transaction) -> None:
            for day in (now_ms, now_ms - DAY_MS):  # midnight may have been meanwhile
                place = _place(day, who, key)
                value = await transaction.get(place)
                if value is None:
                    continue
                if answered is None:
                    transaction.clear_range(place, place + b"\0")
                else:
                    begun = msgspec.json.decode(value, type=Kept)
                    kept = msgspec.structs.replace(answered, at_ms=begun.at_ms, request=begun.request)
                    transaction.set(place, msgspec.json.encode(kept))
                return

        await self._store.transact(body)


def _day(at_ms: int) -> bytes:
    return (max(at_ms, 0) // DAY_MS).to_bytes(4, "big")


def _place(at_ms: int, who: str, key: str) -> bytes:
    return PREFIX + _day(at_ms) + hashlib.blake2b(f"{who}\0{key}".encode(), digest_size=16).digest()


def _digest(call: str, request: Message) -> str:
    """Of what is asked, without secrets."""
    plain: Any = type(request)()
    plain.CopyFrom(request)
    for field, _value in request.ListFields():
        if field.GetOptions().debug_redact:
            plain.ClearField(field.name)
    said = call.encode() + b"\0" + plain.SerializeToString(deterministic=True)
    return hashlib.blake2b(said, digest_size=16).hexdigest()
