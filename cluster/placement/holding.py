"""The rights of one shard: what the map gives to its name, while its lease lives and it has not let go.

The law: past the lease, by our own clock, there is no right, not even to answer from memory; nor under a new lease, by
a map that is older than it. A released slot comes
back by itself when nobody else was given it, so that a controller that dies in the middle of a move blocks nothing.
"""

from typing import Final, Protocol

from cluster.clock import Clock
from cluster.errors import Moved
from cluster.membership.members import Member
from cluster.placement.claims import Claim
from cluster.placement.slotmap import Assignment
from cluster.placement.watching import Watching

RELEASE_HOLD_S: Final = 5.0  # the controller waits no longer for a release, and writes the map right after


class Announced(Protocol):
    """This process's place among the members (cluster/membership/session.py)."""

    @property
    def member(self) -> Member:
        """As it was announced."""
        ...

    @property
    def until(self) -> float:
        """The clock's `monotonic` second up to which it surely is; -inf where it is not, or was replaced."""
        ...

    @property
    def revision(self) -> int:
        """The registry's when it was announced last."""
        ...


class Holding:
    """Claims of a shard in a cluster."""

    def __init__(self, watching: Watching, session: Announced, clock: Clock) -> None:
        self._watching = watching
        self._known = watching.known
        self._session = session
        self._clock = clock
        self._kind = session.member.kind
        self._name = session.member.name
        self._incarnation = session.member.incarnation
        # Released slots, at most each once: the assignment that was let go, and until when.
        self._released: dict[int, tuple[Assignment | None, float]] = {}

    def claim(self, slot: int) -> Claim | None:
        """Of Claims; never None. Raises Moved. On the path of every call."""
        now = self._clock.monotonic()
        if now >= self._session.until:
            raise Moved("This server is cut off from the others; try again.", log="the lease of this shard is over")
        if self._watching.revision < self._session.revision:
            # The lease is new, the map is not: meanwhile the slot may have been given to another, and come back.
            raise Moved(
                "This server was cut off from the others; try again.", log="the slot map is older than the lease"
            )
        slots = self._known.slots.get(self._kind)
        assignment = None if slots is None else slots[slot]
        if assignment is None or assignment.shard != self._name:
            raise Moved("This is at another server now; try again.", log=f"slot {slot} belongs to {assignment}")
        if slot in self._released:
            self._take_up(slot, assignment, now)
        return Claim(assignment.epoch, self._incarnation)

    def release(self, slot: int) -> None:
        """Let go of the slot: `claim` raises Moved until the map's assignment changes, or RELEASE_HOLD_S are over."""
        slots = self._known.slots.get(self._kind)
        assignment = None if slots is None else slots[slot]
        self._released[slot] = (assignment, self._clock.monotonic() + RELEASE_HOLD_S)

    def _take_up(self, slot: int, assignment: Assignment, now: float) -> None:
        released, until = self._released[slot]
        if assignment == released and now < until:
            raise Moved("This is on its way to another server; try again.", log=f"slot {slot} is released")
        del self._released[slot]
