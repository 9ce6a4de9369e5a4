"""What others may say to a reputation shard, and what they hear.

The law: all of it is encodable by msgspec; every field after the first version has a default.
"""

from typing import Final

from msgspec import Struct

KEY_BYTES_MAX: Final = 200  # an address, a network or a domain with a prefix that says what it is
KEYS_MAX: Final = 256  # in one call


class Counts(Struct, frozen=True, omit_defaults=True):
    """Messages seen, and how many of them were what; as they weigh now, so not whole numbers."""

    messages: float = 0.0
    spam: float = 0.0
    ham: float = 0.0
    rejects: float = 0.0


class Observe(Struct, frozen=True, tag="observe"):
    """Add to the counters of sources, all in one slot. `idem`: 8 random bytes that make a retry harmless."""

    add: dict[str, Counts]
    idem: bytes


class Read(Struct, frozen=True, tag="read"):
    """Tell the counters of sources, all in one slot."""

    keys: list[str]


class Standing(Struct, frozen=True):
    """The counters now of the sources that were named; zeros for those unknown."""

    of: dict[str, Counts]


Asked = Observe | Read
