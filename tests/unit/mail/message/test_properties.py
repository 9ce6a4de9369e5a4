"""The promise for any bytes at all.

No exception leaves `read_message`; offsets are within bounds and children within their parents, in order;
every section that can be named is a valid range or None; ENVELOPE and BODYSTRUCTURE are well-formed lists;
the record fits its bound and comes back from its encoding as it was; and every text can be had.
"""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mail.message.content import body_text, search_text
from mail.message.header import fields, header_fields_subset
from mail.message.record import RecordError, decode, read_message
from tests.unit.mail.message.shapes import check_record

# Bytes at random find little; pieces of mail put together at random find much.
PIECES = [
    *b"Content-Type: |multipart/mixed; |multipart/digest; |message/rfc822|text/plain; |text/html".split(b"|"),
    *b"boundary=b|boundary=\"c\"|charset=utf-7|charset=|name*0*=utf-8''%41|filename=|+2AA-".split(b"|"),
    *b"--b|--c|--|--b--|Content-Disposition: attachment; |Content-Language: en|Content-ID: ".split(b"|"),
    *b"Subject: |From: |To: |Date: |Message-ID: |References: |X: y|From x|1 Jan 2026 12:00:00 +0000|<a@b>".split(b"|"),
    *b"Content-Transfer-Encoding: |base64|quoted-printable|x-uuencode|begin 644 x|=3D|[fwd:|re:|]".split(b"|"),
    *b'=?utf-8?q?=C3?=|=?utf-8?b?gqw=?=|"|\\|(|)|<|>|@|,|;|:'.split(b"|"),
    *[b"\r\n", b"\n", b"\r\n\r\n", b"\n\n", b"\r", b" ", b"\t", b"\0", b"\xc3\xa9", b"\xff", b"\r\n "],
]
TOP = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
MAIL = st.lists(st.sampled_from(PIECES) | st.binary(max_size=4), max_size=60).map(b"".join)


def check(raw: bytes) -> None:
    record = read_message(raw)
    check_record(raw, record)
    search_text(raw, record).encode()
    body_text(raw, record).encode()
    assert sum(field.end - field.start for field in fields(raw)) <= len(raw)
    kept = header_fields_subset(raw, [b"to", b"subject"])
    left = header_fields_subset(raw, [b"to", b"subject"], exclude=True)
    assert len(kept) + len(left) <= len(raw) + 8


@settings(max_examples=400, deadline=None)
@given(MAIL)
@example(b"")
@example(TOP + b"Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nX: y\r\n\r\n--b--")
@example(TOP + b"Content-Type: message/rfc822\r\n\r\nX: y\r\n\r\n--b--")
def test_mail_like_bytes(raw: bytes) -> None:
    check(raw)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(raw: bytes) -> None:
    check(raw)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=100) | st.binary(max_size=60).map(lambda tail: b"\xdc\x00\x14\x01" + tail))
def test_only_record_errors_leave_decode(data: bytes) -> None:
    try:
        decode(data)
    except RecordError:
        pass
