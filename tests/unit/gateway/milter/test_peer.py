"""What a milter is told of a client."""

from gateway.milter.peer import Peer
from mail.milter.machine import Family


def test_addresses() -> None:
    assert Peer(ip="192.0.2.7", port=5).address == ("[192.0.2.7]", Family.INET, 5, "192.0.2.7")
    assert Peer(ip="2001:db8::1", name="c.test").address == ("c.test", Family.INET6, 0, "2001:db8::1")
    assert Peer(ip="").address == ("localhost", Family.UNIX, 0, "unix")


def test_a_name_that_leads_back() -> None:
    macros = Peer(ip="192.0.2.7", name="c.test", ptr="c.test").macros()
    assert macros["_"] == "c.test [192.0.2.7]"
    assert (macros["client_name"], macros["client_ptr"]) == ("c.test", "c.test")


def test_a_name_that_does_not() -> None:
    macros = Peer(ip="192.0.2.7", ptr="c.test").macros()
    assert macros["_"] == "c.test [192.0.2.7] (may be forged)"
    assert (macros["client_name"], macros["client_ptr"]) == ("unknown", "c.test")


def test_what_is_not_known_is_empty() -> None:
    macros = Peer(ip="").macros()
    assert not any(macros[name] for name in ("_", "cipher_bits", "client_port", "auth_authen", "tls_version"))
