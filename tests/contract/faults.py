"""Programs that the fault tests start beside themselves: `python -m tests.contract.faults WHAT ADAPTER DIRECTORY`."""

import asyncio
import sys
from pathlib import Path

from cluster.meta.store import Transaction
from tests.contract.adapters import STORES


async def commit_and_say(adapter_name: str, directory: Path) -> None:
    """Commit numbers for ever, several at once; print each once it is acknowledged."""
    (adapter,) = [adapter for adapter in STORES if adapter.name == adapter_name]
    store = await adapter.open(directory)
    round_ = await store.get(b"round") or b""

    async def one(worker: int) -> None:
        for n in range(10**9):
            key = b"k%d/%d/%d" % (len(round_), worker, n)

            async def body(transaction: Transaction, key: bytes = key) -> None:
                transaction.set(key, key * 20)
                transaction.add(b"count", 1)

            await store.transact(body)
            sys.stdout.write(key.decode() + "\n")
            sys.stdout.flush()

    async def next_round(transaction: Transaction) -> None:
        transaction.set(b"round", round_ + b"x")

    await store.transact(next_round)
    await asyncio.gather(*[one(worker) for worker in range(8)])


async def count_up(adapter_name: str, directory: Path) -> None:
    """Add one to a number 100 times, reading and writing it."""
    (adapter,) = [adapter for adapter in STORES if adapter.name == adapter_name]
    store = await adapter.open(directory)

    async def body(transaction: Transaction) -> None:
        transaction.set(b"n", b"%d" % (int(await transaction.get(b"n") or b"0") + 1))

    for _ in range(100):
        await store.transact(body)
    await store.close()


if __name__ == "__main__":
    asyncio.run({"commit": commit_and_say, "count": count_up}[sys.argv[1]](sys.argv[2], Path(sys.argv[3])))
