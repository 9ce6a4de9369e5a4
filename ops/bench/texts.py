"""The messages that benchmarks send: what is in them decides what a server that compresses can save.

The law: the same seed gives the same bytes, and both servers get the same. Three kinds: smtp-source's own (a line of
X, over and over: compresses to nothing), noise (random base64, as an attachment is: saves a quarter and no more) and
prose (random words, as people write: about a third remains).
"""

import base64
import random
from typing import Final

LINE_BYTES: Final = 78  # base64 as RFC 2045 6.8 has it: 76 characters and CRLF
NOISE_BYTES: Final = 8 * 1024 * 1024
NEEDLE: Final = "quillon"  # a word that one message in NEEDLE_EVERY has
NEEDLE_EVERY: Final = 100
_SYLLABLES: Final = ("ba", "co", "di", "fe", "gu", "ha", "jo", "ki", "lu", "me", "no", "pa", "ri", "so", "tu", "ve")


class Noise:
    """Random base64 lines; a text is a slice at a random line."""

    def __init__(self, seed: int, size_bytes: int = NOISE_BYTES) -> None:
        encoded = base64.b64encode(random.Random(seed).randbytes(size_bytes * 3 // 4))  # noqa: S311 - not for secrets
        step = LINE_BYTES - 2
        self._lines = b"\r\n".join(encoded[at : at + step] for at in range(0, len(encoded) - step + 1, step)) + b"\r\n"

    def text(self, dice: random.Random, size_bytes: int) -> bytes:
        """Whole lines of about so many bytes."""
        lines = max(1, size_bytes // LINE_BYTES)
        first = dice.randrange(len(self._lines) // LINE_BYTES - lines + 1)
        return self._lines[first * LINE_BYTES : (first + lines) * LINE_BYTES]


def header(number: int, sender: str, recipient: str) -> bytes:
    """A header as programs write it, its Message-ID unlike any other number's."""
    return (
        f"From: Sender <{sender}>\r\nTo: <{recipient}>\r\nSubject: Message number {number}\r\n"
        f"Date: Mon, 2 Nov 2026 10:{number // 60 % 60:02d}:{number % 60:02d} +0000\r\n"
        f"Message-ID: <bench.{number}.{recipient}>\r\n\r\n"
    ).encode()


def prose(number: int, size_bytes: int) -> bytes:
    """Words in lines, of about so many bytes; one message in NEEDLE_EVERY has the NEEDLE."""
    dice = random.Random(number)  # noqa: S311 - not for secrets
    lines, size = [NEEDLE] if number % NEEDLE_EVERY == 0 else [], 0
    while size < size_bytes:
        words = ["".join(dice.choices(_SYLLABLES, k=dice.randint(1, 4))) for _ in range(12)]
        lines.append(" ".join(words))
        size += len(lines[-1]) + 2
    return ("\r\n".join(lines) + "\r\n").encode()


def small_message(number: int) -> bytes:
    """A whole message of about 300 bytes."""
    return header(number, "sender@elsewhere.test", "user0@peer.test") + prose(number, 60)
