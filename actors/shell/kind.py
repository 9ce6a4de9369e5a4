"""What a kind of shard has to say, and in which shapes: pure, the shell does all that waits.

The law: units are immutable values, decisions are made from them, the command and the time alone. So a decision that
did not become durable leaves nothing behind, and a unit read back from the store is the unit that was decided.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from actors.shell.keys import Layout
from cluster.errors import Corrupt, Refused, Trouble

EXPIRY: Final = 0  # the lane of timers that the shell's sweep looks at
WORK: Final = 1  # the first lane of timers that a kind's own commands look at; it may have more, up to LANE_MAX
LANE_MAX: Final = 9

Command = TypeVar("Command")
Unit = TypeVar("Unit")
T = TypeVar("T")


class Timer(NamedTuple):
    """When a unit wants to be looked at, and by whom: EXPIRY, WORK, or a kind's further lane."""

    lane: int
    time_ms: int


class Guard(NamedTuple):
    """A row of somebody else's that must allow a command, when it is decided and still when it is committed. `why`:
    what is wrong with the row, None for nothing."""

    key: bytes
    why: Callable[[bytes | None], Trouble | None]


class Needs(NamedTuple):
    """Which units a command is decided over: named ones; of a lane those whose time has come, longest ago first, up
    to a number, behind a place (keys.Layout.place); those with names after one, up to a number. And what must allow
    it."""

    names: tuple[bytes, ...] = ()
    work_max: int = 0
    work_lane: int = WORK
    work_after: bytes = b""
    after: bytes = b""
    page_max: int = 0
    guard: Guard | None = None


@dataclass(slots=True)
class Decision(Generic[Unit]):
    """The answer, the units that change by name (None: it goes), and further rows by key (None: no more)."""

    reply: msgspec.Struct
    changes: dict[bytes, Unit | None] = field(default_factory=dict)
    rows: dict[bytes, bytes | None] = field(default_factory=dict)


class Watch(Protocol):
    """Who wants to know of work in this process without asking for it."""

    def due(self, slot: int, lane: int, time_ms: int) -> None:
        """A lane of the slot may have a unit due at that time: said of each timer once it is durable, and of the first
        that has not come yet whenever all that have come were looked at. Must not block."""
        ...


class Kind(Protocol[Command, Unit]):
    """A kind of shard. All methods are pure."""

    name: str  # one of cluster.membership.members.KINDS
    layout: Layout

    def decode(self, slot: int, body: bytes) -> Command:
        """The command in a call. Raises Refused for garbage, over-long things, and what belongs to another slot."""
        ...

    def needs(self, command: Command) -> Needs:
        """What to load for it."""
        ...

    def load(self, stored: bytes) -> Unit:
        """A unit from its row. Raises Corrupt."""
        ...

    def store(self, unit: Unit) -> bytes:
        """The inverse; at most VALUE_BYTES_MAX."""
        ...

    def timer(self, unit: Unit) -> Timer | None:
        """When to look at it: from the unit alone, no settings, so that the stored timer is found again."""
        ...

    def decide(self, slot: int, command: Command, units: Mapping[bytes, Unit | None], now_ms: int) -> Decision[Unit]:
        """Decide over the units needed, in the order of Needs (None: there is no such named unit). Raises Trouble:
        then nothing changes."""
        ...

    def expire(self, unit: Unit, now_ms: int) -> Unit | None:
        """A unit whose EXPIRY timer has come: None, it goes; or itself with a later timer."""
        ...


encode: Final = msgspec.msgpack.Encoder().encode


def decode_command(decoder: msgspec.msgpack.Decoder[T], body: bytes) -> T:
    """A body as a command. Raises Refused."""
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("The call cannot be read.", log=f"a call of {len(body)} bytes: {error}") from error


def decode_unit(decoder: msgspec.msgpack.Decoder[T], stored: bytes | memoryview) -> T:
    """A row as a unit. Raises Corrupt."""
    try:
        return decoder.decode(stored)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Corrupt("A stored record is damaged.", log=f"a row of {len(stored)} bytes: {error}") from error
