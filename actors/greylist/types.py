"""What others may say to a greylist shard, and what they hear.

The law: all of it is encodable by msgspec; every field after the first version has a default.
"""

from typing import Literal

from msgspec import Struct


class Check(Struct, frozen=True, tag="check"):
    """Somebody wants to deliver: may they? `triplet`: of keys.triplet. Counts as an attempt."""

    triplet: bytes


class Verdict(Struct, frozen=True):
    """`pass`, or `wait` for so many seconds more."""

    verdict: Literal["wait", "pass"]
    left_s: int = 0
