"""The record of changes around a call, whichever way it came.

The law: a change is on record before it is made, and its end whatever becomes of who asked for it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from google.protobuf.message import Message

from cluster.errors import Trouble
from ops.admin.audit import DONE, Audit, Change, is_change
from ops.admin.errors import code_of

Begun = tuple[bytes, Change]


class Recorder:
    """Puts calls on one record."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._ending: set[asyncio.Task[None]] = set()  # at most one a call

    @asynccontextmanager
    async def recorded(self, who: str, name: str, about: Message | None) -> AsyncIterator[None]:
        """Around a call by its gRPC name; nothing, where it only reads. Raises what the store does before it begins."""
        if not is_change(name):
            yield
            return
        begun = await self._audit.begin(who, name, about)
        try:
            yield
        except (Exception, asyncio.CancelledError) as error:
            await self._end(begun, name, _outcome(error))
            raise
        await self._end(begun, name, DONE)

    async def _end(self, begun: Begun, name: str, outcome: str) -> None:
        """Put the end on record, also when the call is cancelled meanwhile: its client may leave at any moment."""
        ending = asyncio.create_task(self._ended(begun, name, outcome))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        await asyncio.shield(ending)

    async def _ended(self, begun: Begun, name: str, outcome: str) -> None:
        """The change is made or not, whatever becomes of its record's last word."""
        structlog.get_logger().info("admin_change", call=name, who=begun[1].who, outcome=outcome)
        try:
            await self._audit.end(begun, outcome)
        except Trouble as trouble:
            structlog.get_logger().error("admin_record_failed", call=name, outcome=outcome, error=trouble.log)


def _outcome(error: BaseException) -> str:
    if isinstance(error, Trouble):
        return code_of(error).name.lower()
    return "cancelled" if isinstance(error, asyncio.CancelledError) else "internal"
