"""Which accounts may have push subscriptions, what was pushed to them, and the keys that pushes are signed with.

The law: an account's row is there before a subscription of its is, and goes only when it has been of no use for an
hour: who looks in between finds too much, never too little. What was pushed is written late: after a crash something
may be pushed twice. All processes sign with the same keys: the newest, and those before it for whoever subscribed under
them.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from actors.push import keys
from cluster.clock import Clock
from cluster.errors import Corrupt
from cluster.meta.store import Row, Store, Transaction

VERSION: Final = 1
IDLE_MS: Final = 3_600_000  # a row without subscriptions is kept for so long: one may be about to be made
NEWS_KEPT_MS: Final = 3_600_000  # who has not read them by then has read all rows
PAGE: Final = 1000
SEED_BYTES: Final = 48  # of randomness, from which a key is made


class Pushed(Struct, frozen=True, array_like=True):
    """An account's row. `marks`: by subscription, what it was told of last (mail.jmap.push)."""

    version: int
    noted_ms: int
    marks: dict[str, str]


class SigningKey(Struct, frozen=True, array_like=True):
    """A key, as the randomness it is made from."""

    version: int
    seed: bytes


class Seed(NamedTuple):
    """The randomness of a key, and when another took its place; None: it is the newest."""

    seed: bytes
    replaced_ms: int | None


class PushClient:
    """One a process."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def note(self, account: int, marks: Mapping[str, str] | None = None) -> None:
        """Something about an account's subscriptions changes, or is about to. `marks`: what those know that are new.
        Raises Unavailable."""
        now_ms = self._clock.now_ms()

        async def body(tr: Transaction) -> None:
            held = _read(await tr.get(keys.row(account)))
            tr.set(keys.row(account), _encode(Pushed(VERSION, now_ms, held | dict(marks or {}))))
            tr.set(keys.news(now_ms, account), b"")

        await self._store.transact(body)

    async def noted(self, since_ms: int) -> list[tuple[int, int]]:
        """The accounts that were noted since a moment, each with when, in the order of time."""
        begin, end = keys.news_between(since_ms, self._clock.now_ms() + NEWS_KEPT_MS)  # clocks differ
        found: list[tuple[int, int]] = []
        while rows := await self._store.range(begin, end, limit=PAGE):
            found += [(keys.noted_ms(key), keys.account_of(key)) for key, _value in rows]
            begin = rows[-1][0] + b"\0"
        return found

    async def accounts(self, first: int, last: int) -> list[int]:
        """The accounts in the slots from one to another that may have subscriptions."""
        begin, end = keys.rows(first, last)
        found: list[int] = []
        while rows := await self._store.range(begin, end, limit=PAGE):
            found += [keys.account_of(key) for key, _value in rows]
            begin = rows[-1][0] + b"\0"
        return found

    async def marks(self, account: int) -> dict[str, str]:
        """What was pushed to each subscription of an account."""
        return _read(await self._store.get(keys.row(account)))

    async def keep(self, pushed: Mapping[int, Mapping[str, str]]) -> None:
        """Remember what was pushed: by account all its subscriptions. Rows that are gone stay so."""

        async def body(tr: Transaction) -> None:
            names = [keys.row(account) for account in pushed]
            for key, stored, marks in zip(names, await tr.get_many(names), pushed.values(), strict=True):
                if stored is not None:
                    noted_ms = _row(stored).noted_ms
                    tr.set(key, _encode(Pushed(VERSION, noted_ms, dict(marks))))

        await self._store.transact(body)

    async def forget(self, account: int) -> None:
        """The account has no subscriptions: its row goes, if it was not noted lately."""
        oldest_ms = self._clock.now_ms() - IDLE_MS

        async def body(tr: Transaction) -> None:
            stored = await tr.get(keys.row(account))
            if stored is not None and _row(stored).noted_ms < oldest_ms:
                tr.clear(keys.row(account))

        await self._store.transact(body)

    async def sweep(self) -> None:
        """Drop news that all have read."""
        begin, end = keys.news_between(0, self._clock.now_ms() - NEWS_KEPT_MS)

        async def body(tr: Transaction) -> None:
            tr.clear_range(begin, end)

        await self._store.transact(body)

    # keys

    async def seeds(self, randomness: bytes) -> list[Seed]:
        """Of all keys, the newest last; `randomness`: of the first, where there is none yet."""

        async def body(tr: Transaction) -> list[Seed]:
            rows = await tr.range(*keys.all_signing())
            if not rows:
                tr.set(keys.signing(self._clock.now_ms()), _encode(SigningKey(VERSION, randomness)))
                return [Seed(randomness, None)]
            followers = [*(keys.made_ms(key) for key, _value in rows[1:]), None]
            return [Seed(_seed(row), made_ms) for row, made_ms in zip(rows, followers, strict=True)]

        return await self._store.transact(body)

    async def renew(self, randomness: bytes, *, rotate_before_ms: int, retire_before_ms: int) -> None:
        """A new key where the newest was made before a moment; and drop those of which another took the place before
        another moment: until then they stay, for the subscriptions that were made under them (RFC 9749 5)."""

        async def body(tr: Transaction) -> None:
            rows = await tr.range(*keys.all_signing())
            for (key, _value), (follower, _next) in pairwise(rows):
                if keys.made_ms(follower) < retire_before_ms:
                    tr.clear(key)
            if rows and keys.made_ms(rows[-1][0]) < rotate_before_ms:
                tr.set(keys.signing(self._clock.now_ms()), _encode(SigningKey(VERSION, randomness)))

        await self._store.transact(body)


def slot_of(account: int) -> int:
    """The slot an account lives in."""
    return keys.slot_of(account)


def spans(slots: Iterable[int]) -> list[tuple[int, int]]:
    """Slots as runs, each from its first to its last."""
    found: list[tuple[int, int]] = []
    for slot in sorted(slots):
        if found and found[-1][1] == slot - 1:
            found[-1] = (found[-1][0], slot)
        else:
            found.append((slot, slot))
    return found


def _row(stored: bytes) -> Pushed:
    try:
        found = _rows.decode(stored)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Corrupt("What is known of pushes is damaged.", log=f"a push row does not decode: {error}") from error
    if found.version != VERSION:
        raise Corrupt("What is known of pushes is of another version.", log=f"push row version {found.version}")
    return found


def _read(stored: bytes | None) -> dict[str, str]:
    return {} if stored is None else _row(stored).marks


def _seed(row: Row) -> bytes:
    try:
        return _seeds.decode(row[1]).seed
    except msgspec.MsgspecError as error:
        raise Corrupt("A key of web push is damaged.", log="a push key does not decode") from error


_encode: Final = msgspec.msgpack.Encoder().encode
_rows: Final = msgspec.msgpack.Decoder(Pushed)
_seeds: Final = msgspec.msgpack.Decoder(SigningKey)
