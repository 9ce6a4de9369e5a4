"""When a message was received, as its header tells (RFC 8621 4.8).

The law: the topmost Received field that has a date counts; its date is what follows the last semicolon (RFC 5321 4.4).
"""

from itertools import islice
from typing import Final

from mail.message.date import parse_date
from mail.message.header import header_end, unfold, values

_FIELDS_MAX: Final = 20  # that are looked at: the first has it but for odd servers


def received_ms(raw: bytes) -> int | None:
    """Milliseconds since 1970; None where no field tells."""
    for value in islice(values(raw, b"received", 0, header_end(raw, 0, len(raw))), _FIELDS_MAX):
        date = parse_date(unfold(value).rpartition(b";")[2].strip())
        if date is not None:
            return date.epoch_s * 1000
    return None
