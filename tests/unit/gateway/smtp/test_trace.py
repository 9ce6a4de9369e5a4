"""Trace fields and the little that is read of headers."""

import pytest

from cluster import errors
from cluster.errors import Trouble
from gateway.smtp import header, replies, trace
from mail.smtp.events import Hello
from mail.smtp.states import Role


@pytest.mark.parametrize(
    ("verb", "role", "tls", "auth", "utf8", "keyword"),
    [
        ("HELO", Role.SMTP, True, False, False, "SMTP"),
        ("EHLO", Role.SMTP, False, False, False, "ESMTP"),
        ("EHLO", Role.SMTP, True, False, False, "ESMTPS"),
        ("EHLO", Role.SUBMISSION, False, True, False, "ESMTPA"),
        ("EHLO", Role.SUBMISSION, True, True, False, "ESMTPSA"),
        ("EHLO", Role.SUBMISSION, True, True, True, "UTF8SMTPSA"),
        ("LHLO", Role.LMTP, False, False, False, "LMTP"),
        ("LHLO", Role.LMTP, True, False, True, "UTF8LMTPS"),
    ],
)
def test_with_keywords(verb: str, role: Role, tls: bool, auth: bool, utf8: bool, keyword: str) -> None:
    assert trace.with_keyword(trace.Origin(Hello(verb, "a"), "::1", role, tls, auth), smtputf8=utf8) == keyword


def test_ipv6_is_a_literal() -> None:
    origin = trace.Origin(Hello("EHLO", "[IPv6:2001:db8::1]"), "2001:db8::1", Role.SMTP, False, False)
    line = trace.received(origin, by="mx", ident="1", now_ms=0)
    assert line.startswith(b"Received: from [IPv6:2001:db8::1] ([IPv6:2001:db8::1])\r\n")
    assert line.endswith(b";\r\n\tThu, 1 Jan 1970 00:00:00 +0000\r\n")


@pytest.mark.parametrize(
    ("body", "head"),
    [
        (b"A: b\r\n\r\nReceived: x", b"A: b\r\n"),
        (b"\r\nA: b\r\n\r\n", b""),
        (b"A: b\r\n", b"A: b\r\n"),
        (b"", b""),
    ],
)
def test_head(body: bytes, head: bytes) -> None:
    assert trace.head_of(body) == head


@pytest.mark.parametrize("body", [b"A: b\r\n\r\nx", b"A: b\r\n", b"\r\nA: b\r\n", b"From a@b\r\nA: b\r\n", b""])
def test_fields_may_stand_before_a_header(body: bytes) -> None:
    assert trace.apart(body) == body


@pytest.mark.parametrize(
    "body", [b" go on\r\nFrom: a@b\r\n\r\n", b"\t; dmarc=pass\r\n", b"rubbish\r\nFrom: a@b\r\n", b" \r\nFrom: a@b\r\n"]
)
def test_what_does_not_begin_with_a_field_gets_none(body: bytes) -> None:
    assert trace.apart(body) == b"\r\n" + body


def test_of_a_message_that_is_all_header_only_the_beginning_is_looked_at() -> None:
    """Patterns over 50 MB of it held all clients up for two seconds."""
    endless = b"X: y\r\n" * trace.HEAD_BYTES_MAX
    assert trace.head_of(endless) == trace.head_of(endless + b"\r\n") == endless[: trace.HEAD_BYTES_MAX]


@pytest.mark.parametrize(
    ("head", "addresses"),
    [
        (b"From: A <a@b>\r\n", ["a@b"]),
        (b'Subject: x\r\nFROM: "B, C" <a@b>,\r\n\tc@d\r\nX: From: e@f\r\n', ["a@b", "c@d"]),
        (b"From: g: a@b;\r\n", ["a@b"]),
        (b"From:\r\n", None),
        (b"X-From: a@b\r\n", None),
        (b"From: " + b"a <a@b>(" * 6000 + b"\r\n", None),  # deeper than the standard library can go
    ],
)
def test_authors(head: bytes, addresses: list[str] | None) -> None:
    assert header.authors(head) == addresses


def test_every_trouble_has_a_reply() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Trouble)]
    assert len(kinds) > 10
    for kind in kinds:
        reply = replies.reply_to(kind("says"))
        assert 400 <= reply.code < 600
        assert reply.status[0] == str(reply.code)[0]
