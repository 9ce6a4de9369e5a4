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
PROSE_BYTES: Final = 1024 * 1024
LETTERS: Final = 1000  # distinct small messages; repeated where more are wanted
LETTER_BYTES: Final = 400
WORDS: Final = 4000  # in use
WORDS_A_LINE: Final = 12
NEEDLE: Final = "quillon"  # a word that one message in NEEDLE_EVERY has
NEEDLE_EVERY: Final = 100
SEED: Final = 1
_SYLLABLES: Final = ("ba", "co", "di", "fe", "gu", "ha", "jo", "ki", "lu", "me", "no", "pa", "ri", "so", "tu", "ve")


class Pool:
    """Lines to take texts from: making each text anew would cost the machine more than the server does."""

    def __init__(self, lines: bytes) -> None:
        self._lines = lines

    def text(self, dice: random.Random, size_bytes: int) -> bytes:
        """Whole lines of about so many bytes, from a random one on."""
        at = dice.randrange(len(self._lines) - size_bytes - 2 * LINE_BYTES)
        first = self._lines.index(b"\n", at) + 1
        return self._lines[first : self._lines.index(b"\n", first + max(0, size_bytes - LINE_BYTES)) + 1]


def noise(size_bytes: int = NOISE_BYTES) -> Pool:
    """Random base64."""
    encoded = base64.b64encode(random.Random(SEED).randbytes(size_bytes * 3 // 4))  # noqa: S311 - not for secrets
    step = LINE_BYTES - 2
    return Pool(b"".join(encoded[at : at + step] + b"\r\n" for at in range(0, len(encoded), step)))


def words() -> list[str]:
    """The words of a small language, some of them twice; the NEEDLE is none of them."""
    return _words(random.Random(SEED))  # noqa: S311 - not for secrets


def _words(dice: random.Random) -> list[str]:
    return ["".join(dice.choices(_SYLLABLES, k=dice.randint(1, 4))) for _ in range(WORDS)]


def prose(size_bytes: int = PROSE_BYTES) -> Pool:
    """Random words, none of them the NEEDLE; common ones come more often, as in any language."""
    dice = random.Random(SEED)  # noqa: S311 - not for secrets
    known = _words(dice)
    weights = [1 / rank for rank in range(1, WORDS + 1)]  # Zipf's law
    chosen = dice.choices(known, weights, k=size_bytes // 6)
    lines = [" ".join(chosen[at : at + WORDS_A_LINE]) for at in range(0, len(chosen), WORDS_A_LINE)]
    return Pool(("\r\n".join(lines) + "\r\n").encode())


def header(number: int, sender: str, recipient: str) -> bytes:
    """A header as programs write it, its Message-ID unlike any other number's."""
    return (
        f"From: Sender <{sender}>\r\nTo: <{recipient}>\r\nSubject: Message number {number}\r\n"
        f"Date: Mon, 2 Nov 2026 10:{number // 60 % 60:02d}:{number % 60:02d} +0000\r\n"
        f"Message-ID: <bench.{number}.{recipient}>\r\n\r\n"
    ).encode()


def letter(number: int, recipient: str, size_bytes: int, words: Pool) -> bytes:
    """A whole message of prose; one in NEEDLE_EVERY has the NEEDLE, above its text."""
    top = header(number, "sender@elsewhere.test", recipient)
    if number % NEEDLE_EVERY == 0:
        top += f"{NEEDLE}\r\n".encode()
    return top + words.text(random.Random(number), size_bytes - len(top))  # noqa: S311 - not for secrets


def letters() -> list[bytes]:
    """LETTERS small messages to the first account."""
    words = prose()
    return [letter(number, "user0@peer.test", LETTER_BYTES, words) for number in range(LETTERS)]


def mbox(count: int) -> bytes:
    """So many of them, over and over, as an mbox file (RFC 4155), whose lines end with LF."""
    bare = [b"From - Mon Nov  2 10:00:00 2026\n" + raw.replace(b"\r\n", b"\n") + b"\n" for raw in letters()]
    return b"".join(bare[number % LETTERS] for number in range(count))
