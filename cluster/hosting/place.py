"""Where a process of a cluster runs, and as what: all that its hosting tells it."""

from msgspec import Struct


class Place(Struct, frozen=True):
    """`name` stays over restarts: ROLE-NODE-NUMBER. `host` is the address under which other nodes reach it."""

    role: str  # a kind of shard, "gateway" or "controller"
    name: str
    node: str
    host: str
