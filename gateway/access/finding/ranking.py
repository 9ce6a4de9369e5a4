"""Columns of texts as numbers that compare as they do.

The law: nothing holds the event loop, however many texts there are to be sorted.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from actors.search.brief import Texts
from gateway.access.parts import Array, Pace

_PIECE: Final = 8192  # texts sorted at once: about 4 ms


async def ranks(texts: Texts, pace: Pace) -> Array:
    """A number for each row that compares as its text does."""
    used = texts.used()
    order = await _sorted(used.words, pace)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    found: Array = rank[used.codes]
    return found


async def _sorted(words: Sequence[bytes], pace: Pace) -> list[int]:
    """The numbers of the words in their order. Runs are sorted, then merged two by two, with pauses between: sorting
    all in one go would hold every other thread as well."""
    key = words.__getitem__
    runs = []
    for start in range(0, len(words), _PIECE):
        runs.append(sorted(range(start, min(start + _PIECE, len(words))), key=key))
        await pace.breathe()
    while len(runs) > 1:
        merged = []
        for at in range(0, len(runs), 2):
            merged.append(sorted([*runs[at], *(runs[at + 1] if at + 1 < len(runs) else ())], key=key))
            await pace.breathe()
        runs = merged
    return runs[0] if runs else []
