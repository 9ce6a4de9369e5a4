"""What members write into the registry: the layout of its keys, and the values.

    ROOT/CLUSTER/shards/KIND/NAME      Member, while its lease lives
    ROOT/CLUSTER/gateways/NAME         Member
    ROOT/CLUSTER/slots/KIND/PAGE       a page of the slot map (cluster/placement/slotmap.py)
    ROOT/CLUSTER/leader                Member: the controller that may change the slot map, while its lease lives
    ROOT/CLUSTER/drains/NODE           Drain: this node is to be emptied; a shard's name: this shard is (the supervisor)
    ROOT/CLUSTER/wanted                Wanted: how many processes of each kind a node shall have
    ROOT/CLUSTER/controller            ControllerState: what the controller does, for people
    ROOT/CLUSTER/loglevel              Levels

The law: values are JSON that a person can read with etcdctl; unknown fields are passed over and new ones have defaults,
so that two versions run side by side (design decision 14).
"""

from typing import Final, Literal

from msgspec import Struct

ROOT: Final = "/rookery"
Kind = Literal["mailbox", "queue", "reputation", "greylist", "throttle"]
KINDS: Final[tuple[Kind, ...]] = ("mailbox", "queue", "reputation", "greylist", "throttle")
SPEAKS: Final = 1  # the version of the data plane and of stored records that this code writes


class Member(Struct, frozen=True):
    """A process of the cluster."""

    name: str  # shards: KIND-NODE-NUMBER; stays over restarts
    kind: str  # one of KINDS, "gateway" or "controller"
    node: str  # where it runs: the node's name
    address: str = ""  # host:port of its data plane (shards); of its admin service (gateways)
    incarnation: int = 0  # of cluster/placement/claims.py
    lease: int = 0  # so that its successor under the same name can end it at once
    weight: float = 1.0  # its share of slots, relative to others
    speaks: int = SPEAKS
    metrics: str = ""  # host:port of its metrics
    process: int = 0
    started_ms: int = 0


class Drain(Struct, frozen=True):
    """Who asked for a node to be emptied, and when."""

    by: str
    at_ms: int


class Wanted(Struct, frozen=True):
    """Processes on each node that may have them."""

    mailbox: int = 1
    queue: int = 1
    reputation: int = 1
    greylist: int = 1
    throttle: int = 1
    gateway: int = 1


class Levels(Struct, frozen=True):
    """The log level of every process, or of those of one node; empty: as in its settings."""

    level: str = ""
    nodes: dict[str, str] = {}


class Move(Struct, frozen=True):
    """One slot on its way."""

    kind: str
    slot: int
    source: str
    target: str


class ControllerState(Struct, frozen=True):
    """What the controller does. `left`: moves still to do; `done`: since it became leader."""

    leader: str = ""
    since_ms: int = 0
    left: dict[str, int] = {}
    done: int = 0
    failovers: int = 0
    moving: tuple[Move, ...] = ()
    trouble: str = ""


class Layout:
    """The keys of one cluster."""

    def __init__(self, cluster: str) -> None:
        self.root = f"{ROOT}/{cluster}/"
        self.shards = f"{self.root}shards/"
        self.gateways = f"{self.root}gateways/"
        self.slots = f"{self.root}slots/"
        self.leader = f"{self.root}leader"
        self.drains = f"{self.root}drains/"
        self.wanted = f"{self.root}wanted"
        self.controller = f"{self.root}controller"
        self.loglevel = f"{self.root}loglevel"

    def member(self, member: Member) -> str:
        """Where a shard or gateway is announced."""
        return (
            f"{self.gateways}{member.name}" if member.kind == "gateway" else f"{self.shards}{member.kind}/{member.name}"
        )

    def page(self, kind: str, number: int) -> str:
        """Where a page of a slot map is."""
        return f"{self.slots}{kind}/{number:02d}"
