"""The messages of the load: each is made of its token alone, so that any of them can be checked byte for byte later.

The law: the same token is the same bytes, for ever; no two tokens share them.
"""

import base64
import random
import re
from typing import Final

from tests.running import DOMAIN

LARGE_SHARE: Final = 0.04  # of messages over 200 kB: they go to files, not into the metadata transaction
MIDDLE_SHARE: Final = 0.08  # of messages around the bound between the two
_LINE_BYTES: Final = 76
_TOKEN: Final = re.compile(rb"^X-Token: ([\w.-]+)\r\n", re.MULTILINE)
_FIELD: Final = re.compile(rb"[!-9;-~]+:|[ \t]+\S")  # the beginning of a line in a header
# What the server puts in front (RFC 5321 4.4), whole: not a byte of the message may be counted as trace.
_TRACE: Final = re.compile(
    rb"Return-Path: <[^\r\n]*>\r\nReceived: (?:from|by) [^\r\n]*\r\n(?:\t[^\r\n]*\r\n)+"
    rb"(?:Authentication-Results: [^\r\n]*\r\n(?:\t[^\r\n]*\r\n)*)?"
)


def message(token: str) -> bytes:
    """The message of a token: CRLF lines, some that begin with a dot, of very different sizes."""
    dice = random.Random(token)
    noise = base64.b64encode(dice.randbytes(_size(dice) * 3 // 4))
    lines = [noise[at : at + _LINE_BYTES] for at in range(0, len(noise), _LINE_BYTES)]
    lines.insert(dice.randrange(len(lines)), b"." * dice.randint(1, 3))
    _, _, user = token.partition("-by-")  # who alone may send it; a submission without a date would be given one
    author = f"Date: Thu, 01 Jan 2026 00:00:00 +0000\r\nFrom: <{user}@{DOMAIN}>" if user else "From: <load@kill.test>"
    head = f"X-Token: {token}\r\nMessage-ID: <{token}@kill.test>\r\n{author}\r\nSubject: {token}\r\n\r\n"
    return head.encode() + b"\r\n".join(lines) + b"\r\n"


def _size(dice: random.Random) -> int:
    share = dice.random()
    if share < LARGE_SHARE:
        return dice.randint(200_000, 500_000)
    if share < LARGE_SHARE + MIDDLE_SHARE:
        return dice.randint(20_000, 120_000)
    return dice.randint(100, 6_000)


def token_of(stored: bytes) -> str:
    """The token of a stored message, or an empty string."""
    found = _TOKEN.search(stored[:2000])
    return found[1].decode() if found else ""


def is_whole(stored: bytes, token: str, *, traced: bool) -> bool:
    """Whether these are the bytes of the token, behind a trace header if it came by SMTP or LMTP."""
    if not traced:
        return stored == message(token)
    trace = _TRACE.match(stored)
    return trace is not None and stored[trace.end() :] == message(token)


def is_sent_on(text: bytes, token: str) -> bool:
    """Whether a message that was sent on is whole: the bytes of the token behind fields that a relay has put there."""
    raw = message(token)
    if not text.endswith(raw):
        return False
    return all(_FIELD.match(line) for line in text[: -len(raw)].splitlines())


def stuffed(raw: bytes) -> bytes:
    """As it goes through DATA (RFC 5321 4.5.2), with the end of the mail data."""
    return re.sub(rb"(?m)^\.", b"..", raw) + b".\r\n"
