"""iprev (RFC 8601 3): every result, and the bound on names."""

from typing import Any

from mail.trust.iprev import IprevResult, check
from tests.unit.mail.trust.asking import Zone

NAME = "1.2.0.192.in-addr.arpa"


def _run(records: dict[str, Any], broken: set[Any] | None = None, ip: str = "192.0.2.1") -> IprevResult:
    return Zone(records, broken or set()).run(check(ip))


def test_pass() -> None:
    names = ["gone.test", "host.test"]
    found = _run({NAME: {"PTR": names}, "host.test": {"A": ["192.0.2.9", "192.0.2.1"]}})
    assert (found.result, found.name, found.names, found.why) == ("pass", "host.test", ("host.test",), "")
    assert len(found.seen) == 3


def test_pass_of_ip6_and_of_a_mapped_address() -> None:
    name = "1." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa"
    assert _run({name: {"PTR": ["h.test"]}, "h.test": {"AAAA": ["2001:DB8:0::1"]}}, ip="2001:db8::1").result == "pass"
    assert _run({NAME: {"PTR": ["h.test"]}, "h.test": {"A": ["192.0.2.1"]}}, ip="::ffff:192.0.2.1").result == "pass"


def test_fail() -> None:
    found = _run({NAME: {"PTR": ["host.test", "gone.test"]}, "host.test": {"A": ["192.0.2.9"]}})
    assert (found.result, found.name, found.names) == ("fail", "host.test", ())


def test_permerror_without_a_name() -> None:
    assert _run({}).result == "permerror"
    assert _run({NAME: {"TXT": [b"x"]}}).result == "permerror"
    assert _run({NAME: {"PTR": ["a" * 64 + ".test", ""]}}).result == "permerror"
    assert _run({}, ip="nothing").result == "permerror"


def test_temperror() -> None:
    assert _run({}, {NAME}).result == "temperror"
    zone: dict[str, Any] = {NAME: {"PTR": ["down.test", "host.test"]}, "host.test": {"A": ["192.0.2.9"]}}
    assert _run(zone, {"down.test"}).result == "temperror"
    zone["host.test"]["A"] = ["192.0.2.1"]
    assert _run(zone, {"down.test"}).result == "pass"


def test_ten_names_are_looked_at_all_at_once() -> None:
    zone = Zone({NAME: {"PTR": [f"h{number}.test" for number in range(12)]}, "h11.test": {"A": ["192.0.2.1"]}})
    assert zone.run(check("192.0.2.1")).result == "fail"
    assert (len(zone.asked), zone.rounds) == (11, 2)
