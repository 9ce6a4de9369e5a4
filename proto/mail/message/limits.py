"""How much of a hostile message is looked at.

The law: a message over a limit is still accepted and readable. What is over the limit is not taken apart: it
stays in the bytes and in the last part that was found.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one scan. Every number is a count unless its name has another unit."""

    # Forwards of forwards add two levels each; real mail stays below 12. The cost of a scan is depth times size.
    depth_max: int = 32
    # Digests and long reports reach hundreds. A part costs about 10 us and 100 bytes in the record.
    parts_max: int = 1000
    # Lines that begin like a boundary, whether they are one or not: bounds the time spent on near misses.
    delimiters_max: int = 20_000
    # Mail that went through many lists has 200 fields; what is over it is kept in the bytes but not read.
    fields_max: int = 2000
    # A header of one message; Gmail refuses over 500 kB. What is after it is not read for fields.
    header_bytes_max: int = 256 * 1024
    # One value of a field that is taken apart. 16 kB holds 300 addresses with names, 64 kB a thousand.
    value_bytes_max: int = 64 * 1024
    # Of one Content-Type or Content-Disposition, continuations (RFC 2231) included.
    parameters_max: int = 64
    # Bytes of one parameter list; the boundary is at most 70 (RFC 2046 5.1.1), file names at most 255.
    parameters_bytes_max: int = 4096
    # Content-ID, -Description, -Location, -MD5 and -Language as the record keeps them; a line has 998.
    text_bytes_max: int = 1000
    # Addresses of one field. Larger audiences are what lists are for; RCPT TO is not bound by this.
    addresses_max: int = 500
    # Message ids kept of References: threads work with the first and the last ones (RFC 5322 3.6.4).
    references_max: int = 50


DEFAULT: Final = Limits()

# For the rare message whose record would not fit one value of the store (record.RECORD_BYTES_MAX).
TIGHT: Final = Limits(
    depth_max=8,
    parts_max=100,
    value_bytes_max=2000,
    parameters_max=8,
    parameters_bytes_max=200,
    text_bytes_max=100,
    addresses_max=50,
    references_max=10,
)

# Fits whatever the message holds: its header, and its body as one part.
LEAST: Final = Limits(
    depth_max=0,
    parts_max=1,
    value_bytes_max=1000,
    parameters_max=8,
    parameters_bytes_max=200,
    text_bytes_max=100,
    addresses_max=20,
    references_max=10,
)
