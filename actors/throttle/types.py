"""What others may say to a throttle shard, and what they hear.

The law: all of it is encodable by msgspec; every field after the first version has a default.
"""

from typing import Final

from msgspec import Struct

TAKES_MAX: Final = 64  # in one call: rules that apply to one thing at once
IDENT_BYTES: Final = 16
CONCURRENCY_MAX: Final = 2_000  # so that a unit's leases fit a row
RATE_MAX: Final = 1_000_000_000
PERIOD_MS_MAX: Final = 31 * 86_400_000
LEASE_MS_MAX: Final = 86_400_000


class Take(Struct, frozen=True):
    """Of a unit (keys.unit_of): one of `rate` in `per_ms`, and one of `concurrency` places; 0 for no such limit."""

    unit: bytes
    concurrency: int = 0
    rate: int = 0
    per_ms: int = 0


class Enter(Struct, frozen=True, tag="enter"):
    """Take of every unit, or of none; all in one slot. `ident`: who, 16 bytes; asked again it counts once. Places are
    held for `lease_ms`."""

    takes: tuple[Take, ...]
    ident: bytes
    lease_ms: int


class Leave(Struct, frozen=True, tag="leave"):
    """Give places back; `undo`: also what counted for rates, because what was entered for did not happen."""

    units: tuple[bytes, ...]
    ident: bytes
    undo: bool = False


class Renew(Struct, frozen=True, tag="renew"):
    """Hold places for `lease_ms` more. A place that was lost is taken again where there is room."""

    takes: tuple[Take, ...]
    ident: bytes
    lease_ms: int


class Entered(Struct, frozen=True):
    """Whether it was let in; if not, the take that is in the way longest, and after how long to try again. For Renew:
    `lost`, how many places are gone."""

    admitted: bool = True
    wait_ms: int = 0
    which: int = 0
    lost: int = 0


class Tally(Struct, frozen=True, tag="tally"):
    """How much of each rate is counted, and nobody is refused. `ident`: of whom one more is counted first, 16 bytes;
    asked again it counts once. Empty: nothing changes, and nothing is written."""

    takes: tuple[Take, ...]
    ident: bytes = b""


class Tallied(Struct, frozen=True):
    """What is counted of each take, and after how long one more would be let in (0: now)."""

    counts: tuple[int, ...]
    waits_ms: tuple[int, ...]


Asked = Enter | Leave | Renew | Tally
