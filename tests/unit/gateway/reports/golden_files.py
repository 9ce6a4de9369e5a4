"""Messages of ours as files that people read: headers, then each part with its content decoded.

What packing makes of bytes differs from one zlib to another, so the boundary and the size, which are made of it, are left out.
"""

import gzip
import re
from email import message_from_bytes
from pathlib import Path

GOLDEN = Path(__file__).with_name("golden")


def shown(raw: bytes) -> str:
    """A message in words."""
    message = message_from_bytes(raw)
    boundary = message.get_boundary() or ""
    parts = [f"{name}: {value}" for name, value in message.items()]
    for part in message.get_payload():
        parts += ["", "-" * 40, *[f"{name}: {value}" for name, value in part.items()], ""]  # type: ignore[union-attr]
        parts.append(_content(part).decode().rstrip("\r\n"))  # type: ignore[arg-type]
    text = "\n".join(parts).replace("\r\n", "\n").replace(boundary, "BOUNDARY") + "\n"
    return re.sub(r"Report-Size: [0-9]{3,}", "Report-Size: SIZE", text)


def _content(part: "object") -> bytes:
    payload = part.get_payload(decode=True)  # type: ignore[attr-defined]
    if payload is None:  # message/feedback-report, which the library takes for a message
        (inner,) = part.get_payload()  # type: ignore[attr-defined]
        payload = inner.as_bytes()
    assert isinstance(payload, bytes)
    return gzip.decompress(payload) if payload.startswith(b"\x1f\x8b") else payload


def same_as(name: str, raw: bytes) -> None:
    """Raises AssertionError where it is not as the file has it."""
    assert shown(raw) == (GOLDEN / name).read_text()
