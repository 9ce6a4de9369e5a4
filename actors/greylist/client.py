"""What a gateway may ask of the greylist.

The law: asking counts as an attempt; asking once more within seconds, for the same attempt, changes nothing.
"""

from actors.greylist.keys import slot_of, triplet
from actors.greylist.types import Check, Verdict
from actors.shell.client import Asking
from cluster.rpc.service import Calling


class GreylistClient:
    """Asks the shards, wherever they are."""

    def __init__(self, calling: Calling) -> None:
        self._asking = Asking(calling, "greylist")

    async def check(self, network: str, sender: str, recipient: str) -> Verdict:
        """Whether such mail passes now. `network`: the client's, as the caller cuts it. Raises Trouble."""
        name = triplet(network, sender, recipient)
        return await self._asking.ask(slot_of(name), Check(name), Verdict)
