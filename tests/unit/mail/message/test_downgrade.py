"""Conversions: the same is decoded before and after, and what must not be touched is not."""

import email
import email.message
import email.policy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mail.message.downgrade import Needs, Undowngradable, downgrade, needs, quoted_printable
from mail.message.scan import scan

MULTIPART = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
MIXED = (
    b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n\r\n"
    b"pr\xc3\xa9amble\r\n--b\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding:\r\n 8bit\r\nX-A: 1\r\n\r\n"
    b"Gr\xc3\xbc\xc3\x9fe = \r\n.\r\n" + b"long " * 40 + b"\r\n\r\n--b\r\n"
    b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    b"\x00\x01\n\r\xff\r\n--b\r\n"
    b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner \xff\r\n--b\r\n"
    b"\r\nascii\r\n--b--\r\nepilogue \xe9\r\n"
)


def _leaves(message: bytes) -> list[tuple[str, bytes]]:
    """As the standard library decodes them."""
    parsed = email.message_from_bytes(message, policy=email.policy.compat32)
    return [
        (part.get_content_type(), bytes(part.get_payload(decode=True) or b"").rstrip(b"\r\n"))
        for part in parsed.walk()
        if not part.is_multipart()
    ]


def test_a_multipart_to_seven_bits() -> None:
    made = downgrade(MIXED, "7BIT")
    assert made.isascii()
    assert max(map(len, made.split(b"\r\n"))) <= 998
    before, after = _leaves(MIXED), _leaves(made)
    assert [kind for kind, _ in before] == [kind for kind, _ in after]
    # The standard library reads LF for CRLF in what is not encoded.
    assert after[0][1].replace(b"\r\n", b"\n") == before[0][1].replace(b"\r\n", b"\n")
    assert after[1][1] == b"\x00\x01\n\r\xff"
    assert b"X-A: 1\r\n" in made
    assert made.count(b"8bit") + made.count(b"binary") == 1  # charset=unknown-8bit of the inner message
    assert b"--b--\r\nepilogue ?\r\n" in made
    assert [child.encoding for child in scan(made).children] == ["quoted-printable", "base64", "7bit", "7bit"]


def test_a_binary_to_eight_bits() -> None:
    made = downgrade(MIXED, "8BITMIME")
    assert "8bit" in scan(made).encoding
    assert [child.encoding for child in scan(made).children] == ["8bit", "base64", "7bit", "7bit"]
    assert b"Gr\xc3\xbc" in made
    assert b"\0" not in made


def test_a_message_of_before_mime() -> None:
    made = downgrade(b"Subject: x\r\n\r\nGr\xfc\xdfe an alle\r\n", "7BIT")
    assert made == (
        b"Subject: x\r\nContent-Type: text/plain; charset=unknown-8bit\r\nMIME-Version: 1.0\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe an alle\r\n"
    )


def test_what_needs_no_change_is_the_same() -> None:
    plain = b"Subject: x\r\n\r\nHello\r\n"
    assert downgrade(plain, "7BIT") == plain


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (
            MULTIPART.replace(b"mixed", b"signed") + b"Content-Transfer-Encoding: 8bit\r\n\r\n\xff\r\n--b--\r\n",
            "5.6.2",
        ),
        (b"Content-Type: message/delivery-status\r\n\r\n\xff\r\n", "5.6.3"),
        (b"Content-Type: multipart/mixed\r\n\r\n\xff\r\n", "5.6.3"),
        (b"Content-Transfer-Encoding: x-uuencode\r\n\r\n\xff\r\n", "5.6.3"),
        (b"Subject: \xff\r\n\r\nx\r\n", "5.6.3"),
        (
            MULTIPART + b"Content-Description: \xff\r\n\r\n\xff\r\n--b--\r\n",
            "5.6.3",
        ),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n\xff\r\n" * 1001, "5.6.3"),
    ],
)
def test_what_cannot_be(message: bytes, status: str) -> None:
    with pytest.raises(Undowngradable) as caught:
        downgrade(message, "7BIT")
    assert caught.value.status == status


def test_a_signed_message_that_fits_is_left_alone() -> None:
    signed = b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--\r\n"
    outer = b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n" + signed + b"\r\n--o\r\n\r\n\xff\r\n--o--\r\n"
    assert signed in downgrade(outer, "7BIT")


def test_an_encoded_part_with_stray_bytes_is_not_encoded_twice() -> None:
    made = downgrade(b"Content-Transfer-Encoding: quoted-printable\r\n\r\na=20b \xe9 and more text here\r\n", "7BIT")
    assert made.endswith(b"\r\n\r\na b =E9 and more text here\r\n")


_BODIES = st.lists(
    st.sampled_from([b"text ", b"\xc3\xa9", b"\r\n", b"\n", b"\r", b".", b"=", b"\0", b" ", b"x" * 1100, b"--b"]),
    max_size=12,
).map(b"".join)
_TYPES = st.sampled_from([b"text/plain", b"application/pdf", b"text/html; charset=utf-8", b"message/rfc822", b""])
_LABELS = st.sampled_from([b"", b"7bit", b"8bit", b"binary", b"quoted-printable", b"base64"])


@given(st.lists(st.tuples(_TYPES, _LABELS, _BODIES), min_size=1, max_size=4), st.sampled_from(["7BIT", "8BITMIME"]))
@settings(max_examples=300, suppress_health_check=list(HealthCheck))
def test_any_message(parts: list[tuple[bytes, bytes, bytes]], to: str) -> None:
    message = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    for kind, label, body in parts:
        header = (b"Content-Type: " + kind + b"\r\n" if kind else b"") + (
            b"Content-Transfer-Encoding: " + label + b"\r\n" if label else b""
        )
        message += b"--b\r\n" + header + b"\r\n" + body + b"\r\n"
    message += b"--b--\r\n"
    try:
        made = downgrade(message, to)  # type: ignore[arg-type]
    except Undowngradable:
        return
    assert to == "8BITMIME" or made.isascii()


@given(st.binary(max_size=300))
def test_quoted_printable_comes_back(content: bytes) -> None:
    import quopri

    encoded = quoted_printable(content)
    assert max(map(len, encoded.split(b"\r\n"))) <= 76
    assert quopri.decodestring(encoded.replace(b"\r\n", b"\n")) == content.replace(b"\r\n", b"\n")


@pytest.mark.parametrize(
    ("message", "binary", "wanted"),
    [
        (b"A: b\r\n\r\nc\r\n", False, Needs()),
        (b"A: b\r\n\r\n\xff\r\n", False, Needs("8BITMIME")),
        (b"A: \xc3\xa9\r\n\r\nx\r\n", False, Needs("8BITMIME", header_utf8=True)),
        (b"A: \xc3\xa9", False, Needs("8BITMIME", header_utf8=True)),
        (b"\r\n\xc3\xa9\r\n\r\n", False, Needs("8BITMIME")),
        (b"A: b\r\n\r\nc\r\n", True, Needs("BINARYMIME")),
        (b"A: b\r\n\r\n\xff\r\n", True, Needs("BINARYMIME")),
    ],
)
def test_needs(message: bytes, binary: bool, wanted: Needs) -> None:
    assert needs(message, binary=binary) == wanted
