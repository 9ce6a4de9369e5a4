"""Settings that no server can act on are refused when they are loaded, with their path and a cure."""

import pytest

from cluster.config import load
from cluster.errors import Misconfigured
from ops.checking import mistakes
from ops.settings import Settings

ROUTE = '[[outbound.route]]\nname = "a"\nhost = "h"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('hostname = "bad name"', "hostname: 'bad name' is no name of a host"),
        ('[smtp]\nrelay_from = ["10.0.0.0/33"]', "smtp.relay_from: '10.0.0.0/33' does not appear to be"),
        (
            '[[listen]]\nprotocol = "smtp"\nport = 25\nproxy_from = ["10.0.0.1/8"]',
            "listen[0].proxy_from: 10.0.0.1/8 has host bits set; write one",
        ),
        ('[api]\nnetworks = ["home"]', "api.networks: 'home' does not appear to be an IPv4 or IPv6 network"),
        (
            '[directory.authorization]\nissuer = "http://mail.example"',
            "directory.authorization.issuer: 'http://mail.example' is not https://HOST",
        ),
        ('[dns]\nservers = ["dns.example"]', "dns.servers: 'dns.example' is no ADDRESS"),
        ('[dns.static]\n"a.test" = { A = ["nope"] }', "dns.static: 'nope' is no A record"),
        ('[[milter]]\nname = "m"\naddress = "127.0.0.1:8891"', "milter[0].address: The address '127.0.0.1:8891'"),
        ('[[milter]]\nname = "m"\naddress = "inet:h:1"\n' * 2, "milter: there are two of the name m"),
        ('[[throttle]]\nname = "t"\nat = "mail"\nrate = "1/1h"\n' * 2, "throttle: there are two of the name t"),
        ('[screen]\ntrusted_sealers = ["a b"]', "screen.trusted_sealers: 'a b' is no name"),
        ('[web]\norigins = ["web.test"]', "web.origins: 'web.test' is no origin"),
        ('[mta_sts]\nmx = ["*.*.test"]', "mta_sts.mx: '*.test' is no name"),
        ('[reports]\naddresses = ["nobody"]', "reports.addresses: 'nobody' is no address"),
        ('[reports]\nsender = "@x.test"', "reports.sender: '@x.test' is no address"),
        ('[outbound]\nown_addresses = ["x"]', "outbound.own_addresses: 'x' is no IPv4"),
        ('[[outbound.source]]\naddress = "nope"', "outbound.source[0].address: 'nope' is no IPv4"),
        ('[outbound.routes]\n"http://x" = "mx"', "outbound.routes: 'http://x' is no domain"),
        ('[outbound.tls.destinations]\n"x y" = "none"', "outbound.tls.destinations: 'x y' is no name"),
        (ROUTE + 'domains = ["*.x.test"]', "outbound.route[0].domains: '*.x.test' is no domain"),
        (ROUTE + 'user = "u"', "outbound.route[0].secret: there is a user and no password"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, said: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        load(Settings, text, {}, name="r.toml")
    assert caught.value.says.startswith(f"r.toml: {said}")


def test_what_can_be_meant_is_taken() -> None:
    text = """
    hostname = "mx.bücher.example"
    [smtp]
    relay_from = ["10.0.0.0/8", "2001:db8::1"]
    [dns]
    servers = ["[::1]:53"]
    [mta_sts]
    mx = ["*.x.test", "mx.y.test"]
    [outbound]
    routes = { "*" = "mx", ".x.test" = "mx", "[192.0.2.1]" = "mx" }
    tls = { destinations = { ".example.org" = "pkix" } }
    """
    assert list(mistakes(load(Settings, text, {}))) == []
