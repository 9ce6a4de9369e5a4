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
        (b"From: a@\xff.test\r\n", ["\ufffd.test"]),
        (b"From: (b@evil.test) a@example.com (c@evil.test)\r\n", ["example.com"]),
    ],
)
def test_domains(head: bytes, domains: list[str]) -> None:
    assert author_of(head) == Author(tuple(domains))


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        (b"", "no From field"),
        (b"X-From: a@b.test\r\n", "no From field"),
        (b"From: a@b.test\r\nFROM: c@d.test\r\n", "2 From fields"),
        (b"From:\r\n", "no address in From"),
        (b"From: undisclosed:;\r\n", "no address in From"),
        (b"From: somebody\r\n", "an address without a domain in From"),
        (b"From: a@b.test, somebody\r\n", "an address without a domain in From"),
        (b"From: " + b"(" * 70_000, "a From field of more than 65536 bytes"),
        (b"From: " + b"a@b.test," * 101 + b"\r\n", "more than 100 addresses in From"),
    ],
)
def test_nobodys(head: bytes, problem: str) -> None:
    assert author_of(head) == Author(problem=problem)
