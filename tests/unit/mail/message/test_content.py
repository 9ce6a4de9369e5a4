"""Transfer decoding and the text that searches see."""

import binascii
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.message.charset import fold
from mail.message.content import body_text, content_of, header_text, search_text, text_of, undone, undone_pieces
from mail.message.record import read_message
from mail.message.scan import scan
from mail.message.words import charset_of


@pytest.mark.parametrize(
    ("encoding", "data", "content"),
    [
        (b"base64", b"aGVs\r\nbG8=\r\n", b"hello"),
        (b"base64", b"aGVsbG8", b"hello"),
        (b"base64", b"aG!Vs bG8", b"hello"),
        (b"base64", b"a", b""),
        (b"BASE64", b"", b""),
        (b"quoted-printable", b"a=3D=\r\nb \t\r\nc=", b"a=b\r\nc"),
        (b"quoted-printable", b"=zz=4", b"=zz=4"),
        (b"quoted-printable", b"a  =\r\nb", b"a  b"),
        (b"8bit", b"\xe9\r\n", b"\xe9\r\n"),
        (b"no-such", b"x=3D", b"x=3D"),
        (b"x-uuencode", b"x\r\nbegin 644 f\r\n%:&5L;&\\\r\n \r\nend\r\n", b"hello"),
        (b"x-uuencode", b"begin 644 f\n%:&5L;&\\ \n\n%:&5L;&\\#junk\n\xff\nend\nmore", b"hellohello"),
        (b"x-uuencode", b"no begin", b"no begin"),
    ],
)
def test_content(encoding: bytes, data: bytes, content: bytes) -> None:
    raw = b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n" + data
    assert content_of(raw, scan(raw)) == content


@given(
    st.sampled_from(["base64", "quoted-printable", "8bit", "x-uuencode", "no-such"]),
    st.lists(
        st.sampled_from([b"QUJD", b"A", b"=", b"==", b"\r\n", b"\r", b"=\r\n", b" ", b"=41", b"!", b"begin 644 f\n"])
    ),
    st.integers(1, 9),
)
def test_in_pieces_it_is_the_same(encoding: str, parts: list[bytes], size: int) -> None:
    data = b"".join(parts)
    pieces = (data[at : at + size] for at in range(0, len(data), size))
    assert b"".join(undone_pieces(pieces, encoding)) == undone(data, encoding)


@pytest.mark.parametrize(
    ("encoding", "line"), [("base64", b"QUJD" * 19 + b"\r\n"), ("quoted-printable", b"=41" * 20 + b"=\r\n")]
)
def test_a_piece_is_held_at_a_time(encoding: str, line: bytes) -> None:
    given = (line * 100 for _ in range(1000))
    assert max(map(len, undone_pieces(given, encoding))) <= len(line) * 100
    last = next(undone_pieces(given, encoding), b"")
    assert last == b"", "all was read"


@given(st.lists(st.sampled_from([b" ", b"\t", b"\r", b"\n", b"\r\n", b"x", b"=", b"=20"])).map(b"".join))
def test_space_at_the_end_of_a_line_is_not_content(data: bytes) -> None:
    raw = b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + data
    expected = binascii.a2b_qp(re.sub(rb"[ \t]+(?=\r?\n|\Z)", b"", data))
    assert content_of(raw, scan(raw)) == expected


def test_text_of_a_part() -> None:
    raw = (
        b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe"
    )
    assert text_of(raw, scan(raw)) == "Grüße"


@pytest.mark.parametrize(
    ("parameter", "charset"),
    [(b"charset=utf-8", "utf-8"), (b"charset*=us-ascii'en'utf-8", "utf-8"), (b"x=y", "us-ascii")],
)
def test_charset_of(parameter: bytes, charset: str) -> None:
    assert charset_of(scan(b"Content-Type: text/plain; " + parameter + b"\r\n\r\n")) == charset


def test_header_text_is_unfolded_and_decoded() -> None:
    raw = b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n folded\r\n\r\nbody"
    assert header_text(raw, scan(raw)) == "Subject: Grüße folded"


@pytest.mark.parametrize(
    ("charset", "codec"),
    [("utf-16le", "utf-16le"), ("UTF-16BE", "utf-16be"), ("utf-32le", "utf-32le"), ("utf-7", "utf-7")],
)
@pytest.mark.parametrize("name", ["charset", "charset*"])
def test_a_text_in_bytes_below_128_that_is_no_ascii(name: str, charset: str, codec: str) -> None:
    value = f"us-ascii'en'{charset}" if "*" in name else charset
    head = f"Content-Type: text/plain; {name}={value}\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    raw = head.encode() + "Hello か".encode(codec)
    assert raw.isascii()
    assert fold("Hello か") in search_text(raw, read_message(raw))


MIXED = (
    b"Subject: =?utf-8?q?=C3=9Cber?=\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"preamble\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    b"R3LDvMOfZQ==\r\n"
    b"--b\r\nContent-Type: application/pdf; name=secret.pdf\r\n\r\nbinary\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: Inner\r\n\r\nNEEDLE\r\n--b--\r\n"
)


@pytest.mark.parametrize("kind", [b"message/global", b"message/rfc822"])
def test_an_encoded_message_is_opened_once(kind: bytes) -> None:
    inner = b"Subject: =?utf-8?q?=C3=9Cber?=\r\nContent-Type: text/plain\r\n\r\nneedle\r\n"
    head = b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    raw = head + binascii.b2a_base64(inner)
    for text in (search_text(raw, read_message(raw)), body_text(raw, read_message(raw))):
        assert fold("Subject: Über") in text
        assert "NEEDLE" in text
    twice = head + binascii.b2a_base64(raw)
    assert "NEEDLE" not in body_text(twice, read_message(twice))
    for _ in range(12):
        raw = head + binascii.b2a_base64(raw)
    body_text(raw, read_message(raw))


def test_search_text_has_headers_and_texts_folded() -> None:
    text = search_text(MIXED, read_message(MIXED))
    for needle in ("über", "grüße", "secret.pdf", "inner", "needle"):
        assert fold(needle) in text
    assert "BINARY" not in text


def test_body_text_has_texts_and_inner_messages_only() -> None:
    text = body_text(MIXED, read_message(MIXED))
    for needle in ("grüße", "inner", "needle"):
        assert fold(needle) in text
    for absent in ("über", "secret", "binary", "preamble"):
        assert fold(absent) not in text


PLAIN = b"Subject: Hello\r\n World\r\n\r\nThe Body\r\n"


def test_plain_messages_take_the_short_way_to_the_same_text() -> None:
    record = read_message(PLAIN)
    assert record.is_plain
    assert search_text(PLAIN, record) == "SUBJECT: HELLO WORLD\r\n\r\nTHE BODY\r\n"
    assert body_text(PLAIN, record) == "THE BODY\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: =?utf-8?q?x?=\r\n\r\ny",
        b"Content-Transfer-Encoding: base64\r\n\r\nyyyy",
        b"Content-Type: text/plain; charset=utf-7\r\n\r\ny",
        b"Content-Type: image/png\r\n\r\ny",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ny\r\n--b--",
        b"Subject: x\r\n\r\n\xe9",
    ],
)
def test_other_messages_are_not_plain(raw: bytes) -> None:
    assert not read_message(raw).is_plain


def test_html_is_searched_as_it_stands_and_as_it_is_read() -> None:
    raw = (
        b"Content-Type: text/html\r\n\r\n<p class='k'>na&iuml;ve te<i>x</i>t</p>"
        b"<blockquote>quo<b>ted</b></blockquote><a href='http://link.example/'>here</a>"
    )
    found = body_text(raw, read_message(raw))
    for text in ("na\u00efve text", "quoted", "here", "link.example", "class='k'"):
        assert fold(text) in found
