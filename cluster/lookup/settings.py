"""The settings of one lookup, each in words beside its default."""

import re
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from cluster.config.secret import Secret

MIB: Final = 1024 * 1024
_NEEDS: Final = {"file": "path", "http": "url", "sql": "database"}


class LookupSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A list or map that rules may ask: `key in list("NAME")`, `lookup("NAME", key)`.

    Keys may be networks (`10.0.0.0/8`) and may begin with `*.` or `*@`, which stand for any beginning.
    """

    kind: Annotated[
        Literal["inline", "file", "http", "sql", "store"],
        Meta(
            description="inline: written here. file, http: read whole, and again when changed. sql: a query for each "
            "key. store: rows in the server's own store."
        ),
    ]
    entries: Annotated[tuple[str, ...], Meta(description="inline: the keys of a list.")] = ()
    values: Annotated[dict[str, str], Meta(description="inline: keys and values of a map.")] = {}
    path: Annotated[str, Meta(description="file: one key, or key=value, a line; # begins a comment.")] = ""
    check_every_s: Annotated[float, Meta(description="file: how often to see whether it changed.", ge=1)] = 10.0
    url: Annotated[str, Meta(description="http: where it is; https:// or http://.")] = ""
    refresh_every_s: Annotated[float, Meta(description="http: how often it is fetched.", ge=10)] = 3600.0
    format: Annotated[
        Literal["lines", "csv"],
        Meta(description="file, http: lines as said at path, or CSV with key and value. Either may be gzipped."),
    ] = "lines"
    bytes_max: Annotated[
        int, Meta(description="file, http: the largest, unpacked.", ge=1000, le=512 * MIB)
    ] = 32 * MIB  # fmt: skip
    entries_max: Annotated[int, Meta(description="The most entries; more is an error.", ge=1, le=5_000_000)] = 1_000_000
    database: Annotated[
        Secret, Meta(description="sql: postgresql://user:password@host/name, or sqlite:/path/of/the/file.")
    ] = Secret()
    query: Annotated[
        str,
        Meta(
            description="sql: a SELECT of one column with one parameter, the key: $1 in PostgreSQL, ? in SQLite. Its "
            "first row counts."
        ),
    ] = ""
    timeout_s: Annotated[float, Meta(description="http, sql, store: how long to wait.", gt=0, le=300)] = 5.0
    ttl_s: Annotated[float, Meta(description="sql, store: how long an answer is remembered.", ge=0)] = 60.0
    cache_max: Annotated[int, Meta(description="sql, store: answers remembered.", ge=1, le=1_000_000)] = 10_000
    case_sensitive: Annotated[bool, Meta(description="Whether `A` and `a` are different keys.")] = False
    fallback: Annotated[str, Meta(description="The lookup to ask when this one fails; empty: none.")] = ""

    def __post_init__(self) -> None:
        needed = _NEEDS.get(self.kind, "")
        if needed and not getattr(self, needed):
            raise ValueError(f"a lookup of kind {self.kind} needs {needed}")
        if self.kind == "http" and not re.match(r"https?://[^/]", self.url):
            raise ValueError("url must begin with https:// or http://")
        if self.kind == "sql":
            if not re.match(r"(?:postgresql|postgres)://|sqlite:.", self.database.reveal()):
                raise ValueError("database must begin with postgresql:// or sqlite:")
            if not re.match(r"(?i)\s*(?:SELECT|WITH)\b", self.query):
                raise ValueError("query must be a SELECT with the key as its parameter")
