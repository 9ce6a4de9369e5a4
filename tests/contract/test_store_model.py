"""Any sequence of operations gives what a sorted dictionary gives, inside a transaction and after it."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.meta.store import Reader, Row, Store, Transaction
from tests.contract.adapters import Adapter, parameters

# Few keys, so that operations meet; some are prefixes of others, and bounds lie on and beside them.
KEYS = st.sampled_from([b"a", b"a\0", b"ab", b"b", b"b\xff", b"c", b"ca", b"\xff", b"\xff\xff"])
BOUNDS = KEYS | st.sampled_from([b"", b"a\0\0", b"bb", b"\xff" * 600])
VALUES = st.binary(max_size=9)
OPERATIONS = st.one_of(
    st.tuples(st.just("set"), KEYS, VALUES),
    st.tuples(st.just("clear"), KEYS),
    st.tuples(st.just("clear_range"), BOUNDS, BOUNDS),
    st.tuples(st.just("add"), KEYS, st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just("get"), KEYS),
    st.tuples(st.just("range"), BOUNDS, BOUNDS, st.integers(1, 4), st.booleans()),
)
TRANSACTIONS = st.lists(st.lists(OPERATIONS, max_size=12), max_size=5)


class Model:
    """What the store should hold."""

    def __init__(self, rows: dict[bytes, bytes] | None = None) -> None:
        self.rows = dict(rows or {})

    def set(self, key: bytes, value: bytes) -> None:
        self.rows[key] = value

    def clear(self, key: bytes) -> None:
        self.rows.pop(key, None)

    def clear_range(self, begin: bytes, end: bytes) -> None:
        self.rows = {key: value for key, value in self.rows.items() if not begin <= key < end}

    def add(self, key: bytes, delta: int) -> None:
        before = int.from_bytes(self.rows.get(key, b"")[:8], "little")
        self.rows[key] = ((before + delta) % 2**64).to_bytes(8, "little")

    def range(self, begin: bytes, end: bytes, reverse: bool) -> list[Row]:
        return sorted(((k, v) for k, v in self.rows.items() if begin <= k < end), reverse=reverse)


async def paged(reader: Reader, begin: bytes, end: bytes, limit: int, reverse: bool) -> list[Row]:
    rows: list[Row] = []
    while page := await reader.range(begin, end, limit=limit, reverse=reverse):
        assert len(page) <= limit
        rows += page
        begin, end = (begin, page[-1][0]) if reverse else (page[-1][0] + b"\0", end)
    return rows


async def play(store: Store, transactions: list[list[tuple[object, ...]]]) -> None:
    before = Model()
    for operations in transactions:

        async def body(
            transaction: Transaction, operations: list[tuple[object, ...]] = operations, before: Model = before
        ) -> Model:
            model = Model(before.rows)  # the body may be run again
            for name, *arguments in operations:
                if name == "get":
                    (key,) = arguments
                    assert isinstance(key, bytes)
                    assert await transaction.get(key) == model.rows.get(key)
                    assert await transaction.get_many([key, b"z", key]) == [
                        model.rows.get(key),
                        None,
                        model.rows.get(key),
                    ]
                elif name == "range":
                    begin, end, limit, reverse = arguments
                    assert isinstance(begin, bytes)
                    assert isinstance(end, bytes)
                    assert isinstance(limit, int)
                    assert isinstance(reverse, bool)
                    assert await paged(transaction, begin, end, limit, reverse) == model.range(begin, end, reverse)
                else:
                    for target in (transaction, model):
                        call: Callable[..., None] = getattr(target, str(name))
                        call(*arguments)
            return model

        before = await store.transact(body)
        everything = before.range(b"", b"\xff" * 600, reverse=False)
        assert await paged(store, b"", b"\xff" * 600, 3, reverse=False) == everything
        assert await paged(store, b"", b"\xff" * 600, 3, reverse=True) == everything[::-1]


async def play_afresh(adapter: Adapter, transactions: list[list[tuple[object, ...]]]) -> None:
    directory = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    store = await adapter.open(directory / "store")
    try:
        await play(store, transactions)
    finally:
        await store.close()
        shutil.rmtree(directory)


@pytest.mark.parametrize("adapter", parameters())
def test_a_store_is_a_sorted_dictionary(adapter: Adapter) -> None:
    @settings(max_examples=adapter.examples, deadline=None, database=None)
    @given(transactions=TRANSACTIONS)
    def plays(transactions: list[list[tuple[object, ...]]]) -> None:
        asyncio.run(play_afresh(adapter, transactions))

    plays()
