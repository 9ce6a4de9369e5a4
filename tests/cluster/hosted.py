"""`python -m tests.cluster.hosted ROLE NAME NODE HOST CONFIG`: one process of a cluster, until SIGTERM or its own end.

The law: it does what cluster/hosting/ray/process.py does, without Ray.
"""

import asyncio
import os
import signal
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import structlog

from cluster.clock import SystemClock
from cluster.config import load
from cluster.errors import Trouble
from cluster.hosting.alone import SWITCH_S, new_loop
from cluster.hosting.ray.place import Place
from cluster.observe import logs
from ops.roles.table import role_of
from ops.settings import Settings


def main(role: str, name: str, node: str, host: str, config: str) -> int:
    """Play the role; the exit code."""
    sys.setswitchinterval(SWITCH_S)
    settings = load(Settings, Path(config), os.environ)
    logs.set_up(settings.log, SystemClock(), always={"process": name})
    entered = role_of(role)(settings, Place(role, name, node, host))
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(_serve(entered))
    except Trouble as trouble:
        structlog.get_logger().warning("process_ends", error=trouble.log)
        return 1
    return 0


async def _serve(entered: AbstractAsyncContextManager[Any]) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    waiting = asyncio.create_task(stop.wait())
    entering = asyncio.ensure_future(entered.__aenter__())
    await asyncio.wait((entering, waiting), return_when=asyncio.FIRST_COMPLETED)
    if not entering.done():
        entering.cancel()
        await asyncio.wait((entering,))
        return
    running = entering.result()
    log = structlog.get_logger()
    log.info("process_serves", pid=os.getpid())
    ended = asyncio.ensure_future(running.ended())
    await asyncio.wait((ended, waiting), return_when=asyncio.FIRST_COMPLETED)
    log.info("process_drains", asked=stop.is_set())
    if not ended.done():
        ended.cancel()
    elif (error := ended.exception()) is not None:
        log.error("role_broke", exc_info=error)
    await entered.__aexit__(None, None, None)
    log.info("process_drained")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
