"""A cluster with few slots, for the time of a run: moving 4096 of them one by one would be all that a run does.

The law: slots never change under stored data (cluster/placement/slots.py). A run's store ends with the run, and
everything is put back as it was.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

SLOTS: Final = 8  # at least two for each shard, so that a shard that comes back is given some of them again

_CONSTANTS: Final[dict[str, Any]] = {
    "SLOTS": SLOTS,
    "PAGE_SLOTS": SLOTS // 2,
    "PAGES": 2,
    "_PAGE_BITS": (SLOTS // 2).bit_length() - 1,
    "_IN_PAGE": SLOTS // 2 - 1,
    "NOTHING": (None,) * (SLOTS // 2),
}


@contextmanager
def small_world() -> Iterator[None]:
    """All modules of ours that know the number of slots know this one, until the end."""
    from cluster.placement import rendezvous, slotmap

    changed: list[tuple[Any, str, Any]] = []
    defaults = slotmap.SlotMap.__init__.__defaults__
    for name, module in sorted(sys.modules.items()):
        if name.startswith(("cluster.placement.", "actors.")):
            for constant, value in _CONSTANTS.items():
                if constant in vars(module):
                    changed.append((module, constant, vars(module)[constant]))
                    setattr(module, constant, value)
    _forget(rendezvous)
    slotmap.SlotMap.__init__.__defaults__ = ((slotmap.NOTHING,) * slotmap.PAGES,)
    try:
        yield
    finally:
        slotmap.SlotMap.__init__.__defaults__ = defaults
        for module, constant, value in changed:
            setattr(module, constant, value)
        _forget(rendezvous)


def _forget(rendezvous: Any) -> None:
    rendezvous._logs.cache_clear()
    rendezvous._ideal.cache_clear()
