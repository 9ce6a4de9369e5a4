"""How contract tests ask a store: whole contents page by page, rows in one transaction, counters as bytes."""

from cluster.meta.store import KEY_BYTES_MAX, Reader, Row, Store, Transaction

END = b"\xff" * (KEY_BYTES_MAX + 1)


async def put(store: Store, *rows: Row) -> None:
    async def body(transaction: Transaction) -> None:
        for key, value in rows:
            transaction.set(key, value)

    await store.transact(body)


async def everything(reader: Reader) -> list[Row]:
    """All rows, paged as store.py says."""
    rows: list[Row] = []
    begin = b""
    while page := await reader.range(begin, END, limit=7):
        rows += page
        begin = page[-1][0] + b"\0"
    return rows


async def everything_backwards(reader: Reader) -> list[Row]:
    rows: list[Row] = []
    end = END
    while page := await reader.range(b"", end, limit=7, reverse=True):
        rows += page
        end = page[-1][0]
    return rows


def counter(number: int) -> bytes:
    return number.to_bytes(8, "little", signed=True)
