"""What rules of the settings stand on in a process: lookups, throttles, and the tools they share.

The law: one of each in a process, whatever runs in it; lookups are read before anybody is served.
"""

from contextlib import AsyncExitStack
from typing import NamedTuple

from actors.throttle.client import ThrottleClient
from cluster.lookup import Lookups
from cluster.rules import Tools
from gateway.throttles import Throttles
from ops.core import Core, while_open
from ops.settings import Settings


class Ruling(NamedTuple):
    """The tools of rules, and the throttles; None where there are none."""

    tools: Tools
    throttles: Throttles | None


async def ruling(stack: AsyncExitStack, core: Core, settings: Settings) -> Ruling:
    """Until the stack closes. Raises Misconfigured: a list that cannot be read."""
    lookups = Lookups(settings.lookup, core.store, core.clock, core.registry)
    stack.push_async_callback(lookups.close)
    await lookups.start()
    tools = Tools(lookups, core.clock, core.dice, core.registry)
    if not settings.throttle:
        return Ruling(tools, None)
    lease_s = settings.throttling.lease_s
    client = ThrottleClient(core.calling, lease_s)
    throttles = Throttles(settings.throttle, client, core.dice, core.registry, lease_s=lease_s)
    while_open(stack, "throttles", throttles.run())
    return Ruling(tools, throttles)
