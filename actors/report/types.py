"""What is counted, and what is kept of reports that came.

The law: all of it is encodable by msgspec; every field after the first version has a default.
"""

from typing import Final, Literal

from msgspec import Struct

DMARC: Final = b"d"
TLS: Final = b"t"


class Counted(Struct, frozen=True):
    """So many alike."""

    row: bytes
    count: int


class Received(Struct, frozen=True, omit_defaults=True):
    """A report that came, in few words: who says what of which domain of ours, from when to when (seconds)."""

    id: bytes
    at_ms: int
    kind: Literal["dmarc", "tls", "abuse", "failure"]
    domain: str
    org: str
    sender: str = ""
    report_id: str = ""
    begin_s: int = 0
    end_s: int = 0
    passed: int = 0  # messages, or sessions
    failed: int = 0
    worst: tuple[tuple[str, int], ...] = ()  # what failed most: an address or a type, and how often
    ident: str = ""  # what traces call the message that brought it
    problems: tuple[str, ...] = ()
