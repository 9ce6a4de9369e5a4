"""Content-Type and Content-Disposition values: quoting, comments, continuations, and what is sent instead."""

import pytest

from mail.message.parameter import parse_disposition, parse_media, parse_token


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"text/plain; a=b;c=d", ((b"a", b"b"), (b"c", b"d"))),
        (b'text/plain; A="x;\\"y\\\\"; c = d ', ((b"a", b'x;"y\\'), (b"c", b"d"))),
        (b"text/plain; name=my file.pdf; x=1", ((b"name", b"my file.pdf"), (b"x", b"1"))),
        (b'text/plain;; name="no end', ((b"name", b"no end"),)),
        (b"text/plain; charset=us-ascii (Plain text)", ((b"charset", b"us-ascii"),)),
        (b'text/plain; a="(no comment)"', ((b"a", b"(no comment)"),)),
        (b'text/plain ; a=b ; c= ; d="e" ; f=', ((b"a", b"b"), (b"c", b""), (b"d", b"e"), (b"f", b""))),
        (b"text/plain charset=utf-8", ((b"charset", b"utf-8"),)),
        (b"text/plain;\r\n\tcharset=\r\n utf-8", ((b"charset", b"utf-8"),)),
        (b"text/plain; =x; y; z=", ((b"z", b""),)),
    ],
)
def test_parameters(value: bytes, expected: object) -> None:
    media = parse_media(value)
    assert media is not None
    assert media.parameters == expected


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        # RFC 2231 3, 4 and 4.1; joined as its section 6 asks of IMAP servers
        (b'URL*0="ftp://"; URL*1="x.test/a"', ((b"url", b"ftp://x.test/a"),)),
        (b"title*=us-ascii'en'%2A", ((b"title*", b"us-ascii'en'%2A"),)),
        (b"t*0*=us-ascii'en'is%20; t*1*=%2A; t*2=\"isn't 5% it!\"", ((b"t*", b"us-ascii'en'is%20%2Aisn't 5%25 it!"),)),
        (b"t*1=b; x=y; t*0=a; t*0=again", ((b"t", b"ab"), (b"x", b"y"))),
        (b"t*0=5%; t*1*=%41", ((b"t", b"5%%41"),)),
        (b"t=plain; t*0=a; t*2=b", ((b"t", b"plain"), (b"t", b"ab"))),
        (b"t*x=1; *0=2; t**=3", ((b"t*x", b"1"), (b"*0", b"2"), (b"t**", b"3"))),
    ],
)
def test_continuations_are_joined(parameters: bytes, expected: object) -> None:
    found = parse_disposition(b"attachment; " + parameters)
    assert found == ("attachment", expected)


def test_types_are_lower_case() -> None:
    assert parse_token(b" Base64 (x)\r\n") == "base64"
    assert parse_token(b" \xff") is None
    assert parse_disposition(b" ; filename=x") is None
    media = parse_media(b"Text / HTML")
    assert media is not None
    assert media[:2] == ("text", "html")
