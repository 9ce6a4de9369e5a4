"""The record: what intake keeps of a message, and its encoding."""

import msgspec
import pytest

from mail.message.record import (
    HEAD_BYTES_MAX,
    HEAD_KEPT_OVER_BYTES,
    RECORD_BYTES_MAX,
    RecordError,
    UnknownVersion,
    decode,
    encode,
    read_message,
)
from tests.unit.mail.message.shapes import check_record

MAIL = (
    b"From: =?utf-8?q?J=C3=B6rg?= <joerg@example.test>\r\nTo: g: a@x.test, B <b@x.test>;, c@x.test\r\n"
    b"Subject: Re: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nDate: Thu, 1 Jan 2026 13:00:00 +0100\r\nMessage-ID: <3@x>\r\n"
    b"In-Reply-To: <2@x>\r\nReferences: <1@x>\r\n <2@x>\r\n\r\nHello\r\n"
)


def test_fields_of_a_record() -> None:
    record = read_message(MAIL)
    check_record(MAIL, record)
    assert (record.sent_s, record.sent_zone_min) == (1_767_268_800, 60)
    assert (record.subject, record.base_subject) == ("Re: Grüße", "Grüße")
    assert record.from_ == record.sender == record.reply_to == (("Jörg", "joerg@example.test"),)
    assert record.to == ((None, "a@x.test"), ("B", "b@x.test"), (None, "c@x.test"))
    assert (record.cc, record.bcc) == ((), ())
    assert (record.message_id, record.in_reply_to, record.references) == ("3@x", ("2@x",), ("1@x", "2@x"))
    assert record.is_ascii
    assert not record.has_nul
    assert record.head is None


def test_absent_and_empty_fields() -> None:
    record = read_message(b"\r\nHello\0\xe9")
    assert (record.sent_s, record.subject, record.message_id, record.from_) == (None, None, None, ())
    assert record.has_nul
    assert not record.is_ascii
    empty = read_message(b"Subject:\r\nDate:\r\nSender:\r\nFrom: a@b\r\n\r\n")
    assert empty.subject == ""
    assert empty.sender == empty.from_
    assert empty.envelope.startswith(b'("" "" ((')


def test_the_header_of_a_large_message_is_kept() -> None:
    raw = MAIL + b"x" * HEAD_KEPT_OVER_BYTES
    assert read_message(raw).head == raw[: raw.index(b"\r\n\r\n") + 4]
    assert read_message(b"X: " + b"y" * HEAD_BYTES_MAX + b"\r\n" + raw).head is None


def test_a_plain_record_is_small() -> None:
    assert len(encode(read_message(MAIL))) < 1500


@pytest.mark.parametrize("data", [b"", b"\xdc", b"\x93\x01\x02\x03", b"\xdc\x00\x14\x01", b"nonsense"])
def test_other_bytes_are_no_record(data: bytes) -> None:
    with pytest.raises(RecordError):
        decode(data)


def test_damaged_records_are_refused() -> None:
    data = encode(read_message(MAIL))
    for end in range(len(data)):
        with pytest.raises(RecordError):
            decode(data[:end])


def test_unknown_versions_are_refused_by_name() -> None:
    data = bytearray(encode(read_message(MAIL)))
    data[3] = 99
    with pytest.raises(UnknownVersion, match="version 99; this program reads 1"):
        decode(bytes(data))


def test_a_record_with_fields_of_the_next_version_is_read() -> None:
    record = read_message(MAIL)
    longer = [*msgspec.msgpack.decode(encode(record)), "a field to come"]
    assert decode(msgspec.msgpack.encode(longer)) == record


HOSTILE = {
    "many addresses": b"To: " + b"a@b," * 100_000,
    "long names": b"To: " + b'"\\"\xe9" <a@b>,' * 20_000,
    "many parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n\r\n" * 50_000,
    "many fields in many parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    + (b"--b\r\nContent-Type: a/b" + b";a=b" * 1000 + b"\r\nContent-ID: " + b"\xe9" * 1000 + b"\r\n\r\n\r\n") * 200,
    "languages": b"Content-Language: " + b"a," * 100_000,
    "ids": b"References: " + (b"<" + b"\xe9" * 490 + b">") * 100,
    "head and ids": b"Subject: "
    + b"\x81" * 1000
    + b"\r\nReferences: "
    + (b"<" + b"\x81" * 440 + b">") * 50
    + b"\r\n\r\n"
    + b"x" * 70_000,
    "subject": b"Subject: " + b"\xe9" * 100_000,
    "messages in messages": (b"From: " + b'"\\\\" <a@b>,' * 2000 + b"\r\nContent-Type: message/rfc822\r\n\r\n") * 40,
    "all at once": b"".join(
        name + b": " + b'"\xe9\\"" <a@b>,' * 400 + b"\r\n"
        for name in (b"From", b"To", b"Cc", b"Bcc", b"Sender", b"Reply-To", b"Subject", b"Date", b"In-Reply-To")
    )
    + b"References: "
    + (b"<" + b"\xe9" * 490 + b">") * 100
    + b"\r\n\r\n"
    + b"x" * 100_000,
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_record_fits_a_value_of_the_store(raw: bytes) -> None:
    check_record(raw, read_message(raw))
    assert len(encode(read_message(raw))) <= RECORD_BYTES_MAX
