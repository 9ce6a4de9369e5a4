"""What store.py promises, asked of every store."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cluster.clock import ManualClock
from cluster.errors import TooLarge, Unavailable
from cluster.meta.store import (
    KEY_BYTES_MAX,
    RANGE_BYTES_MAX,
    TRANSACTION_BYTES_MAX,
    TRANSACTION_SECONDS_MAX,
    VALUE_BYTES_MAX,
    Row,
    Store,
    Transaction,
)
from tests.contract.adapters import Adapter
from tests.contract.asking import END, counter, everything, everything_backwards, put


class TestReads:
    async def test_an_absent_key_is_none(self, store: Store) -> None:
        assert await store.get(b"absent") is None
        assert await store.get_many([b"absent", b"too"]) == [None, None]
        assert await store.get_many([]) == []
        assert await store.range(b"", END) == []

    async def test_get_gives_what_was_set(self, store: Store) -> None:
        await put(store, (b"a", b"1"))
        assert await store.get(b"a") == b"1"
        await put(store, (b"a", b"2"))
        assert await store.get(b"a") == b"2"

    async def test_an_empty_value_is_not_an_absent_one(self, store: Store) -> None:
        await put(store, (b"a", b""))
        assert await store.get(b"a") == b""
        assert await store.range(b"", END) == [(b"a", b"")]

    async def test_keys_and_values_are_any_bytes(self, store: Store) -> None:
        rows = [(bytes([n]) + tail, bytes([255 - n])) for n in range(256) for tail in (b"", b"\0", b"\xff")]
        rows.append((b"\xff" * (KEY_BYTES_MAX - 1) + b"\xfe", b"last"))
        await put(store, *rows)
        assert await everything(store) == sorted(rows)
        assert await everything_backwards(store) == sorted(rows, reverse=True)

    async def test_get_many_keeps_the_order_of_the_keys(self, store: Store) -> None:
        await put(store, (b"a", b"1"), (b"b", b"2"))
        assert await store.get_many([b"b", b"x", b"a", b"b"]) == [b"2", None, b"1", b"2"]

    async def test_range_ends_before_its_end(self, store: Store) -> None:
        await put(store, *[(key, key) for key in (b"a", b"b", b"b\0", b"c")])
        assert [key for key, _ in await store.range(b"a", b"c")] == [b"a", b"b", b"b\0"]
        assert [key for key, _ in await store.range(b"a\0", b"b\0")] == [b"b"]
        assert [key for key, _ in await store.range(b"a", b"c", reverse=True)] == [b"b\0", b"b", b"a"]
        assert await store.range(b"b", b"b") == []
        assert await store.range(b"c", b"a") == []

    async def test_range_stops_at_its_limit(self, store: Store) -> None:
        await put(store, *[(b"%d" % n, b"") for n in range(5)])
        assert [key for key, _ in await store.range(b"", END, limit=2)] == [b"0", b"1"]
        assert [key for key, _ in await store.range(b"", END, limit=2, reverse=True)] == [b"4", b"3"]
        assert await store.range(b"", END, limit=0) == []
        assert len(await store.range(b"", END, limit=10**9)) == 5

    async def test_a_range_page_is_bounded_in_bytes_but_never_empty(self, store: Store) -> None:
        rows = [(b"%03d" % n, b"v" * VALUE_BYTES_MAX) for n in range(60)]
        await put(store, *rows)
        page = await store.range(b"", END)
        most = RANGE_BYTES_MAX + VALUE_BYTES_MAX + KEY_BYTES_MAX
        assert RANGE_BYTES_MAX < sum(len(key) + len(value) for key, value in page) <= most
        assert await everything(store) == rows

        async def body(transaction: Transaction) -> list[Row]:
            transaction.set(b"030", b"")
            return await transaction.range(b"", END)

        page = await store.transact(body)
        assert RANGE_BYTES_MAX < sum(len(key) + len(value) for key, value in page) <= most

    async def test_a_page_is_short_only_past_its_bytes(self, store: Store) -> None:
        """So that who gets a short one below them need not ask again: a store's own overhead does not count."""
        large = RANGE_BYTES_MAX // VALUE_BYTES_MAX - 1
        rows = [(b"%03d" % n, b"v" * VALUE_BYTES_MAX) for n in range(large)]
        rest = RANGE_BYTES_MAX - sum(len(key) + len(value) for key, value in rows)
        rows.append((b"%03d" % large, b"v" * (rest - 100)))
        rows += [(b"%03d" % n, b"") for n in range(large + 1, large + 20)]
        await put(store, *rows)
        assert await store.range(b"", END) == rows
        assert await store.range(b"", END, reverse=True) == rows[::-1]

    async def test_range_bounds_may_be_longer_than_any_key(self, store: Store) -> None:
        key = b"k" * KEY_BYTES_MAX
        await put(store, (key, b"1"), (b"z", b"2"))
        assert await store.range(key + b"\0", END) == [(b"z", b"2")]
        assert await store.range(b"", key + b"\0") == [(key, b"1")]


class TestLimits:
    async def test_the_longest_key_and_value_fit(self, store: Store) -> None:
        await put(store, (b"k" * KEY_BYTES_MAX, b"v" * VALUE_BYTES_MAX))
        assert await store.get(b"k" * KEY_BYTES_MAX) == b"v" * VALUE_BYTES_MAX

    @pytest.mark.parametrize(
        "write",
        [
            lambda t: t.set(b"k" * (KEY_BYTES_MAX + 1), b""),
            lambda t: t.set(b"", b""),
            lambda t: t.set(b"\xff" * KEY_BYTES_MAX, b""),
            lambda t: t.set(b"k", b"v" * (VALUE_BYTES_MAX + 1)),
            lambda t: t.clear(b"k" * (KEY_BYTES_MAX + 1)),
            lambda t: t.clear(b""),
            lambda t: t.add(b"", 1),
            lambda t: t.add(b"k", 2**63),
        ],
        ids=[
            "long key",
            "empty key",
            "last key",
            "long value",
            "clear long",
            "clear empty",
            "add empty",
            "add 64 bits",
        ],
    )
    async def test_what_is_over_a_limit_is_refused(self, store: Store, write: Callable[[Transaction], None]) -> None:
        async def body(transaction: Transaction) -> None:
            transaction.set(b"other", b"1")
            write(transaction)

        with pytest.raises(TooLarge):
            await store.transact(body)
        assert await store.get(b"other") is None

    @pytest.mark.parametrize("key", [b"", b"k" * (KEY_BYTES_MAX + 1), b"\xff" * KEY_BYTES_MAX])
    async def test_reading_such_a_key_is_refused_too(self, store: Store, key: bytes) -> None:
        with pytest.raises(TooLarge):
            await store.get(key)
        with pytest.raises(TooLarge):
            await store.get_many([key])
        with pytest.raises(TooLarge):
            await store.transact(lambda transaction: transaction.get(key))

    async def test_a_transaction_is_bounded(self, store: Store) -> None:
        fits = TRANSACTION_BYTES_MAX // (VALUE_BYTES_MAX + 8)
        rows = [(b"%08d" % n, b"v" * VALUE_BYTES_MAX) for n in range(fits + 1)]
        await put(store, *rows[:-1])
        with pytest.raises(TooLarge):
            await put(store, *[(key, b"w" * VALUE_BYTES_MAX) for key, _ in rows])
        assert await store.get_many([key for key, _ in rows]) == [value for _, value in rows[:-1]] + [None]

    async def test_a_refusal_that_the_body_swallows_commits_nothing(self, store: Store) -> None:
        async def body(transaction: Transaction) -> None:
            for n in range(200):
                try:
                    transaction.set(b"%d" % n, b"v" * VALUE_BYTES_MAX)
                except TooLarge:
                    return

        with pytest.raises(TooLarge):
            await store.transact(body)
        assert await store.get(b"0") is None


class TestTransactions:
    async def test_the_result_of_the_body_is_returned(self, store: Store) -> None:
        async def body(transaction: Transaction) -> str:
            return "done"

        assert await store.transact(body) == "done"

    async def test_what_the_body_raises_is_raised_and_nothing_is_written(self, store: Store) -> None:
        async def body(transaction: Transaction) -> None:
            transaction.set(b"a", b"1")
            raise LookupError("mine")

        with pytest.raises(LookupError, match="mine"):
            await store.transact(body)
        assert await store.get(b"a") is None

    async def test_own_writes_are_seen_and_no_one_elses(self, store: Store) -> None:
        await put(store, (b"a", b"1"), (b"b", b"1"), (b"c", b"1"))

        async def body(transaction: Transaction) -> None:
            transaction.set(b"a", b"2")
            transaction.clear(b"b")
            transaction.set(b"d", b"2")
            assert await transaction.get_many([b"a", b"b", b"c", b"d"]) == [b"2", None, b"1", b"2"]
            assert await transaction.get(b"b") is None
            assert await everything(transaction) == [(b"a", b"2"), (b"c", b"1"), (b"d", b"2")]
            assert await store.get_many([b"a", b"b", b"d"]) == [b"1", b"1", None]
            transaction.clear_range(b"a", b"d")
            assert await everything(transaction) == [(b"d", b"2")]
            transaction.set(b"b", b"3")
            assert await transaction.range(b"", END, reverse=True) == [(b"d", b"2"), (b"b", b"3")]

        await store.transact(body)
        assert await everything(store) == [(b"b", b"3"), (b"d", b"2")]

    async def test_clear_and_clear_range_where_there_is_nothing(self, store: Store) -> None:
        async def body(transaction: Transaction) -> None:
            transaction.clear(b"absent")
            transaction.clear_range(b"x", b"z")
            transaction.clear_range(b"z", b"x")
            transaction.clear_range(b"", END)

        await store.transact(body)
        assert await everything(store) == []

    async def test_clearing_everything_leaves_a_working_store(
        self, adapter: Adapter, store: Store, directory: Path
    ) -> None:
        await put(store, (b"a", b"1"), (b"\xff\xff", b"1"))

        async def body(transaction: Transaction) -> None:
            transaction.clear_range(b"", END)

        await store.transact(body)
        assert await everything(store) == []
        await store.close()
        if adapter.is_durable:
            again = await adapter.open(directory)
            assert await everything(again) == []
            await again.close()

    async def test_a_transaction_reads_one_moment(self, store: Store) -> None:
        await put(store, (b"a", b"1"), (b"b", b"1"), (b"c", b"1"))
        seen: list[object] = []

        async def body(transaction: Transaction) -> None:
            seen.clear()
            seen.append(await transaction.get(b"a"))
            await put(store, (b"a", b"2"), (b"b", b"2"), (b"bb", b"2"))
            await put(store, (b"a", b"3"), (b"b", b"3"))

            async def removes(other: Transaction) -> None:
                other.clear(b"c")

            await store.transact(removes)
            seen.append(await transaction.get(b"b"))
            seen.extend(await transaction.get_many([b"a", b"bb", b"c"]))
            seen.append(await everything(transaction))
            seen.append(await everything_backwards(transaction))

        await store.transact(body)
        before = [(b"a", b"1"), (b"b", b"1"), (b"c", b"1")]
        after = [(b"a", b"3"), (b"b", b"3"), (b"bb", b"2")]  # of a store that has run the body again
        assert seen in (
            [b"1", b"1", b"1", None, b"1", before, before[::-1]],
            [b"3", b"3", b"3", b"2", None, after, after[::-1]],
        )

    async def test_a_transaction_is_over_after_its_end(self, store: Store) -> None:
        kept: list[Transaction] = []

        async def body(transaction: Transaction) -> None:
            kept.append(transaction)

        await store.transact(body)
        with pytest.raises(Unavailable):
            await kept[0].get(b"a")

    async def test_a_transaction_that_is_too_old_is_unavailable(self, adapter: Adapter, tmp_path: Path) -> None:
        clock = ManualClock()
        store = await adapter.open(tmp_path / "own", clock=clock)

        async def reads(transaction: Transaction) -> None:
            await transaction.get(b"a")
            clock.advance(TRANSACTION_SECONDS_MAX + 1)
            await transaction.get(b"b")

        async def writes(transaction: Transaction) -> None:
            transaction.set(b"a", b"1")
            clock.advance(TRANSACTION_SECONDS_MAX + 1)

        for body in (reads, writes):
            with pytest.raises(Unavailable, match=r"old"):
                await store.transact(body)
        assert await store.get(b"a") is None
        await store.close()


class TestAdd:
    async def test_add_counts_from_nothing_up_and_down(self, store: Store) -> None:
        async def body(transaction: Transaction) -> None:
            transaction.add(b"n", 5)
            transaction.add(b"n", -7)
            assert await transaction.get(b"n") == counter(-2)
            assert await transaction.range(b"", END) == [(b"n", counter(-2))]

        await store.transact(body)
        await store.transact(body_adding(10))
        assert await store.get(b"n") == counter(8)

    async def test_add_on_own_writes(self, store: Store) -> None:
        await put(store, (b"n", counter(100)))

        async def body(transaction: Transaction) -> None:
            transaction.clear(b"n")
            transaction.add(b"n", 1)
            transaction.set(b"m", counter(2))
            transaction.add(b"m", 2)
            transaction.add(b"o", 1)
            transaction.clear_range(b"o", b"p")
            transaction.add(b"o", 3)

        await store.transact(body)
        assert await store.get_many([b"m", b"n", b"o"]) == [counter(4), counter(1), counter(3)]

    async def test_add_wraps_at_64_bits(self, store: Store) -> None:
        await store.transact(body_adding(2**63 - 1))
        await store.transact(body_adding(1))
        assert await store.get(b"n") == counter(-(2**63))

    async def test_adds_are_atomic_and_do_not_conflict(self, store: Store) -> None:
        runs = []

        async def body(transaction: Transaction) -> None:
            runs.append(1)
            transaction.add(b"n", 1)
            await asyncio.sleep(0)

        await asyncio.gather(*[store.transact(body) for _ in range(200)])
        assert await store.get(b"n") == counter(200)
        assert len(runs) == 200

    async def test_reading_what_is_added_to_conflicts_as_any_read(self, store: Store) -> None:
        seen = []

        async def body(transaction: Transaction) -> None:
            transaction.add(b"n", 1)
            seen.append(await transaction.get(b"n"))
            if len(seen) == 1:
                await store.transact(body_adding(10))

        await store.transact(body)
        assert seen == [counter(1), counter(11)]
        assert await store.get(b"n") == counter(11)


def body_adding(delta: int) -> Callable[[Transaction], Awaitable[None]]:
    async def body(transaction: Transaction) -> None:
        transaction.add(b"n", delta)

    return body


class TestLife:
    async def test_closed_means_unavailable(self, store: Store) -> None:
        await store.close()
        await store.close()
        with pytest.raises(Unavailable):
            await store.get(b"a")
        with pytest.raises(Unavailable):
            await store.range(b"", END)
        with pytest.raises(Unavailable):
            await put(store, (b"a", b"1"))

    async def test_close_finishes_commits_under_way(self, adapter: Adapter, store: Store, directory: Path) -> None:
        commits = [asyncio.ensure_future(put(store, (b"%d" % n, b""))) for n in range(20)]
        await asyncio.sleep(0)
        await store.close()
        outcomes = await asyncio.gather(*commits, return_exceptions=True)
        assert all(outcome is None or isinstance(outcome, Unavailable) for outcome in outcomes)
        if adapter.is_durable:
            again = await adapter.open(directory)
            kept = {key for key, _ in await everything(again)}
            assert kept == {b"%d" % n for n, outcome in enumerate(outcomes) if outcome is None}
            await again.close()

    async def test_what_was_committed_is_there_when_opened_again(
        self, adapter: Adapter, store: Store, directory: Path
    ) -> None:
        if not adapter.is_durable:
            pytest.skip("memory keeps nothing")
        await put(store, (b"a", b"1"), (b"b", b"2"))
        await store.close()
        again = await adapter.open(directory)
        assert await everything(again) == [(b"a", b"1"), (b"b", b"2")]
        await again.close()

    async def test_a_cancelled_caller_does_not_hurt_the_others(self, store: Store) -> None:
        commits = [asyncio.ensure_future(put(store, (b"%d" % n, b""))) for n in range(10)]
        await asyncio.sleep(0)
        commits[3].cancel()
        await asyncio.gather(*commits, return_exceptions=True)
        await put(store, (b"after", b""))
        kept = {key for key, _ in await everything(store)}
        assert kept >= {b"%d" % n for n in range(10) if n != 3} | {b"after"}
