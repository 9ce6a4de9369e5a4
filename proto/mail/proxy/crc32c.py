"""CRC32c (Castagnoli; RFC 4960 appendix B), which the standard library has not. For headers of a few kilobytes."""

from typing import Final

_POLYNOMIAL: Final = 0x82F63B78  # reflected


def _entry(number: int) -> int:
    for _ in range(8):
        number = number >> 1 ^ (_POLYNOMIAL if number & 1 else 0)
    return number


_TABLE: Final = tuple(_entry(number) for number in range(256))


def crc32c(data: bytes) -> int:
    """The checksum of the bytes."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF
