"""How clients ask shards of these kinds, wherever they are; and how one process asks its own.

The law: commands and answers are msgspec Structs as maps: unknown fields are passed over, new ones have defaults, so
two versions understand each other.
"""

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec

from actors.shell.kind import encode
from cluster.errors import Moved, Refused, Unavailable
from cluster.rpc.service import Calling, Service, Sink, Subscription

Reply = TypeVar("Reply", bound=msgspec.Struct)
CALL_S: Final = 20.0  # until a call is given up: longer than a slot needs to move


class Asking:
    """Asks the shards of one kind."""

    def __init__(self, calling: Calling, kind: str) -> None:
        self._calling = calling
        self._kind = kind

    async def ask(self, slot: int, command: msgspec.Struct, reply: type[Reply], *, timeout_s: float = CALL_S) -> Reply:
        """The slot's owner's answer. Raises its Trouble, Unavailable."""
        answer = await self._calling.call(self._kind, slot, encode(command), timeout_s=timeout_s)
        try:
            return msgspec.msgpack.decode(answer, type=reply)
        except msgspec.MsgspecError as error:
            raise Unavailable("An answer cannot be read.", log=f"{self._kind} slot {slot}: {error}") from error


class Near:
    """A Calling that asks a shard of this process first, and then whoever has the slot."""

    def __init__(self, here: Mapping[str, Service], far: Calling) -> None:
        self._here = here
        self._far = far

    async def call(self, kind: str, slot: int, body: bytes, *, timeout_s: float = CALL_S) -> bytes:
        """The owner's answer. Raises its Trouble, Unavailable."""
        service = self._here.get(kind)
        if service is not None:
            try:
                return await service.call(slot, body)
            except Moved:
                pass
        return await self._far.call(kind, slot, body, timeout_s=timeout_s)

    async def subscribe(
        self, kind: str, slot: int, body: bytes, sink: Sink, *, timeout_s: float = CALL_S
    ) -> Subscription:
        """As the far one does."""
        return await self._far.subscribe(kind, slot, body, sink, timeout_s=timeout_s)


class Direct:
    """A cluster.rpc.service.Calling within one process: every kind has one shard here, which owns all slots."""

    def __init__(self, services: Mapping[str, Service]) -> None:
        self._services = services

    async def call(self, kind: str, slot: int, body: bytes, *, timeout_s: float = CALL_S) -> bytes:  # noqa: ARG002
        """The shard's answer: it fails by itself rather than hang. Raises its Trouble, Unavailable."""
        service = self._services.get(kind)
        if service is None:
            raise Unavailable("This server has no such part.", log=f"no {kind} shard in this process")
        return await service.call(slot, body)

    async def subscribe(
        self,
        kind: str,
        slot: int,  # noqa: ARG002
        body: bytes,  # noqa: ARG002
        sink: Sink,  # noqa: ARG002
        *,
        timeout_s: float = CALL_S,  # noqa: ARG002
    ) -> Subscription:
        """These kinds push nothing. Raises Refused."""
        raise Refused("There is nothing to subscribe to here.", log=f"subscription to the {kind} shard")
