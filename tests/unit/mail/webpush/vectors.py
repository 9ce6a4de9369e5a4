"""The RFCs' own examples, by name."""

from pathlib import Path

from mail.webpush import base64url

LINES = (Path(__file__).parent / "vectors.txt").read_text().splitlines()
TEXT = dict(line.split() for line in LINES if line and not line.startswith("#"))


def value(name: str) -> bytes:
    return base64url.decode(TEXT[name])


def number(name: str) -> int:
    return int.from_bytes(value(name), "big")
