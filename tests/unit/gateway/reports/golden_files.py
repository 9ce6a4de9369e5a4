"""Messages of ours as files that people read: headers, then each part with its content decoded.

What packing makes of bytes differs from one zlib to another, so the boundary and the size, which are made of it, are
left out.
"""

import gzip
import re
from email import message_from_bytes
from email.message import Message
from pathlib import Path

GOLDEN = Path(__file__).with_name("golden")


def shown(raw: bytes) -> str:
    """A message in words."""
    message = message_from_bytes(raw)
    boundary = message.get_boundary() or ""
    parts = [f"{name}: {value}" for name, value in message.items()]
    for part in _parts(message):
        parts += ["", "-" * 40, *[f"{name}: {value}" for name, value in part.items()], ""]
        parts.append(_content(part).decode().rstrip("\r\n"))
    text = "\n".join(parts).replace("\r\n", "\n").replace(boundary, "BOUNDARY") + "\n"
    return re.sub(r"Report-Size: [0-9]{3,}", "Report-Size: SIZE", text)


def _parts(message: Message) -> list[Message]:
    payload = message.get_payload()
    assert isinstance(payload, list)
    return [part for part in payload if isinstance(part, Message)]


def _content(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    if payload is None:  # message/feedback-report, which the library takes for a message
        payload = _parts(part)[0].as_bytes()
    assert isinstance(payload, bytes)
    return gzip.decompress(payload) if payload.startswith(b"\x1f\x8b") else payload


def same_as(name: str, raw: bytes) -> None:
    """Raises AssertionError where it is not as the file has it."""
    assert shown(raw) == (GOLDEN / name).read_text()
