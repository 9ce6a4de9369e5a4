"""cluster/hosting/sockets.py: what cannot be had is told with cause and cure. (Loopback sockets are the subject.)"""

import socket

import pytest

from cluster.errors import Misconfigured
from cluster.hosting.sockets import listen


def test_a_port_in_use_is_named() -> None:
    with listen("127.0.0.1", 0) as held:
        port = held.getsockname()[1]
        with pytest.raises(Misconfigured, match=f"port {port}: Address already in use; .*choose another"):
            listen("127.0.0.1", port)


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(Misconfigured, match=r"192\.0\.2\.1 port 25: .*no such address"):
        listen("192.0.2.1", 25)


def test_a_name_that_is_no_address() -> None:
    with pytest.raises(Misconfigured, match="Cannot listen on no such host"):
        listen("no such host", 25)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_all_addresses_are_both_kinds() -> None:
    with listen("::", 0) as held:
        port = held.getsockname()[1]
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port), 5).close()


def test_gateways_of_one_node_share_a_port() -> None:
    first = listen("127.0.0.1", 0, reuse_port=True)
    port = first.getsockname()[1]
    second = listen("127.0.0.1", port, reuse_port=True)
    with pytest.raises(ConnectionRefusedError):  # until one of them serves
        socket.create_connection(("127.0.0.1", port), 5)
    first.listen()
    for _ in range(20):  # none is given to the one that does not serve yet
        socket.create_connection(("127.0.0.1", port), 5).close()
        first.accept()[0].close()
    with pytest.raises(Misconfigured, match="another program"):
        listen("127.0.0.1", port)
    first.close()
    second.close()
