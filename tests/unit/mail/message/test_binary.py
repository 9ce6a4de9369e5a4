"""Sections without their transfer encoding (RFC 3516)."""

import pytest

from mail.message.binary import UnknownEncoding, decoded, decoded_size
from mail.message.record import read_message

MESSAGE = b"""Subject: top
Content-Type: multipart/mixed; boundary=a

--a
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Gr=FC=DFe=
 aus=0AUlm
--a
Content-Type: application/octet-stream
Content-Transfer-Encoding: base64

AAEC/w==
--a
Content-Type: message/rfc822

Subject: inner
Content-Transfer-Encoding: base64

aGk=
--a
Content-Type: message/global
Content-Transfer-Encoding: base64

U3ViamVjdDogw7wNCg0Keg0K
--a
Content-Type: application/x-new
Content-Transfer-Encoding: x-new

???
--a
Content-Type: multipart/alternative; boundary=c
Content-Transfer-Encoding: x-new

--c
Content-Type: text/plain
Content-Transfer-Encoding: BASE64

aGVsbG8=
--c--
--a
Content-Type: application/octet-stream
Content-Transfer-Encoding: x-uuencode

begin 644 f
%:&5L;&\\
end
--a
Content-Type: text/plain
Content-Transfer-Encoding: binary

eight \xff and =41
--a--
""".replace(b"\n", b"\r\n")
RECORD = read_message(MESSAGE)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ((), MESSAGE),
        ((1,), b"Gr\xfc\xdfe aus\nUlm"),
        ((2,), b"\0\1\2\xff"),
        ((3,), b"Subject: inner\r\nContent-Transfer-Encoding: base64\r\n\r\naGk="),
        ((3, 1), b"hi"),
        ((4,), "Subject: ü\r\n\r\nz\r\n".encode()),
        ((6,), b"--c\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: BASE64\r\n\r\naGVsbG8=\r\n--c--"),
        ((6, 1), b"hello"),
        ((7,), b"hello"),
        ((8,), b"eight \xff and =41"),
        ((9,), None),
        ((0,), None),
        ((2, 1), None),
    ],
)
def test_content_and_size_of_sections(path: tuple[int, ...], content: bytes | None) -> None:
    assert decoded(MESSAGE, RECORD, path) == content
    assert decoded_size(MESSAGE, RECORD, path) == (None if content is None else len(content))


def test_an_encoding_that_is_not_known() -> None:
    for ask in (decoded, decoded_size):
        with pytest.raises(UnknownEncoding, match="'x-new'") as caught:
            ask(MESSAGE, RECORD, (5,))
        assert caught.value.encoding == "x-new"


def test_a_message_that_is_no_multipart_has_part_1() -> None:
    raw = b"Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n"
    record = read_message(raw)
    assert decoded(raw, record, (1,)) == b"hello"
    assert decoded(raw, record, ()) == raw
    assert decoded_size(raw, record, ()) == len(raw)
