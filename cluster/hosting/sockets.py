"""Listening sockets: bound before privileges are dropped and before anything is opened.

The law: a port that cannot be had is told with its reason and cure, before a byte of data was touched.
"""

import errno
import socket
from typing import Final

from cluster.errors import Misconfigured

BACKLOG: Final = 1024  # connections the kernel holds while the loop is busy with a commit's worth of work

_CURES: Final = {
    errno.EADDRINUSE: "another program listens there: stop it (`ss -ltnp` names it) or choose another port",
    errno.EACCES: "ports below 1024 need root: start as root with `run_as` set, or choose another port",
    errno.EADDRNOTAVAIL: "this machine has no such address: check `host`",
}


def listen(host: str, port: int, *, reuse_port: bool = False) -> socket.socket:
    """A bound, listening, non-blocking TCP socket; `::` is every address, IPv4's too. Raises Misconfigured.

    `reuse_port`: other processes of this user may listen there as well, and the kernel shares connections out: so it
    is only bound, and its server lets it listen when it serves. Before, its share of them would wait for nobody.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise Misconfigured(f"Cannot listen on {host}: {error.strerror}; give an address of this machine.") from error
    made = socket.socket(family, kind, proto)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if host == "::" else 1)
        made.bind(address)
        if not reuse_port:
            made.listen(BACKLOG)
    except OSError as error:
        made.close()
        cure = _CURES.get(error.errno or 0, "check host and port")
        raise Misconfigured(f"Cannot listen on {host} port {port}: {error.strerror}; {cure}.") from error
    made.setblocking(False)
    return made
