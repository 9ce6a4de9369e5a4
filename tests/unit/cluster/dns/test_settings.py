"""Which servers are asked, and who of them is believed."""

from pathlib import Path

import pytest

from cluster.dns.settings import DnsSettings, Server, servers_of
from cluster.errors import Misconfigured


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("127.0.0.1", Server("127.0.0.1", 53, trusted=True)),
        ("127.0.0.53:5353", Server("127.0.0.53", 5353, trusted=True)),
        ("::1", Server("::1", 53, trusted=True)),
        ("[::1]:54", Server("::1", 54, trusted=True)),
        ("[2001:db8::1]", Server("2001:db8::1", 53)),
        ("192.0.2.1", Server("192.0.2.1", 53)),
    ],
)
def test_a_server_is_believed_on_this_machine_only(text: str, server: Server) -> None:
    assert servers_of(DnsSettings(servers=(text,))) == (server,)


def test_the_settings_may_say_otherwise() -> None:
    servers = ("127.0.0.1", "192.0.2.1")
    assert [one.trusted for one in servers_of(DnsSettings(servers=servers, dnssec="trust"))] == [True, True]
    assert [one.trusted for one in servers_of(DnsSettings(servers=servers, dnssec="off"))] == [False, False]


def test_without_any_the_systems_are_asked(tmp_path: Path) -> None:
    conf = tmp_path / "resolv.conf"
    conf.write_text("# none\nsearch example.test\nnameserver 192.0.2.1\nnameserver\t::1 \noptions edns0\n")
    assert [one.host for one in servers_of(DnsSettings(), conf)] == ["192.0.2.1", "::1"]
    assert servers_of(DnsSettings(), tmp_path / "none") == (Server("127.0.0.1", 53, trusted=True),)


@pytest.mark.parametrize("text", ["", "dns.example.test", "127.0.0.1:0", "127.0.0.1:x", "[::1]:70000", "127.0.0.1:²"])
def test_what_is_no_server(text: str) -> None:
    with pytest.raises(Misconfigured, match="servers"):
        servers_of(DnsSettings(servers=(text,)))
