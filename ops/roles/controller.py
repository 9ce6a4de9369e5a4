"""The controller's process: one of two leads, keeps the slot maps and sees to the processes that are wanted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from cluster.hosting.ray.place import Place
from cluster.membership.election import Election
from cluster.placement.control import releasing
from cluster.placement.controller import Controller
from cluster.placement.metrics import ControllerMetrics
from cluster.rpc.direct import Direct
from ops.cluster.boots import boots
from ops.roles.ground import Ground, founded
from ops.settings import Settings


class Leading:
    """What the role gives its hosting: it is over when the controller is."""

    def __init__(self, task: "asyncio.Task[None]") -> None:
        self._task = task

    async def ended(self) -> None:
        """Returns when it is over; raises what ended it."""
        await asyncio.shield(self._task)


@asynccontextmanager
async def controller(settings: Settings, place: Place) -> AsyncIterator[Leading]:
    """Stand for election, and lead when elected. Raises Misconfigured, Unavailable."""
    async with founded(settings, place) as ground:
        direct = Direct(ground.dialer)
        election = Election(ground.registry, ground.layout, ground.member(), ttl_s=settings.cluster.lease_s)
        leading = Controller(
            place.name,
            ground.registry,
            ground.layout,
            election,
            ground.watching,
            ground.store,
            releasing(direct),
            ground.clock,
            ControllerMetrics(ground.metrics),
            beside=partial(_supervise, ground) if place.config else None,
        )
        task = asyncio.create_task(leading.run(), name="controller")
        try:
            yield Leading(task)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await direct.close()


async def _supervise(ground: Ground) -> None:
    """Keep the processes as they are wanted, through Ray, in which this process is an actor."""
    from cluster.hosting.ray.fleet import RayFleet
    from cluster.hosting.ray.supervisor import Supervisor

    supervisor = Supervisor(
        RayFleet(ground.settings.cluster.name),
        ground.watching.known,
        ground.registry,
        ground.layout,
        ground.clock,
        boots(ground.place.config),
    )
    await supervisor.run()
