"""Macros (RFC 7208 7), with the examples of 7.4."""

import pytest

from mail.trust.spf_macro import Macro, MacroError, expand, letters, parse_domain_spec, parse_explanation

VALUES = {
    "s": "strong-bad@email.example.com",
    "l": "strong-bad",
    "o": "email.example.com",
    "d": "email.example.com",
    "i": "192.0.2.3",
    "v": "in-addr",
    "h": "x y",
}
IP6 = ".".join("20010db800000000000000000000cb01")
EXAMPLES = [
    ("%{s}", "strong-bad@email.example.com"),
    ("%{o}", "email.example.com"),
    ("%{d}", "email.example.com"),
    ("%{d4}", "email.example.com"),
    ("%{d3}", "email.example.com"),
    ("%{d2}", "example.com"),
    ("%{d1}", "com"),
    ("%{dr}", "com.example.email"),
    ("%{d2r}", "example.email"),
    ("%{l}", "strong-bad"),
    ("%{l-}", "strong.bad"),
    ("%{lr}", "strong-bad"),
    ("%{lr-}", "bad.strong"),
    ("%{l1r-}", "strong"),
    ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
    ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
    ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
    ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
    ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
    ("a%%b%_c%-d.%{H}", "a%b c%20d.x%20y"),
]


@pytest.mark.parametrize(("text", "expanded"), EXAMPLES)
def test_examples(text: str, expanded: str) -> None:
    assert expand(parse_domain_spec(text), VALUES) == expanded


def test_an_ip6_address() -> None:
    values = VALUES | {"i": IP6, "v": "ip6"}
    name = "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"
    assert expand(parse_domain_spec("%{ir}.%{v}._spf.%{d2}"), values) == name


def test_at_is_no_delimiter() -> None:
    with pytest.raises(MacroError):
        parse_domain_spec("%{s4-@.}")


def test_several_delimiters_are_each_one() -> None:
    assert expand(parse_domain_spec("%{s+-,}"), {"s": "a-b,,c+d"}) == "a.b..c.d"


def test_pieces() -> None:
    pieces = parse_explanation("See %% %{D2r-} %_now")
    assert pieces == ("See % ", Macro("d", 2, True, "-", True), "  now")
    assert letters(pieces) == {"d"}


@pytest.mark.parametrize("text", ["%", "%{", "%{d", "%{d0}", "%{d00}", "\x7f", "ä", "\n"])
def test_what_an_explanation_cannot_hold(text: str) -> None:
    with pytest.raises(MacroError):
        parse_explanation(text)


def test_letters_of_explanations() -> None:
    assert letters(parse_explanation("%{c}%{R}%{t}")) == {"c", "r", "t"}
    with pytest.raises(MacroError):
        parse_domain_spec("%{c}.example.com")
