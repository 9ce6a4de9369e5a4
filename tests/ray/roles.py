"""Small roles, run by real Ray actors: each writes down when it serves and when it has left."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from cluster.hosting.ray.place import Place
from cluster.hosting.settings import ClusterSettings
from cluster.observe.logs import LogSettings

DRAIN_S = 0.5  # what the role takes to leave


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the roles are told."""

    folder: str  # where they write
    drain_s: float = 10.0
    log: LogSettings = LogSettings()
    cluster: ClusterSettings = ClusterSettings()


class Line(msgspec.Struct, frozen=True):
    """Something that happened."""

    name: str
    what: str  # begin, leave, left
    pid: int
    at: float
    node: str


class Serving:
    """Ends when a file with the process's name appears."""

    def __init__(self, end: Path) -> None:
        self._end = end

    async def ended(self) -> None:
        """Of Running."""
        while not self._end.exists():
            await asyncio.sleep(0.05)
        self._end.unlink()


@asynccontextmanager
async def role(settings: Settings, place: Place) -> AsyncIterator[Serving]:
    """Write `begin`; on leaving `leave`, and `left` a little later."""
    folder = Path(settings.folder)

    def write(what: str) -> None:
        line = Line(place.name, what, os.getpid(), time.monotonic(), place.node)
        with (folder / "lines").open("ab", buffering=0) as file:
            file.write(msgspec.json.encode(line) + b"\n")

    if (folder / f"{place.name}.fail").exists():
        write("fail")
        raise RuntimeError("told to fail")
    write("begin")
    try:
        yield Serving(folder / f"{place.name}.end")
    finally:
        write("leave")
        await asyncio.sleep(DRAIN_S)
        write("left")


def lines(folder: Path) -> list[Line]:
    """All that was written, in order."""
    path = folder / "lines"
    return [msgspec.json.decode(line, type=Line) for line in path.read_bytes().splitlines()] if path.exists() else []
