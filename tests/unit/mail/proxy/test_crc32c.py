"""The vectors of RFC 3720 B.4."""

import pytest

from mail.proxy.crc32c import crc32c


@pytest.mark.parametrize(
    ("data", "sum_"),
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (b"123456789", 0xE3069283),
    ],
)
def test_vectors(data: bytes, sum_: int) -> None:
    assert crc32c(data) == sum_
