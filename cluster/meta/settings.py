"""Where a store across the network is, and how to reach it. Apart from their users, which import heavy drivers.

The law: what holds a password is a Secret; names that become part of a statement or a key match their pattern.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from cluster.config.secret import Secret

SCHEMA: Final = r"^[a-z_][a-z0-9_]{0,62}$"  # a name that needs no quotes
PREFIX: Final = r"^[a-zA-Z0-9_.-]{1,64}$"


class PostgresqlSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The PostgreSQL server (12 or newer) of a store of that kind. Not through a pooler that shares connections."""

    host: Annotated[str, Meta(description="Its name or address, or the folder of its Unix socket.")] = "localhost"
    port: Annotated[int, Meta(description="Its TCP port.", ge=1, le=65535)] = 5432
    database: Annotated[str, Meta(description="The database; it must exist.")] = "rookery"
    user: Annotated[str, Meta(description="Who to log in as; it may make the schema or already owns it.")] = "rookery"
    password: Annotated[
        Secret, Meta(description='The password, as { env = "NAME" } or { file = "PATH" }; empty: none is sent.')
    ] = Secret()
    schema: Annotated[
        str,
        Meta(description="The schema that holds the table: installations that share a database differ here.",
             pattern=SCHEMA),
    ] = "rookery"  # fmt: skip
    tls: Annotated[
        Literal["none", "verify"],
        Meta(description="none: for a socket or a trusted host. verify: TLS, and its certificate must be valid."),
    ] = "none"
    authority: Annotated[
        str, Meta(description="PEM file with the authority that signed the certificate; empty: the system's.")
    ] = ""
    connections_max: Annotated[
        int, Meta(description="Connections for reading; one more writes.", ge=2, le=1000)
    ] = 16  # fmt: skip

    @property
    def where(self) -> str:
        """The server and the table, for people."""
        return f"PostgreSQL at {self.host}:{self.port}, database {self.database}, schema {self.schema}"


class FoundationdbSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The FoundationDB cluster (7.3) of a store of that kind. Its TLS is set by its own variables FDB_TLS_*."""

    cluster_file: Annotated[
        str, Meta(description="The cluster file; empty: FDB_CLUSTER_FILE, or FoundationDB's usual places.")
    ] = ""
    prefix: Annotated[
        str, Meta(description="What the keys begin with: installations that share a cluster differ here.",
                  pattern=PREFIX),
    ] = "rookery"  # fmt: skip

    @property
    def where(self) -> str:
        """The cluster and the keys, for people."""
        return f"FoundationDB by {self.cluster_file or 'its usual cluster file'}, prefix {self.prefix}"
