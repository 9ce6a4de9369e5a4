"""Whether the head answers, found out before Ray is asked.

The law: Ray waits for minutes, tells what no person understands, and hears no Ctrl-C meanwhile; so whoever is about to
wait for it looks here first.
"""

import ipaddress
import os
import socket
import time
from collections.abc import Callable, Sequence
from typing import Final

from cluster.errors import Misconfigured, Unavailable

TRY_S: Final = 5.0  # for one connection: a firewall that drops says nothing
POLL_S: Final = 0.5


def reach(address: str) -> None:
    """Connect to HOST:PORT once, and part. Raises Unavailable, Misconfigured."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) <= 65535:
        raise Misconfigured(f"{address!r} is no address of a head: write HOST:PORT, as in mx-1:6379.")
    try:
        socket.create_connection((host.strip("[]"), int(port)), TRY_S).close()
    except OSError as error:
        raise Unavailable(
            f"No head answers at {address} ({error.strerror or error}): start it there with `rookery node --head`, or "
            "check the address, [cluster] host on the head, and what is between."
        ) from error


def await_head(address: str, asked: Sequence[int], wait_s: float, tell: Callable[[str], None]) -> None:
    """Until it answers, or a stop is asked for. Raises Unavailable after `wait_s`, Misconfigured."""
    until, told = time.monotonic() + wait_s, False
    while not asked:
        try:
            return reach(address)
        except Unavailable as trouble:
            if time.monotonic() >= until:
                raise
            if not told:
                tell(f"Waiting for the head. {trouble.says}")
            told = True
        time.sleep(POLL_S)
    return None


def claim(port: int) -> None:
    """See that a head can listen on the port. Raises Misconfigured."""
    try:
        socket.create_server(("", port)).close()
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise Misconfigured(
            f"A head cannot listen on port {port} ({why}): `ss -ltnp` shows who does; end that, or change "
            "[cluster.ray] port."
        ) from error


def is_loopback(address: str) -> bool:
    """Whether HOST:PORT leads nowhere but to the machine that asks."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
