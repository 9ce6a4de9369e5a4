"""What processes ask of PostgreSQL, counted by the server itself: statements, transactions, rows written, its log.

The law: only whole counts, read before and after; the counting itself is not among them.
"""

from typing import Final, NamedTuple

import asyncpg

from ops.bench import services

_READ: Final = """
SELECT coalesce(sum(calls), 0)::bigint,
    coalesce(sum(calls) FILTER (WHERE query LIKE 'WITH gone AS%' OR query LIKE 'DELETE%'), 0)::bigint,
    coalesce(sum(rows) FILTER (WHERE query LIKE 'WITH gone AS%'), 0)::bigint,
    (pg_current_wal_insert_lsn() - '0/0')::bigint
FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'
"""


class Counts(NamedTuple):
    """Since the server began, or since another reading."""

    statements: int  # each a round trip
    commits: int  # that write
    rows_written: int
    log_bytes: int

    def since(self, before: "Counts") -> "Counts":
        """What came after."""
        return Counts(*(now - then for now, then in zip(self, before, strict=True)))


async def read(port: int) -> Counts:
    """The counts now."""
    connection = await asyncpg.connect(host=services.HOST, port=port, database="postgres", user="rookery")
    try:
        await connection.execute(f"CREATE EXTENSION IF NOT EXISTS {services.COUNTING}")
        return Counts(*await connection.fetchrow(_READ))
    finally:
        await connection.close()


async def told(port: int) -> list[tuple[int, str]]:
    """How often each statement ran, the most frequent first: to look at."""
    connection = await asyncpg.connect(host=services.HOST, port=port, database="postgres", user="rookery")
    try:
        rows = await connection.fetch("SELECT calls, query FROM pg_stat_statements ORDER BY calls DESC LIMIT 30")
        return [(row["calls"], row["query"]) for row in rows]
    finally:
        await connection.close()
