"""Which role is which: by the name that a process's place has."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from cluster.hosting.ray.place import CONTROLLER, GATEWAY, Place, Running
from ops.roles.controller import controller
from ops.roles.gateway import gateway
from ops.roles.shard import shard
from ops.settings import Settings

Enter = Callable[[Settings, Place], AbstractAsyncContextManager[Running]]


def role_of(name: str) -> Enter:
    """The role; any other name is a kind of shard, which says itself whether there is such a kind."""
    if name == GATEWAY:
        return gateway
    return controller if name == CONTROLLER else shard


def play(settings: Settings, place: Place) -> AbstractAsyncContextManager[Running]:
    """The role that the place names: what a hosting is told to enter."""
    return role_of(place.role)(settings, place)
