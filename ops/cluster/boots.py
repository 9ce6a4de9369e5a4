"""What Ray is told about each process: one entry for all, which looks up the role by its name.

The law: the entry is imported only in the process that plays it, so that what starts processes needs none of it.
"""

from collections.abc import Callable
from typing import Final

from cluster.hosting.ray.place import Boot, Name

ENTRY: Final = "ops.roles.table:play"  # a Role of cluster/hosting/ray/place.py
SETTINGS: Final = "ops.settings:Settings"


def boots(config: str) -> Callable[[Name], Boot]:
    """How a process of a name starts, with the settings at this path (of every node)."""
    return lambda name: Boot(name.role, str(name), name.node, ENTRY, SETTINGS, config)
