"""What an operator may choose of searching."""

from typing import Annotated, Literal

from msgspec import Meta, Struct


class SearchSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Indexes for SEARCH, SORT and THREAD. Without one the same is found, by reading every message."""

    index: Annotated[
        Literal["used", "all", "off"],
        Meta(
            description="used: an account has an index from its first SORT, THREAD or SEARCH in texts on. all: every "
            "account has one. off: none is made or read; what is there stays."
        ),
    ] = "used"
    share: Annotated[
        float,
        Meta(
            description="How much of one processor a process may use to keep indexes up. A message of 4 kB takes half "
            "a millisecond, so a quarter is 500 messages a second.",
            gt=0,
            le=1,
        ),
    ] = 0.25
    settle_s: Annotated[
        float, Meta(description="How long new mail waits, so that what comes with it is indexed with it.", ge=0.1)
    ] = 2.0
    sweep_every_s: Annotated[
        int, Meta(description="How often every index is compared with its mail, for what was missed.", ge=10)
    ] = 900
    clean_every_s: Annotated[
        int, Meta(description="How often an index is looked through for mail that has gone.", ge=3600)
    ] = 7 * 86_400
    cache_bytes: Annotated[
        int,
        Meta(
            description="Memory for what was read of indexes. A search in 100,000 messages of 4 kB reads 10 MB.",
            ge=1_000_000,
        ),
    ] = 128 * 1024 * 1024
