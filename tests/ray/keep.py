"""`rookery node` with the tests' own settings: CONFIG (--head | --join HOST:PORT)."""

import os
import sys
from pathlib import Path

from cluster.config import load
from cluster.hosting.ray import node
from tests.ray.roles import Settings


def main(config: str, *arguments: str) -> int:
    """Be a node until SIGTERM."""
    settings = load(Settings, Path(config), os.environ)
    head = arguments[1] if arguments[0] == "--join" else ""
    return node.run(settings.cluster, head=head, drain_s=settings.drain_s, tell=lambda line: print(line, flush=True))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
