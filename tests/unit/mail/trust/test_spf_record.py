"""The grammar of SPF records, strictly (RFC 7208 4.5, 4.6, 5, 6)."""

import pytest

from mail.trust.spf_record import RECORD_BYTES_MAX, read, select

GOOD = [
    "",
    "   ",
    "a mx ptr -all",
    "A MX PTR ~ALL",
    "a/0 a//0 a/32//128 mx/24",
    "a:example.com/24 mx:%{d}//64",
    "a:foo:bar/baz.example.com",
    "a:x.1-2 a:x.a1 a:x.1a.",
    "exists:%{i}%% include:%{d} ptr:%{o}",
    "ip4:192.0.2.1 ip4:0.0.0.0/0 ip4:192.0.2.1/32",
    "ip6::: ip6:::1/128 ip6:2001:db8::192.0.2.1/96",
    "redirect=example.com exp=%{d}",
    "RediRect=example.com",
    "foo= foo=%{t} a.b-c_d=x/y:z",
    "exists:%{l1r-+,/_=}.example.com",
    "exists:%{D1R}.example.com",
]
BAD = [
    "al",
    "all:",
    "all/8",
    "+",
    "++all",
    "a:",
    "a/",
    "a/33",
    "a/08",
    "a//129",
    "a//",
    "a/24/64",
    "a:example.com/",
    "a:example.com/33",
    "a:example",
    "a:example.1",
    "a:example.-a",
    "a:example.a-",
    "a:example..",
    "a:%",
    "a:%{",
    "a:%{x}",
    "a:%{d.example.com",
    "a:%{d1r2}.example.com",
    "a:%{rd}.example.com",
    "a:%a.example.com",
    "a:b\tc.example.com",
    "\tall",
    "all\n",
    "include",
    "include:",
    "include/24",
    "exists",
    "exists:x.example.com/24",
    "ptr/24",
    "ptr:",
    "ip4",
    "ip4:",
    "ip4:192.0.2",
    "ip4:192.0.2.256",
    "ip4:192.0.2.01",
    "ip4:192.0.2.1/33",
    "ip4:192.0.2.1/",
    "ip4:192.0.2.1/024",
    "ip4:192.0.2.1//64",
    "ip4:2001:db8::1",
    "ip6:192.0.2.1",
    "ip6:2001:db8::1%1",
    "ip6:2001:db8::1/129",
    "ip6:2001:db8:::1",
    "redirect=",
    "redirect=example",
    "redirect=a.test redirect=b.test",
    "exp=a.test all exp=a.test",
    "=x",
    "1x=y",
    "x=%{y}",
    "x=%",
    "x=ä",
    "a:ä.example.com",
]


@pytest.mark.parametrize("terms", GOOD)
def test_follows_the_grammar(terms: str) -> None:
    assert read(f"v=spf1 {terms}".encode()).problem == ""


@pytest.mark.parametrize("terms", BAD)
def test_does_not_follow_the_grammar(terms: str) -> None:
    record = read(f"v=spf1 a {terms}".encode())
    assert record.problem
    assert record.terms == ()


def test_terms() -> None:
    record = read(b"v=spf1 -ip4:192.0.2.77/24 ?A/28//64 ip6:2001:db8::/32 exp=e.test redirect=r.test ALL")
    ip4, a, ip6, everybody = record.terms
    assert (ip4.kind, ip4.outcome, ip4.network, ip4.shift) == ("ip4", "fail", 0xC00002, 8)
    assert (a.kind, a.outcome, a.domain, a.shift, a.shift6, a.text) == ("a", "neutral", None, 4, 64, "?A/28//64")
    assert (ip6.network, ip6.shift) == (0x20010DB8, 96)
    assert (everybody.kind, everybody.outcome) == ("all", "pass")
    assert (record.explanation, record.redirect) == (("e.test",), ("r.test",))


def test_select() -> None:
    texts = [b"v=spf1", b"v=spf1 a", b"V=SPF1 a", b"v=spf10 a", b"v=spf1\ta", b" v=spf1 a", b"v=spf", b"", b"\xff"]
    assert select(texts) == [b"v=spf1", b"v=spf1 a", b"V=SPF1 a"]


def test_the_problem_is_short_and_the_length_bounded() -> None:
    assert len(read(b"v=spf1 " + b"x" * 5000).problem) < 100
    assert read(b"v=spf1 " + b"a " * (RECORD_BYTES_MAX // 2 - 4)).problem == ""
    assert read(b"v=spf1 " + b"a " * (RECORD_BYTES_MAX // 2)).problem != ""
