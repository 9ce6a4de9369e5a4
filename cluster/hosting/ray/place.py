"""What a process of the cluster is told when it starts: what to run, and where it is.

The law: names are `ROLE-NODE-NUMBER` and stay over restarts; nothing here is a secret, since Ray keeps it: settings
travel as the path of a file that is the same on every node.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, NamedTuple, Protocol

from msgspec import Struct

from cluster.hosting.settings import ClusterSettings
from cluster.observe.logs import LogSettings

CONTROLLER: Final = "controller"
GATEWAY: Final = "gateway"
CONTROLLERS: Final = 2  # one leads, one waits


class Place(Struct, frozen=True):
    """Where a process runs, and as what."""

    role: str  # one of KINDS, "gateway" or "controller"
    name: str
    node: str  # the node's name
    host: str  # its address, for others
    config: str = ""  # the path of the settings; what a controller starts others with


class Boot(Struct, frozen=True):
    """How a process comes to its role. Sent through Ray as JSON."""

    role: str  # what it is
    name: str
    node: str  # empty: wherever Ray places it
    entry: str  # "module:function": a Role
    settings: str  # "module:Struct": what `config` is read as
    config: str  # the settings' path


class Hosted(Protocol):
    """What any process's settings have."""

    @property
    def cluster(self) -> ClusterSettings:
        """Of the cluster."""
        ...

    @property
    def log(self) -> LogSettings:
        """Where to log."""
        ...

    @property
    def drain_s(self) -> float:
        """How long leaving may take, in seconds."""
        ...


class Running(Protocol):
    """What a role gives back."""

    async def ended(self) -> None:
        """Returns when the role is over by itself: replaced, or broken beyond mending."""
        ...


Role = Callable[..., AbstractAsyncContextManager[Running]]
"""`role(settings, place)`, entered in the process's loop: when it is entered, the process serves. Left on SIGTERM:
then it finishes what it promised."""


class Name(NamedTuple):
    """A process's name, taken apart."""

    role: str
    node: str
    number: int

    def __str__(self) -> str:
        return f"{self.role}-{self.node}-{self.number}" if self.node else f"{self.role}-{self.number}"


def parse(name: str) -> Name | None:
    """None where it is none of ours."""
    role, _, rest = name.partition("-")
    node, _, number = rest.rpartition("-")
    if not node and number.isdecimal() and role == CONTROLLER:
        return Name(role, "", int(number))
    return Name(role, node, int(number)) if role and node and number.isdecimal() else None
