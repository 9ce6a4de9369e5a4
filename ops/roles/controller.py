"""The controller's process: one of two leads, keeps the slot maps and sees to the processes that are wanted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cluster.hosting.place import Place
from cluster.membership.election import Election
from cluster.placement.control import releasing
from cluster.placement.controller import Controller
from cluster.placement.metrics import ControllerMetrics
from cluster.rpc.direct import Direct
from ops.roles.ground import founded
from ops.settings import Settings


@asynccontextmanager
async def controller(settings: Settings, place: Place) -> AsyncIterator[None]:
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
        )
        task = asyncio.create_task(leading.run(), name="controller")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await direct.close()
