"""One process of a cluster in the foreground, without Ray: `python -m ops.roles ROLE NAME NODE HOST CONFIG`.

For benchmarks and tests, and to look at one process with a debugger. Nobody restarts it.
"""

import asyncio
import os
import sys
from pathlib import Path

from cluster.config import load
from cluster.hosting.alone import run, serve
from cluster.hosting.ray.place import Place
from ops.roles.table import role_of
from ops.settings import Settings


async def main(role: str, name: str, node: str, host: str, config: str) -> int:
    """Serve until SIGTERM."""
    settings = await asyncio.to_thread(load, Settings, Path(config), os.environ)
    server = role_of(role)(settings, Place(role, name, node, host))
    drained = await serve(server, lambda _running: print(f"{name} serves", flush=True), drain_s=settings.drain_s)
    return 0 if drained else 1


if __name__ == "__main__":
    sys.exit(run(main(*sys.argv[1:])))
