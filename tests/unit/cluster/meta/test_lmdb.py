"""What only LMDB has: snapshots that are taken away."""

from pathlib import Path

from cluster.meta.lmdb import LmdbStore, _LmdbEngine
from cluster.meta.store import Transaction


async def test_a_snapshot_that_is_held_too_long_is_taken_away_and_the_body_runs_again(tmp_path: Path) -> None:
    store = await LmdbStore.open(tmp_path)
    engine = store._engine
    assert isinstance(engine, _LmdbEngine)
    runs = []

    async def body(transaction: Transaction) -> None:
        runs.append(await transaction.get(b"a"))
        (snapshot,) = engine._held
        if len(runs) == 1:
            engine._sweep()
            assert list(engine._held) == [snapshot], "it is young"
            snapshot.born_s -= 60
            engine._sweep()
            assert not engine._held
        await transaction.get(b"b")

    await store.transact(body)
    assert len(runs) == 2
    assert not engine._held
    await store.close()
