"""What each kind of process runs.

The law: an entry is a Role of cluster/hosting/ray/place.py and is imported only in the process that plays it.
"""

from collections.abc import Callable
from typing import Final

from cluster.hosting.ray.place import Boot, Name

SETTINGS: Final = "ops.settings:Settings"
ENTRY: Final = "ops.roles.table:play"


def boots(config: str) -> Callable[[Name], Boot]:
    """How a process of a name starts, with the settings at this path (of every node)."""
    return lambda name: Boot(name.role, str(name), name.node, ENTRY, SETTINGS, config)
