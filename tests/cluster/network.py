"""Nodes with network addresses of their own: a namespace each, on a bridge, and packets that get lost one way.

Packets from A to B are lost while A believes that B has a hardware address which nobody has: nothing is refused,
nothing is answered, and what B sends still arrives at A. The law: everything that was made is removed by `close`.
"""

import os
import shutil
import subprocess
import tempfile
from functools import cache
from typing import Final

NOBODY: Final = "02:00:00:00:00:99"
PLACES_MAX: Final = 200  # addresses of one network


@cache
def can_partition() -> bool:
    """Whether this process may make network namespaces."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    try:
        Network().close()
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


class Network:
    """A bridge with the services' addresses on this machine, and namespaces with one address each."""

    def __init__(self) -> None:
        # A name nobody else has; an interface's may have 15 characters.
        self._id = os.path.basename(tempfile.mktemp(prefix="", dir="/"))[:6]  # noqa: PTH119
        self._net = f"10.{200 + os.getpid() % 50}.{os.getpid() // 50 % 250}"
        self._bridge = f"rk{self._id}"
        self._spaces: dict[str, str] = {}  # by address
        self._gateway = ""  # the first address here: by it namespaces reach this machine's others
        try:
            _ip("link", "add", self._bridge, "type", "bridge")
            _ip("link", "set", self._bridge, "up")
        except BaseException:
            self.close()
            raise

    def here(self, number: int) -> str:
        """One more address on this machine."""
        address = f"{self._net}.{number}"
        _ip("addr", "add", f"{address}/24", "dev", self._bridge)
        self._gateway = self._gateway or address
        return address

    def space(self, name: str, number: int) -> tuple[str, str]:
        """A new namespace; its name and address."""
        space, address = f"rk{self._id}{name}", f"{self._net}.{number}"
        self._spaces[address] = space
        outer = f"v{self._id}{name}"
        _ip("netns", "add", space)
        _ip("link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", space)
        _ip("link", "set", outer, "master", self._bridge, "up")
        for words in (("link", "set", "lo", "up"), ("addr", "add", f"{address}/24", "dev", "eth0")):
            _ip("-n", space, *words)
        _ip("-n", space, "link", "set", "eth0", "up")
        if self._gateway:
            _ip("-n", space, "route", "add", "default", "via", self._gateway)
        return space, address

    def lose(self, source: str, target: str) -> None:
        """What this namespace's address sends to the target gets lost."""
        _ip("-n", self._spaces[source], "neigh", "replace", target, "lladdr", NOBODY, "dev", "eth0", "nud", "permanent")

    def heal(self, source: str, target: str) -> None:
        """No more."""
        _ip("-n", self._spaces[source], "neigh", "del", target, "dev", "eth0")

    def close(self) -> None:
        """Remove everything; processes in the namespaces must have ended."""
        for space in self._spaces.values():
            subprocess.run(["ip", "netns", "del", space], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", self._bridge], capture_output=True, check=False)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], capture_output=True, check=True, timeout=20)
