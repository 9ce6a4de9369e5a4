"""The controller's calls to shards, over the data plane: kind "control", whose only question is to release a slot.

The law: a release that is made twice does no harm, and one that is answered was carried out by the shard itself.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

import msgspec

from cluster.errors import Moved, Refused
from cluster.membership.members import Member
from cluster.rpc.service import Outlet

KIND: Final = "control"

Release = Callable[[int], Awaitable[None]]
"""A shard's own: stop taking calls for the slot, finish, store what is remembered, let go. Raises Trouble."""


class _Question(msgspec.Struct, frozen=True):
    """What the controller asks: that the shard of this kind releases the slot."""

    kind: str
    slot: int


class Control:
    """A Service. `shards`: the release of each kind that this process serves."""

    def __init__(self, shards: Mapping[str, Release]) -> None:
        self._shards = shards

    async def call(self, slot: int, body: bytes) -> bytes:
        """Release a slot. Raises Moved when the kind is not here, Refused when the question is not understood, and
        what the shard raises."""
        try:
            question = msgspec.json.decode(body, type=_Question)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Refused("This is no question to a shard.", log=f"control: {error}") from error
        if question.slot != slot:
            raise Refused("This is no question to a shard.", log=f"control: slot {question.slot} sent as {slot}")
        release = self._shards.get(question.kind)
        if release is None:
            raise Moved("No such shard is here.", log=f"control: there is no {question.kind} shard in this process")
        await release(question.slot)
        return b""

    async def subscribe(self, slot: int, body: bytes, outlet: Outlet) -> bytes:  # noqa: ARG002 (Service's signature)
        """Raises Refused: there is nothing to subscribe to."""
        raise Refused("There is nothing to subscribe to.")

    def unsubscribed(self, outlet: Outlet) -> None:
        """Never called, as nobody subscribes."""


class Call(Protocol):
    """One call to whoever listens at an address, whatever the slot map says."""

    async def __call__(self, address: str, kind: str, slot: int, body: bytes) -> bytes:
        """The answer. Raises Trouble."""
        ...


def releasing(call: Call) -> Callable[[Member, str, int], Awaitable[None]]:
    """The controller's `release`: asks the member to release a slot of a kind. Raises Trouble."""

    async def release(member: Member, kind: str, slot: int) -> None:
        await call(member.address, KIND, slot, msgspec.json.encode(_Question(kind, slot)))

    return release
