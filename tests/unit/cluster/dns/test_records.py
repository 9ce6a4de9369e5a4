"""Records given as texts."""

from typing import Any

import pytest

from cluster.dns.records import Table, parse


@pytest.mark.parametrize(
    ("kind", "text", "record"),
    [
        ("A", "192.0.2.1", "192.0.2.1"),
        ("AAAA", "2001:DB8:0::1", "2001:db8::1"),
        ("MX", "10 MX.Example.test.", (10, "mx.example.test")),
        ("MX", "0 .", (0, "")),
        ("TXT", "v=spf1 -all", b"v=spf1 -all"),
        ("TXT", '"one " "two"', b"one two"),
        ("SRV", "1 2 443 srv.test", (1, 2, 443, "srv.test")),
        ("TLSA", "3 1 1 00 FF", (3, 1, 1, b"\x00\xff")),
        ("PTR", "Host.Test.", "host.test"),
    ],
)
def test_a_text_is_what_the_wire_would_have_said(kind: str, text: str, record: Any) -> None:
    assert parse(kind, text) == record


@pytest.mark.parametrize(
    ("kind", "text"),
    [("A", "1.2.3"), ("AAAA", "1.2.3.4"), ("MX", "mx.test"), ("TLSA", "3 1 1 0"), ("TXT", '"a" b'), ("XX", "a")],
)
def test_what_is_no_record(kind: str, text: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        parse(kind, text)


def test_a_table_answers_for_its_names_alone() -> None:
    table = Table({"a.b.test": {"a": ["192.0.2.1"]}, "c.test": {"CNAME": ["a.b.test"]}})
    assert table.find("c.test", "A").records == ("192.0.2.1",)
    assert table.find("c.test", "A").name == "a.b.test"
    assert table.find("b.test", "A").status == "ok"
    assert table.find("d.test", "A").status == "nxdomain"
    assert ("a.b.test" in table, "b.test" in table) == (True, False)
    ring = Table({"x": {"CNAME": ["y"]}, "y": {"CNAME": ["x"]}})
    assert ring.find("x", "A").status == "tempfail"
