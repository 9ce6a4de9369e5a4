"""What is asked of Ray, all of it: nodes, names, make, remove. Blocking calls, for a thread.

The law: nothing outside this package knows Ray, and only blocking, short calls are made; while Ray's control service is
away they raise Unavailable or wait, and nothing that runs minds.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

import msgspec

from cluster.errors import Misconfigured, Unavailable
from cluster.hosting.ray import environment
from cluster.hosting.ray.place import Boot
from cluster.hosting.ray.plan import RayNode
from cluster.hosting.ray.reach import reach
from cluster.hosting.settings import ClusterSettings

ACTOR_CPUS: Final = 0.01  # with 0, Ray places at random and cannot spread
CALL_S: Final = 2.0  # for an actor's answer; it answers at once, or is not there


class Fleet(Protocol):
    """All methods block, and raise Unavailable."""

    def nodes(self) -> list[RayNode]:
        """Those that live; of two with one name the younger."""
        ...

    def actors(self) -> set[str]:
        """The names that are taken."""
        ...

    def create(self, boot: Boot, node: str) -> None:
        """Make a process on the node with this id; nothing where its name is taken. Does not wait for it."""
        ...

    def retire(self, name: str) -> bool:
        """Have a process leave its role; whether it has."""
        ...

    def ping(self, name: str) -> str:
        """A process's own word. Raises Unavailable also when it does not answer in time."""
        ...

    def home(self, name: str) -> str:
        """The id of the node that a process runs on. Raises Unavailable also when it does not answer in time."""
        ...

    def remove(self, name: str) -> None:
        """End a process for good, now."""
        ...


class RayFleet:
    """Over the Ray that this process is connected to: an actor's own, or after `connected`."""

    def __init__(self, cluster: str) -> None:
        """`cluster`: its name."""
        self._namespace = f"rookery-{cluster}"

    def nodes(self) -> list[RayNode]:
        """Of Fleet."""
        import ray

        with _told():
            found = {each["NodeName"]: _node(each) for each in ray.nodes() if each["Alive"]}  # type: ignore[no-untyped-call]
        return [found[name] for name in sorted(found)]

    def actors(self) -> set[str]:
        """Of Fleet."""
        import ray

        with _told():
            every = ray.util.list_named_actors(all_namespaces=True)
        return {each["name"] for each in every if each["namespace"] == self._namespace}

    def create(self, boot: Boot, node: str) -> None:
        """Of Fleet."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        from cluster.hosting.ray.process import Process

        with _told():
            ray.remote(Process).options(
                name=boot.name,
                namespace=self._namespace,
                lifetime="detached",
                get_if_exists=True,
                max_restarts=-1,
                max_task_retries=0,
                num_cpus=ACTOR_CPUS,
                # Hard: a shard belongs to its node. A controller belongs to none.
                scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=not boot.node),
            ).remote(msgspec.json.encode(boot))

    def retire(self, name: str) -> bool:
        """Of Fleet."""
        return bool(self._ask(name, "retire"))

    def ping(self, name: str) -> str:
        """Of Fleet."""
        return str(self._ask(name, "ping"))

    def home(self, name: str) -> str:
        """Of Fleet."""
        return str(self._ask(name, "home"))

    def remove(self, name: str) -> None:
        """Of Fleet."""
        import ray

        with _told():
            try:
                actor = ray.get_actor(name, self._namespace)
            except ValueError:
                return
            ray.kill(actor, no_restart=True)

    def _ask(self, name: str, method: str) -> Any:
        import ray

        with _told():
            actor = ray.get_actor(name, self._namespace)
            return ray.get(getattr(actor, method).remote(), timeout=CALL_S)


@contextmanager
def connected(settings: ClusterSettings, address: str) -> Iterator[RayFleet]:
    """Connect this program to Ray, as a driver. `address`: HOST:PORT, or auto. Raises Unavailable, Misconfigured."""
    if address == "auto":
        address = environment.any_head_address(settings.ray)
        if not address:
            raise Misconfigured(
                "No node runs on this machine: start one with `rookery node`, or name the head: --address HOST:PORT, "
                "or [cluster.ray] address."
            )
    reach(address)
    os.environ |= environment.client_environment(settings.ray)  # read when Ray is imported
    import ray

    with _told():
        ray.init(
            address=address,
            namespace=f"rookery-{settings.name}",
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=False,
        )
    try:
        yield RayFleet(settings.name)
    finally:
        ray.shutdown()


def _node(told: dict[str, Any]) -> RayNode:
    resources = told["Resources"]

    def declared(name: str) -> int | None:
        return int(resources[name]) if name in resources else None

    return RayNode(
        told["NodeName"],
        told["NodeID"],
        declared(environment.RESOURCE_GATEWAY),
        declared(environment.RESOURCE_SHARD),
    )


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise Unavailable("Ray does not answer; try again.", log=f"Ray: {error!r}") from error
