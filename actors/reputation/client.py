"""What a gateway may ask of reputations.

The law: names are grouped by slot, one call each; a call that is made again counts once.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping

from actors.reputation.keys import slot_of
from actors.reputation.types import KEYS_MAX, Counts, Observe, Read, Standing
from actors.shell.client import Asking
from cluster.clock import Dice
from cluster.rpc.service import Calling


class ReputationClient:
    """Asks the shards, wherever they are."""

    def __init__(self, calling: Calling, dice: Dice) -> None:
        self._asking = Asking(calling, "reputation")
        self._dice = dice

    async def observe(self, add: Mapping[str, Counts]) -> dict[str, Counts]:
        """Add to the counters of sources (text, 1 to 200 bytes in UTF-8); what they are then. Raises Trouble: then some
        may have been added to."""
        calls = (
            self._asking.ask(slot, Observe({key: add[key] for key in keys}, self._dice.randbytes(8)), Standing)
            for slot, keys in _by_slot(add)
        )
        return _joined(await asyncio.gather(*calls))

    async def read(self, keys: Iterable[str]) -> dict[str, Counts]:
        """The counters of sources now; zeros for those unknown. Raises Trouble."""
        calls = (self._asking.ask(slot, Read(some), Standing) for slot, some in _by_slot(keys))
        return _joined(await asyncio.gather(*calls))


def _by_slot(keys: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    slots: dict[int, list[str]] = {}
    for key in dict.fromkeys(keys):
        slots.setdefault(slot_of(key), []).append(key)
    for slot, some in slots.items():
        for start in range(0, len(some), KEYS_MAX):
            yield slot, some[start : start + KEYS_MAX]


def _joined(answers: Iterable[Standing]) -> dict[str, Counts]:
    return {key: counts for answer in answers for key, counts in answer.of.items()}
