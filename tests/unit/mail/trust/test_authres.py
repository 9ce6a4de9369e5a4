"""Authentication-Results: written, read, and taken away (RFC 8601; RFC 8616 for UTF-8)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.message.header import fields
from mail.trust.authres import (
    VALUE_BYTES_MAX,
    AuthResults,
    Property,
    Result,
    claimed_id,
    claims,
    parse,
    render,
    to_remove,
    without,
)


def _value(field: bytes) -> bytes:
    assert field.startswith(b"Authentication-Results: ")
    assert field.endswith(b"\r\n")
    return field.removeprefix(b"Authentication-Results:")


def test_render() -> None:
    field = render(
        AuthResults(
            "mx.example.org",
            (
                Result("spf", "pass", (Property("smtp", "mailfrom", "example.com"),)),
                Result(
                    "dkim",
                    "fail",
                    (
                        Property("header", "d", "example.com"),
                        Property("header", "s", "s1"),
                        Property("header", "a", "rsa-sha256"),
                        Property("header", "b", "aB3/x+=="),
                    ),
                    reason='the body "hash" differs',
                ),
                Result("iprev", "pass", (Property("policy", "iprev", "192.0.2.1"),), comment="host (a).test"),
                Result("auth", "pass", (Property("smtp", "auth", "me@example.org"),)),
            ),
        )
    )
    assert field.decode() == (
        "Authentication-Results: mx.example.org;\r\n"
        "\tspf=pass smtp.mailfrom=example.com;\r\n"
        '\tdkim=fail reason="the body \\"hash\\" differs" header.d=example.com header.s=s1\r\n'
        '\t header.a=rsa-sha256 header.b="aB3/x+==";\r\n'
        "\tiprev=pass (host \\(a\\).test) policy.iprev=192.0.2.1;\r\n"
        "\tauth=pass smtp.auth=me@example.org\r\n"
    )


def test_render_none() -> None:
    assert render(AuthResults("example.org")) == b"Authentication-Results: example.org; none\r\n"
    assert parse(b" example.org; none") == AuthResults("example.org")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("example.com", "example.com"),
        ("a@example.com", "a@example.com"),
        ("@example.com", "@example.com"),
        ("a b@example.com", '"a b@example.com"'),
        ("a;spf=pass@example.com", '"a;spf=pass@example.com"'),
        ("x\r\nX-Evil: 1", '"x X-Evil: 1"'),
        ("x\x00y", '"x y"'),
        ('"', '"\\""'),
        ("\\", '"\\\\"'),
        ("", '""'),
        ("ä@bücher.example", "ä@bücher.example"),
        ("bücher.example", '"bücher.example"'),
        ("(x)", '"(x)"'),
        ("2001:db8::1", '"2001:db8::1"'),
        ("\ud800", '" "'),
        ("a@b@c", '"a@b@c"'),
    ],
)
def test_values_are_quoted_where_they_must_be(value: str, written: str) -> None:
    field = render(AuthResults("e.test", (Result("spf", "pass", (Property("smtp", "mailfrom", value),)),)))
    assert field == f"Authentication-Results: e.test;\r\n\tspf=pass smtp.mailfrom={written}\r\n".encode()
    read = parse(_value(field))
    assert read is not None
    assert read.results[0].properties[0].value == value.replace("\r\n", " ").replace("\x00", " ").replace("\ud800", " ")


def test_a_comment_cannot_end_early() -> None:
    field = render(AuthResults("e.test", (Result("spf", "fail", comment=") ; dkim=pass (\\"),)))
    assert parse(_value(field)) == AuthResults("e.test", (Result("spf", "fail"),))


def test_what_is_no_keyword_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="no keyword"):
        render(AuthResults("e.test", (Result("spf pass;", "pass"),)))


@given(st.text(), st.text(), st.text(max_size=20))
def test_whatever_the_values_it_is_one_field_with_these_results(value: str, reason: str, ident: str) -> None:
    results = (
        Result("spf", "none", (Property("smtp", "mailfrom", value), Property("smtp", "helo", value[::-1])), reason),
        Result("dmarc", "fail", (Property("header", "from", value),), comment=value),
    )
    field = render(AuthResults(ident, results))
    lines = field.split(b"\r\n")
    assert lines.pop() == b""
    assert all(line.startswith(b"\t") and line.strip() for line in lines[1:])
    assert b"\n" not in b"".join(lines)
    assert b"\r" not in b"".join(lines)
    read = parse(_value(field))
    assert read is not None
    assert [(one.method, one.result, len(one.properties)) for one in read.results] == [
        ("spf", "none", 2),
        ("dmarc", "fail", 1),
    ]


EXAMPLES = [  # RFC 8601 Appendix B, and what large receivers write
    (b"example.org 1; none", AuthResults("example.org")),
    (
        b"example.com;\r\n          spf=pass smtp.mailfrom=example.net",
        AuthResults("example.com", (Result("spf", "pass", (Property("smtp", "mailfrom", "example.net"),)),)),
    ),
    (
        b"example.com; auth=pass (cram-md5) smtp.auth=sender@example.net; spf=fail smtp.mailfrom=example.net",
        AuthResults(
            "example.com",
            (
                Result("auth", "pass", (Property("smtp", "auth", "sender@example.net"),)),
                Result("spf", "fail", (Property("smtp", "mailfrom", "example.net"),)),
            ),
        ),
    ),
    (
        (
            b'example.com; dkim=pass reason="good signature" header.i=@mail-router.example.net; dkim=fail\r\n\t'
            b'reason="bad signature" header.i=@newyork.example.com'
        ),
        AuthResults(
            "example.com",
            (
                Result("dkim", "pass", (Property("header", "i", "@mail-router.example.net"),), "good signature"),
                Result("dkim", "fail", (Property("header", "i", "@newyork.example.com"),), "bad signature"),
            ),
        ),
    ),
    (
        (
            b"foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n"
            b" policy (A dot can go here) . (like that) expired\r\n (this surprised me) = (as I wasn't expecting it)"
            b" 1362471462"
        ),
        AuthResults("foo.example.net", (Result("dkim", "fail", (Property("policy", "expired", "1362471462"),)),)),
    ),
    (
        b'"quoted id"; spf=pass smtp.mailfrom="a b"@example.com',
        AuthResults("quoted id", (Result("spf", "pass", (Property("smtp", "mailfrom", "a b@example.com"),)),)),
    ),
    (
        (
            b"mx.google.com;\r\n       dkim=pass header.i=@x.test header.s=s1 header.b=Ab/c+d12;\r\n"
            b"       spf=pass (google.com: domain of a@x.test designates 192.0.2.1 as permitted sender)"
            b" smtp.mailfrom=a@x.test;"
        ),
        AuthResults(
            "mx.google.com",
            (
                Result(
                    "dkim",
                    "pass",
                    (
                        Property("header", "i", "@x.test"),
                        Property("header", "s", "s1"),
                        Property("header", "b", "Ab/c+d12"),
                    ),
                ),
                Result("spf", "pass", (Property("smtp", "mailfrom", "a@x.test"),)),
            ),
        ),
    ),
    (
        b"spf.protection.outlook.test; dmarc=pass action=none header.from=x.test; compauth=pass reason=100",
        AuthResults(
            "spf.protection.outlook.test",
            (Result("dmarc", "pass", (Property("header", "from", "x.test"),)), Result("compauth", "pass", (), "100")),
        ),
    ),
    (
        "bücher.example; spf=pass smtp.mailfrom=ä@bücher.example".encode(),
        AuthResults("bücher.example", (Result("spf", "pass", (Property("smtp", "mailfrom", "ä@bücher.example"),)),)),
    ),
    (b"e.test; dkim/2=pass", AuthResults("e.test", (Result("dkim", "pass", version=2),))),
    (b"e.test 2; x=y", AuthResults("e.test", (Result("x", "y"),), 2)),
    (b"e.test", AuthResults("e.test")),
]


@pytest.mark.parametrize(("value", "what"), EXAMPLES)
def test_parse(value: bytes, what: AuthResults) -> None:
    assert parse(b" " + value + b"\r\n") == what


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"   ",
        b";spf=pass",
        b"e.test spf=pass",
        b"e.test; spf",
        b"e.test; spf=",
        b"e.test; =pass",
        b"e.test; spf=pass smtp.=x",
        b"e.test; spf=pass smtp.mailfrom",
        b"e.test; spf=pass smtp.mailfrom=",
        b'e.test; spf=pass reason="x',
        b"e.test; spf=pass (x",
        b'"e.test',
        b"(e.test",
        b"e.test; spf=pass, dkim=pass",
        b"e.test 9999999999; x=y",
        b"e.test" + b"; a=b" * 101,
        b"e.test; a=b" + b" c.d=e" * 51,
        b"e.test;" + b" " * VALUE_BYTES_MAX,
    ],
)
def test_not_parsed(value: bytes) -> None:
    assert parse(value) is None


def test_deep_comments_are_read_in_a_line() -> None:
    assert parse(b"e.test " + b"(" * 5000 + b")" * 5000) == AuthResults("e.test")


OURS = ("mx.Example.org", "bücher.example")


@pytest.mark.parametrize(
    "value",
    [
        b"mx.example.org; spf=pass",
        b" MX.EXAMPLE.ORG 1; none",
        b'"mx.example.org"; x',
        b"\r\n\t(c (d)) mx.example.org(e)",
        b"mx.example.org.; none",
        b"mx.example.org/x; none",
        b"mx.example.org",
        b'"mx.\\example.org"',
        "bücher.example; none".encode(),
        "BÜCHER.example; none".encode(),
        b"xn--bcher-kva.example; none",
        "mx.example\u200b.org; none".encode(),
        b"other.test 2; none",
        b"other.test 99999999999; none",
        b"other.test (1",
        b"",
        b"; spf=pass",
        b"(mx.example.org; spf=pass",
        b'"mx.example.org; spf=pass',
        b"mx.exam\xffple.org; spf=pass",
        b"other.test;" + b" " * VALUE_BYTES_MAX,
        b"other.test; x=y\rAuthentication-Results: mx.example.org; dkim=pass",
        b"other.test; x=y\x00; dkim=pass",
    ],
)
def test_claims_to_be_ours(value: bytes) -> None:
    assert claims(value, OURS)


@pytest.mark.parametrize(
    "value", [b"other.test; spf=pass", b"example.org; none", b"amx.example.org", b"other.test 1; x=y", b"o.test x y z"]
)
def test_is_somebody_elses(value: bytes) -> None:
    assert not claims(value, OURS)


def test_claimed_id() -> None:
    assert claimed_id(b' (x) "a b" rest') == "a b"
    assert claimed_id(b"a.test;") == "a.test"
    assert claimed_id(b" ,") is None


def test_no_field_is_one_too_many_to_be_looked_at() -> None:
    many = b"X: y\r\n" * 5000
    head = many + b"Authentication-Results: mx.example.org; dkim=pass\r\n"
    assert without(head, to_remove(head, OURS)) == many


@given(
    st.lists(st.sampled_from([b"Authentication-Results", b"authentication-RESULTS \t", b":", b" x", b"\n", b"\r\n"]))
)
def test_the_fields_that_are_found_are_those_of_a_header(pieces: list[bytes]) -> None:
    head = b"".join(pieces)
    named = [field for field in fields(head) if field.name.lower() == b"authentication-results"]
    assert to_remove(head, OURS) == [one for one in named if claims(head[one.value_start : one.end], OURS)]


def test_no_line_is_too_long_whatever_is_told() -> None:
    for text in ("\U0001f600" * 1000, '"' * 1000, "\\" * 1000, "\u00e9," * 1000):
        field = render(AuthResults(text, (Result("dmarc", "fail", (Property("header", "from", text),), reason=text),)))
        assert max(map(len, field.split(b"\r\n"))) < 998


def test_removal_leaves_all_else_as_it_is() -> None:
    head = (
        b"Received: x\r\n"
        b"authentication-results :\r\n mx.example.org;\r\n spf=pass\r\n"
        b"Authentication-Results: other.test; spf=pass\r\n"
        b"X-Authentication-Results: mx.example.org; spf=pass\r\n"
        b"ARC-Authentication-Results: i=1; mx.example.org; spf=pass\r\n"
        b"AUTHENTICATION-RESULTS: mx.example.org; none\r\n"
        b"From: a@b\r\n"
    )
    found = to_remove(head, OURS)
    assert [field.name for field in found] == [b"authentication-results", b"AUTHENTICATION-RESULTS"]
    assert without(head, found) == (
        b"Received: x\r\n"
        b"Authentication-Results: other.test; spf=pass\r\n"
        b"X-Authentication-Results: mx.example.org; spf=pass\r\n"
        b"ARC-Authentication-Results: i=1; mx.example.org; spf=pass\r\n"
        b"From: a@b\r\n"
    )
    assert without(head, []) == head
