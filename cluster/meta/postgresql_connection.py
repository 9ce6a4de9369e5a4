"""PostgreSQL: how it is reached, what it must promise, how the table is made, what its errors mean.

The law: no connection is used that would acknowledge before the disk has it, or that could wait for ever.
"""

import re
import ssl
from typing import Any, Final

import asyncpg

from cluster.errors import Corrupt, Misconfigured, StoreFull, Trouble, Unavailable
from cluster.meta.engine import Conflict
from cluster.meta.limits import KEYS_END
from cluster.meta.settings import SCHEMA, PostgresqlSettings

FORMAT: Final = b"rookery 1"  # the value of the key KEYS_END
CONNECT_S: Final = 5.0
STATEMENT_S: Final = 5.0  # as long as a transaction may live

# What a driver may raise: the server's errors, the driver's own, the network's.
ERRORS: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)

_SERVER_SETTINGS: Final = {
    "application_name": "rookery",
    # One way to the rows, whatever the statistics of a young table say; planned once a connection.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    # A process that was stopped in a transaction must not keep the others from their locks, nor a lost machine.
    "idle_in_transaction_session_timeout": "5s",
    "lock_timeout": "5s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10s",
}


def arguments_of(settings: PostgresqlSettings) -> dict[str, Any]:
    """What asyncpg is to be told. Raises Misconfigured."""
    if not re.match(SCHEMA, settings.schema):
        raise Misconfigured(f"The schema {settings.schema!r} is not a plain name: use a-z, 0-9 and _.")
    return {
        "host": settings.host,
        "port": settings.port,
        "database": settings.database,
        "user": settings.user,
        "password": settings.password.reveal(),
        "ssl": _tls(settings),
        "timeout": CONNECT_S,
        "command_timeout": STATEMENT_S,
        "server_settings": {**_SERVER_SETTINGS, "search_path": settings.schema},
    }


def _tls(settings: PostgresqlSettings) -> ssl.SSLContext | str:
    if settings.tls == "none":
        return "disable"
    try:
        return ssl.create_default_context(cafile=settings.authority or None)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(f"The authority {settings.authority} for PostgreSQL cannot be read: {error}") from error


async def check_promises(connection: Any) -> None:
    """Of a new connection: that what it commits is durable. Raises Misconfigured, Unavailable."""
    fsync, synchronous, standby = await connection.fetchrow(
        "SELECT current_setting('fsync'), current_setting('synchronous_commit'), pg_is_in_recovery()"
    )
    for name, value in (("fsync", fsync), ("synchronous_commit", synchronous)):
        if value == "off":
            raise Misconfigured(f"PostgreSQL has {name} = off and would lose acknowledged mail: set it to on.")
    if standby:
        raise Unavailable("The store cannot be written now.", log="this PostgreSQL server is a standby")


async def prepare(connection: Any, settings: PostgresqlSettings) -> int:
    """Make the table if there is none; the number that its locks go by. Raises Misconfigured."""
    schema = settings.schema
    if await connection.fetchval("SELECT to_regclass($1)", f"{schema}.kv") is None:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", f"rookery {schema}")
            # EXTERNAL: our large values are compressed already.
            await connection.execute(
                f"CREATE SCHEMA IF NOT EXISTS {schema};"
                f"CREATE TABLE IF NOT EXISTS {schema}.kv (k bytea PRIMARY KEY, v bytea NOT NULL);"
                f"ALTER TABLE {schema}.kv ALTER v SET STORAGE EXTERNAL"
            )
            await connection.execute(
                f"INSERT INTO {schema}.kv SELECT $1, $2 WHERE NOT EXISTS (SELECT 1 FROM {schema}.kv)",  # noqa: S608
                KEYS_END,
                FORMAT,
            )
    found = await connection.fetchval("SELECT v FROM kv WHERE k = $1", KEYS_END)
    if found != FORMAT:
        raise Misconfigured(
            f"{settings.where}, holds format {found!r} and this version reads {FORMAT!r}: run the version that wrote "
            "it, or name another schema."
        )
    oid = await connection.fetchval("SELECT to_regclass($1)::oid::bigint", f"{schema}.kv")
    return int(oid) - 2**32 if oid >= 2**31 else int(oid)  # advisory locks take a signed number


def trouble_of(error: BaseException, settings: PostgresqlSettings) -> Trouble:
    """What an error means to who asked."""
    log = f"{settings.where}: {type(error).__name__}: {error}"
    state = getattr(error, "sqlstate", None) or ""
    if state == "53100":  # disk_full
        return StoreFull("The store's disk is full.", log=log)
    if state in ("40001", "40P01"):  # serialization_failure, deadlock_detected
        return Conflict("Changed meanwhile; try again.", log=log)
    if state[:3] == "XX0" and state != "XX000":  # data_corrupted, index_corrupted
        return Corrupt("The store is damaged.", log=log)
    return Unavailable("The store does not answer now; try again.", log=log)


def opening_trouble_of(error: BaseException, settings: PostgresqlSettings) -> Trouble:
    """What an error means at the start: what cannot get better by waiting is for the operator."""
    state = getattr(error, "sqlstate", None) or ""
    if isinstance(error, ssl.SSLError) or state[:2] in ("28", "3D", "3F", "42", "22"):  # login, names, rights, values
        return Misconfigured(f"{settings.where}, refuses: {error}")
    trouble = trouble_of(error, settings)
    if type(trouble) is Unavailable:
        return Unavailable(f"{settings.where}, cannot be reached: {str(error) or type(error).__name__}. Is it running?")
    return trouble
