"""Addresses: one spelling for each, and nothing but BadAddress for the rest."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.directory.addresses import LOCAL_BYTES_MAX, Address, BadAddress, parse, parse_domain


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("a@B.Test", Address("a", "b.test")),
        ('"a b"@b.test', Address("a b", "b.test")),
        ('"a\\"\\b@"@b.test', Address('a"b@', "b.test")),
        ('""@b.test', Address("", "b.test")),
        ("a@\u00fc.test", Address("a", "xn--tda.test")),
        ("u\u0308@b.test", Address("\u00fc", "b.test")),
        ("a@[IPv6:::1]", Address("a", "[ipv6:::1]")),
        ("a@sub_domain.b.test", Address("a", "sub_domain.b.test")),
        ("x" * LOCAL_BYTES_MAX + "@b.test", Address("x" * LOCAL_BYTES_MAX, "b.test")),
    ],
)
def test_addresses_in_their_one_spelling(text: str, address: Address) -> None:
    assert parse(text) == address
    assert parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "@b.test",
        "a@",
        "a@b..test",
        "a@-b.test",
        "a@b test",
        "a b@b.test",
        '"a@b.test',
        '"a"b"@b.test',
        "a\x00@b.test",
        '"a\x7f"@b.test',
        "a@b.test\n",
        "a@" + "b" * 64 + ".test",
        "a@" + "b." * 127 + "test",
        "x" * (LOCAL_BYTES_MAX + 1) + "@b.test",
        "é" * 33 + "@b.test",
        "\ud800@b.test",
        "a@\ud800.test",
        "a@[",
        "<a@b.test>",
        "x" * 10_000,
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadAddress):
        parse(text)


def test_a_default_domain_completes_a_name() -> None:
    assert parse("alice", "b.test") == Address("alice", "b.test")
    assert parse_domain("B\u00fccher.example") == "xn--bcher-kva.example"


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.one_of(st.text(max_size=80), st.text(max_size=40).map('"{}"@b.test'.format), st.text().map("{}@b.test".format))
)
def test_any_text_is_an_address_that_prints_and_folds_to_itself_or_is_refused(text: str) -> None:
    """Promise: only BadAddress leaves; what parses prints; folding is done once."""
    try:
        address = parse(text)
    except BadAddress:
        return
    assert parse(str(address)) == address
    folded = address.folded()
    assert parse(str(folded)) == folded
    assert folded.folded() == folded
