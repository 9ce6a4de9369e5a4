"""Whose mail it says it is."""

import pytest

from mail.trust.author import Author, author_of


@pytest.mark.parametrize(
    ("head", "domains"),
    [
        (b"From: a@Example.com\r\n", ["Example.com"]),
        (b'Subject: x\r\nfrom : "a@evil.test" <a@example.com>\r\nTo: b@c.test\r\n', ["example.com"]),
        (b"From: a@example.com,\r\n b@example.net, c@example.com\r\n", ["example.com", "example.net"]),
        (b"From: us: a@example.com, b@example.net;\r\n", ["example.com", "example.net"]),
        ("From: ä@bücher.example\r\n".encode(), ["bücher.example"]),
        (b"From: a@[192.0.2.1]\r\n", ["[192.0.2.1]"]),
        (b"From: (b@evil.test) a@example.com (c@evil.test)\r\n", ["example.com"]),
        (b'From: (") (b@evil.test) a@example.com (")\r\n', ["example.com"]),
        (b"From: a@other.test <a@example.com>\r\n", ["example.com"]),  # shown as if it were in quotes
        (b'From: "a@b, <c@d>" <a@example.com>, (x, y) =?utf-8?q?a=40b=2C?= <b@example.com>,\r\n', ["example.com"]),
        (b"From: DOMAIN\\me [x] <a@example.com>\r\n", ["example.com"]),
        (b'From: "a@evil.test"@example.com\r\n', ["example.com"]),
        (b"From: root@localhost\r\n", ["localhost"]),
    ],
)
def test_domains(head: bytes, domains: list[str]) -> None:
    assert author_of(head) == Author(tuple(domains))


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        (b"", "no From field"),
        (b"X-From: a@b.test\r\n", "no From field"),
        (b"From:\r\n", "no address in From"),
        (b"From: undisclosed:;\r\n", "no address in From"),
        (b"From: somebody\r\n", "an address without a domain in From"),
    ],
)
def test_nobodys(head: bytes, problem: str) -> None:
    assert author_of(head) == Author(problem=problem)


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        (b"From: a@b.test\r\nFROM: c@d.test\r\n", "2 From fields"),
        (b"From: a@b.test, somebody\r\n", "an address without a domain in From"),
        (b"From: " + b"(" * 70_000, "a From field of more than 16384 bytes"),
        (b"From: " + b"a@b.test," * 101 + b"\r\n", "more than 100 addresses in From"),
        (b"From: a@b.test\r\n" + b"X: y\r\n" * 2000, "a header too large to be read"),
        (b"From: a@b.test\r\nX: " + b"y" * 300_000, "a header too large to be read"),
    ],
)
def test_nobodys_who_may_be_shown_as_somebody(head: bytes, problem: str) -> None:
    assert author_of(head) == Author(problem=problem, misleading=True)


@pytest.mark.parametrize(
    "value",
    [
        b"<a@bank.test> <b@evil.test>",
        b"<b@evil.test> a@bank.test",
        b"a@bank.test b@evil.test",
        b"a@evil.test@bank.test",
        b"a@evil.test(c)@bank.test",
        b"<@bank.test:b@evil.test>",
        b"a@bank.test:b@evil.test",
        b"<a@bank.test, b@evil.test>",
        b"<a@bank.test",
        b'"a <a@bank.test>',
        b"(a <a@bank.test>",
        b"[x <a@bank.test> ] <b@evil.test>",
        b"a@bank.test\x00 <b@evil.test>",
        b"a@bank.test\rFrom: b@evil.test",
        b"a@bank.test,\n b@evil.test",
    ],
)
def test_two_programs_may_see_two_authors(value: bytes) -> None:
    found = author_of(b"From: " + value + b"\r\nTo: c@d.test\r\n")
    assert found == Author(problem="a From field that can be read in several ways", misleading=True)


@pytest.mark.parametrize(
    "value", [b"a@\xff.test", b"a@=?utf-8?q?bank=2Etest?=", b"a@bank.test%00", b"a@bank.test, b@!"]
)
def test_a_domain_that_is_none_but_may_be_shown_as_one(value: bytes) -> None:
    found = author_of(b"From: " + value + b"\r\n")
    assert found.misleading
    assert found.domains
