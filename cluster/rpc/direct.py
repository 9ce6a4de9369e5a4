"""Calls to an address, whatever owns what: for the controller, who speaks to shards about slots, not through them.

The law: a call is made once; whether one that failed was carried out is unknown. Streams are kept, a few, and the one
unused for longest goes first.
"""

from collections import OrderedDict
from typing import Final

from cluster.errors import Unavailable
from cluster.rpc.caller import Caller
from cluster.rpc.link import Dialer, LinkDown

CALL_S: Final = 5.0
STREAMS_MAX: Final = 64


class Direct:
    """control.Call over streams."""

    def __init__(self, dialer: Dialer, *, timeout_s: float = CALL_S) -> None:
        self._dialer = dialer
        self._timeout_s = timeout_s
        self._callers: OrderedDict[str, Caller] = OrderedDict()

    async def __call__(self, address: str, kind: str, slot: int, body: bytes) -> bytes:
        """The answer. Raises the service's Trouble, Unavailable."""
        try:
            caller = await self._caller(address)
            return await caller.call(kind, slot, body, self._timeout_s)
        except LinkDown as error:
            raise Unavailable("A server does not answer; try again.", log=f"{address}: {error}") from error

    async def close(self) -> None:
        """End all streams."""
        for caller in self._callers.values():
            caller.close()
        self._callers.clear()

    async def _caller(self, address: str) -> Caller:
        caller = self._callers.get(address)
        if caller is None or caller.is_down:
            caller = Caller(await self._dialer.dial(address), peer=address)
            before = self._callers.get(address)
            if before is not None and not before.is_down:  # another call was faster
                caller.close()
                caller = before
            self._callers[address] = caller
            while len(self._callers) > STREAMS_MAX:
                _address, unused = self._callers.popitem(last=False)
                unused.close()
        self._callers.move_to_end(address)
        return caller
