"""What each kind of process runs.

The law: an entry is a Role of cluster/hosting/ray/place.py and is imported only in the process that plays it.
"""

from collections.abc import Callable, Mapping
from typing import Final

from cluster.hosting.ray.place import CONTROLLER, GATEWAY, Boot, Name
from cluster.membership.members import KINDS

SETTINGS: Final = "ops.settings:Settings"
ENTRIES: Final[Mapping[str, str]] = {
    GATEWAY: "ops.roles.gateway:role",
    **dict.fromkeys(KINDS, "ops.roles.shard:role"),
    CONTROLLER: "ops.roles.controller:role",
}


def boots(config: str) -> Callable[[Name], Boot]:
    """How a process of a name starts, with the settings at this path (of every node)."""
    return lambda name: Boot(name.role, str(name), name.node, ENTRIES[name.role], SETTINGS, config)
