"""Names: what is one, and how they compare."""

import pytest

from mail.trust.names import a_label, address_of, can_be_asked, domain_of, is_within, reverse_name, u_label


@pytest.mark.parametrize(
    ("domain", "label"),
    [
        ("Example.COM", "example.com"),
        ("example.com.", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("bücher。example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("_dmarc.a_b.example", "_dmarc.a_b.example"),
        ("a." + "b" * 63, "a." + "b" * 63),
        ("1.2.3.a4", "1.2.3.a4"),
    ],
)
def test_a_label(domain: str, label: str) -> None:
    assert a_label(domain) == label


@pytest.mark.parametrize(
    "domain",
    [
        "",
        ".",
        "com",
        "a..b",
        ".a.b",
        "a.b..",
        "1.2.3.4",
        "[1.2.3.4]",
        "a b.c",
        "a.b\n",
        "-a.b",
        "a-.b",
        "a." + "b" * 64,
        ".".join(["a"] * 128),
        "\ud800.example",
        "xn--\u0130.example",
        "ü" * 2000 + ".example",
        "a@b.c",
    ],
)
def test_no_domain(domain: str) -> None:
    assert a_label(domain) is None


def test_u_label() -> None:
    assert u_label("xn--bcher-kva.EXAMPLE.") == u_label("BÜCHER.example") == "bücher.example"
    assert u_label("Not A Name") == "not a name"
    assert u_label("xn--\x00") == "xn--\x00"
    assert u_label("X" * 300) == "x" * 300


def test_can_be_asked() -> None:
    assert can_be_asked("a.b")
    assert can_be_asked("a b_%.c")
    assert can_be_asked(".".join(["a" * 63] * 3 + ["a" * 61]))
    for name in ("", ".", "a..b", ".a", "a.", "a" * 64 + ".b", ".".join(["a" * 63] * 4), "ä.b", "a" * 64):
        assert not can_be_asked(name)


def test_is_within() -> None:
    assert is_within("a.example.com", "example.com")
    assert is_within("example.com", "example.com")
    assert not is_within("badexample.com", "example.com")
    assert not is_within("com", "example.com")


def test_domain_of() -> None:
    assert [domain_of(text) for text in ("a@b", '"a@b"@c', "a", "", "@b")] == ["b", "c", "", "", "b"]


def test_addresses() -> None:
    assert str(address_of("::ffff:192.0.2.1")) == "192.0.2.1"
    assert str(address_of("FE80::1%eth0")) == "fe80::1"
    assert [address_of(text) for text in ("", "x", "1.2.3", "/run/x")] == [None] * 4
    (four, six) = (address_of("192.0.2.1"), address_of("2001:DB8::1"))
    assert four is not None
    assert six is not None
    assert reverse_name(four) == "1.2.0.192.in-addr.arpa"
    assert reverse_name(six) == "1." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa"
