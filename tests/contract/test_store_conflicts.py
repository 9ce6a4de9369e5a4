"""What store.py promises of transactions that meet, asked of every store."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from cluster.errors import Unavailable
from cluster.meta.store import (
    Store,
    Transaction,
)
from tests.contract.asking import END, counter, everything, put


class TestConflicts:
    @pytest.mark.parametrize(
        "read",
        [
            lambda t: t.get(b"k"),
            lambda t: t.get_many([b"j", b"k"]),
            lambda t: t.range(b"j", b"l"),
            lambda t: t.range(b"j", b"l", reverse=True),
            lambda t: t.range(b"", END, limit=1),
        ],
        ids=["get", "get_many", "range", "reverse", "limit"],
    )
    @pytest.mark.parametrize("before", [None, b"0"], ids=["phantom", "changed"])
    async def test_the_body_runs_again_when_what_it_read_changed(
        self, store: Store, read: Callable[[Transaction], Awaitable[object]], before: bytes | None
    ) -> None:
        if before is not None:
            await put(store, (b"k", before))
        runs: list[object] = []

        async def body(transaction: Transaction) -> None:
            found = await read(transaction)
            if not runs:
                await put(store, (b"k", b"1"))
            runs.append(found)
            transaction.set(b"out", b"%d" % len(runs))

        await store.transact(body)
        assert len(runs) == 2
        assert runs[0] != runs[1]
        assert await store.get(b"out") == b"2"

    @pytest.mark.parametrize("new", [b"a", b"e"], ids=["before the first", "after the last"])
    @pytest.mark.parametrize("reverse", [False, True])
    async def test_a_row_beside_those_of_a_range_is_a_conflict(self, store: Store, new: bytes, reverse: bool) -> None:
        await put(store, (b"b", b""), (b"c", b""), (b"d", b""))
        runs = []

        async def body(transaction: Transaction) -> None:
            runs.append(len(await transaction.range(b"", b"f", reverse=reverse)))
            if len(runs) == 1:  # to write the same again may be a change too
                await put(store, (new, b""))
            transaction.set(b"out", b"")

        await store.transact(body)
        assert runs == [3, 4]

    async def test_a_row_that_goes_away_from_a_range_is_a_conflict(self, store: Store) -> None:
        await put(store, *[(b"%03d" % n, b"") for n in range(300)])
        runs = []

        async def body(transaction: Transaction) -> None:
            runs.append(len(await transaction.range(b"", b"2")))
            if len(runs) == 1:

                async def removes(other: Transaction) -> None:
                    other.clear(b"150")

                await store.transact(removes)
            transaction.set(b"out", b"")

        await store.transact(body)
        assert runs == [200, 199]

    async def test_no_conflict_beyond_what_was_read(self, store: Store) -> None:
        await put(store, (b"a", b""), (b"b", b""), (b"c", b""))
        runs = []

        async def body(transaction: Transaction) -> None:
            runs.append(await transaction.range(b"", END, limit=2))
            await put(store, (b"bb", b"%d" % len(runs)), (b"c", b"%d" % len(runs)))
            transaction.set(b"out", b"")

        await store.transact(body)
        assert len(runs) == 1

    async def test_own_writes_are_no_reads(self, store: Store) -> None:
        runs = []

        async def body(transaction: Transaction) -> None:
            transaction.set(b"k", b"mine")
            runs.append(await transaction.get(b"k"))
            await put(store, (b"k", b"other"))

        await store.transact(body)
        assert runs == [b"mine"]
        assert await store.get(b"k") == b"mine"

    async def test_write_skew_is_prevented(self, store: Store) -> None:
        """Two on call, each leaves only if the other stays: one must stay."""
        await put(store, (b"ann", b"on"), (b"bob", b"on"))

        def leaves(who: bytes) -> Callable[[Transaction], Awaitable[None]]:
            async def body(transaction: Transaction) -> None:
                if len([row for row in await transaction.range(b"", END) if row[1] == b"on"]) > 1:
                    await asyncio.sleep(0)
                    transaction.set(who, b"off")

            return body

        await asyncio.gather(store.transact(leaves(b"ann")), store.transact(leaves(b"bob")))
        assert sorted(value for _, value in await everything(store)) == [b"off", b"on"]

    async def test_no_update_is_lost(self, store: Store) -> None:
        async def body(transaction: Transaction) -> None:
            transaction.set(b"n", b"%d" % (int(await transaction.get(b"n") or b"0") + 1))

        await asyncio.gather(*[store.transact(body) for _ in range(12)])
        assert await store.get(b"n") == b"12"

    async def test_a_sum_that_moves_stays_the_same_for_every_reader(self, store: Store) -> None:
        accounts = [b"account%d" % n for n in range(6)]
        await put(store, *[(account, counter(100)) for account in accounts])
        dice = random.Random(7)

        async def total(transaction: Transaction) -> int:
            rows = await transaction.range(b"account", b"accountz", limit=4)
            await asyncio.sleep(0)
            rows += await transaction.range(rows[-1][0] + b"\0", b"accountz")
            return sum(int.from_bytes(value, "little", signed=True) for _, value in rows)

        async def moves() -> None:
            for _ in range(15):
                source, target = dice.sample(accounts, 2)

                async def body(transaction: Transaction, source: bytes = source, target: bytes = target) -> None:
                    left = int.from_bytes(await transaction.get(source) or b"", "little", signed=True)
                    await asyncio.sleep(0)
                    gained = int.from_bytes(await transaction.get(target) or b"", "little", signed=True)
                    transaction.set(source, counter(left - 10))
                    transaction.set(target, counter(gained + 10))

                await store.transact(body)
                assert await store.transact(total) == 600

        await asyncio.gather(*[moves() for _ in range(4)])
        assert await store.transact(total) == 600

    async def test_a_body_that_never_wins_ends_with_unavailable(self, store: Store) -> None:
        runs = []

        async def body(transaction: Transaction) -> None:
            await transaction.get(b"k")
            runs.append(1)
            await put(store, (b"k", b"%d" % len(runs)))
            transaction.set(b"out", b"")

        with pytest.raises(Unavailable):
            await store.transact(body)
        assert 1 < len(runs) <= 100
        assert await store.get(b"out") is None
