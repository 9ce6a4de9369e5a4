"""What a body is told, over an engine that counts what it is asked."""

import asyncio
from collections.abc import Sequence

from cluster.meta.limits import Page, page_of
from cluster.meta.remote import RemoteStore
from cluster.meta.store import Transaction
from cluster.meta.validate import Changes


class Engine:
    """The newest state, snapshots as copies of it, and what was asked."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.asked: list[str] = []
        self.committed: list[Changes] = []

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        self.asked.append("get")
        return await _get(self.rows, keys)

    async def range(self, begin: bytes, end: bytes, limit: int, reverse: bool) -> Page:
        self.asked.append("range")
        return await _range(self.rows, begin, end, limit, reverse)

    def snapshot(self) -> "Snapshot":
        self.asked.append("snapshot")
        return Snapshot(dict(self.rows))

    async def commit(self, changes: Changes) -> None:
        self.committed.append(changes)

    async def close(self) -> None:
        pass


class Snapshot:
    def __init__(self, rows: dict[bytes, bytes]) -> None:
        self._rows = rows
        self.closed = False

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        assert not self.closed
        return await _get(self._rows, keys)

    async def range(self, begin: bytes, end: bytes, limit: int, reverse: bool) -> Page:
        assert not self.closed
        return await _range(self._rows, begin, end, limit, reverse)

    def close(self) -> None:
        self.closed = True


async def _get(rows: dict[bytes, bytes], keys: Sequence[bytes]) -> list[bytes | None]:
    found = [rows.get(key) for key in keys]
    await asyncio.sleep(0)
    return found


async def _range(rows: dict[bytes, bytes], begin: bytes, end: bytes, limit: int, reverse: bool) -> Page:
    found = sorted(((key, value) for key, value in rows.items() if begin <= key < end), reverse=reverse)
    await asyncio.sleep(0)
    return page_of(iter(found), limit)


def store_of(engine: Engine) -> RemoteStore:
    return RemoteStore(engine, transactions_max=10)


async def test_a_body_that_reads_once_takes_no_snapshot() -> None:
    engine = Engine()
    engine.rows[b"a"] = b"1"

    async def body(transaction: Transaction) -> list[bytes | None]:
        found = await transaction.get_many([b"a", b"b"])
        transaction.set(b"c", b"3")
        return [*found, await transaction.get(b"a")]

    assert await store_of(engine).transact(body) == [b"1", None, b"1"]
    assert engine.asked == ["get"]
    assert engine.committed[0].reads == {b"a": b"1", b"b": None}


async def test_a_second_read_is_of_the_first_ones_moment() -> None:
    engine = Engine()
    engine.rows |= {b"a": b"1", b"b": b"1"}
    told: list[list[bytes | None]] = []

    async def body(transaction: Transaction) -> None:
        told.append([await transaction.get(b"a")])
        if len(told) == 1:
            engine.rows |= {b"a": b"2", b"b": b"2"}
        told[-1].append(await transaction.get(b"b"))

    await store_of(engine).transact(body)
    assert told == [[b"1"], [b"2", b"2"]], "it is run again, and never told of two moments"


async def test_a_page_is_of_the_first_reads_moment() -> None:
    engine = Engine()
    engine.rows |= {b"a": b"1", b"b": b"1"}
    told: list[list[object]] = []

    async def body(transaction: Transaction) -> None:
        told.append([await transaction.get(b"a")])
        if len(told) == 1:
            engine.rows |= {b"a": b"2", b"b": b"2"}
        told[-1] += await transaction.range(b"b", b"c")

    await store_of(engine).transact(body)
    assert told == [[b"1"], [b"2", (b"b", b"2")]]


async def test_what_changed_elsewhere_does_not_matter() -> None:
    engine = Engine()
    engine.rows |= {b"a": b"1", b"b": b"1"}
    runs = []

    async def body(transaction: Transaction) -> tuple[bytes | None, bytes | None, bytes | None]:
        runs.append(1)
        first = await transaction.get(b"a")
        engine.rows[b"b"] = b"2"
        second = await transaction.get(b"b")
        engine.rows[b"c"] = b"3"
        return first, second, await transaction.get(b"c")

    assert await store_of(engine).transact(body) == (b"1", b"2", None), "from the second read on it is a snapshot"
    assert runs == [1]


async def test_reads_side_by_side_are_of_one_moment() -> None:
    engine = Engine()
    engine.rows |= {b"a": b"1", b"b": b"1"}
    runs: list[int] = []

    async def body(transaction: Transaction) -> list[bytes | None]:
        runs.append(1)
        both = asyncio.gather(transaction.get(b"a"), transaction.get(b"b"))
        await asyncio.sleep(0)
        if len(runs) == 1:
            engine.rows |= {b"a": b"2", b"b": b"2"}
        return list(await both)

    assert await store_of(engine).transact(body) == [b"2", b"2"]
    assert runs == [1, 1]
