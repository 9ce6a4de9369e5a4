"""Records of the content coding: the RFC's example, and any."""

from hypothesis import given
from hypothesis import strategies as st

from mail.webpush import coding
from tests.unit.mail.webpush.vectors import value
from tests.webpush import open_records


def test_one_record() -> None:
    assert coding.encrypt(b"I am the walrus", value("walrus.secret"), value("walrus.salt")) == value("walrus.body")


@given(st.binary(max_size=300), st.integers(coding.RECORD_BYTES_MIN, 60), st.binary(max_size=20))
def test_records_of_any_size_are_whole(data: bytes, size: int, keyid: bytes) -> None:
    body = coding.encrypt(data, b"secret", b"s" * 16, keyid=keyid, record_bytes=size)
    assert open_records(body, b"secret") == data
