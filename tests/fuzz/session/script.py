"""What several clients do, made from a seed before anything runs, so that what failed can be played again and cut down.

The law: the same seed gives the same script; a step stands for itself, so that steps can be left out.
"""

import random
from typing import Final, NamedTuple

from tests.fuzz.session.commands import command

LOGINS: Final = ("alice", "alice", "bob", "carol")
SPOILT_SHARE: Final = 0.15
ENABLED_SHARE: Final = 0.7  # of clients that begin with one of these
STYLES: Final = (
    b"CONDSTORE",
    b"QRESYNC",
    b"QRESYNC IMAP4rev2",
    b"IMAP4rev2",
    b"UTF8=ACCEPT",
    b"UIDONLY",
    b"QRESYNC UIDONLY",
)
STEPS: Final = 60
UNSPOILT: Final = b"COMPRESS"  # what is said behind it is read otherwise: a client has to know


class Step(NamedTuple):
    """One client says something: `text` without tag and CRLF. `spoilt`: it may be no command any more."""

    who: int
    text: bytes
    spoilt: bool = False
    pipelined: bool = False  # the next step of the same client is said at once, before the answer


PIECES: Final = (
    *(b"", b" ", b"(", b")", b'"', b"\\", b"*", b"{3}", b"{3+}\r\nabc", b"~{2}\r\n\0\0", b"\0", b"\xff", b"\r\n"),
    *(b"0", b"99999999999999999999", b"NIL", b"(" * 30, b"a" * 300, b"\r", b"\n", b"[]", b"1:4294967295", b"$"),
)
DELIVER: Final = b"deliver"  # who is said by `who`: a message comes from outside to that client's login


def script(seed: int, steps: int = STEPS) -> list[Step]:
    """Each client selects something first, so that most commands mean something."""
    dice = random.Random(seed)
    made = [Step(who, DELIVER) for who in (0, 0, 0, 0, 0, 2, 2, 2, 3)]
    made += [Step(0, b"CREATE a"), Step(0, b"SETACL a bob lrswite")]
    made += [Step(who, b"ENABLE " + dice.choice(STYLES)) for who in range(len(LOGINS)) if dice.random() < ENABLED_SHARE]
    made += [Step(who, b"SELECT INBOX") for who in range(len(LOGINS))]
    return made + [_step(dice) for _ in range(steps)]


def _step(dice: random.Random) -> Step:
    who = dice.choice((0, 0, 0, 1, 1, 2, 2, 3))
    if dice.random() < 0.05:
        return Step(who, DELIVER)
    text = command(dice)
    if dice.random() < SPOILT_SHARE and not text.startswith(UNSPOILT):
        return Step(who, _spoilt(dice, text), spoilt=True)
    return Step(who, text, pipelined=dice.random() < 0.15)


def _spoilt(dice: random.Random, text: bytes) -> bytes:
    """A piece replaced, cut out, said twice or put in."""
    for _ in range(dice.randint(1, 2)):
        start = dice.randrange(len(text) + 1)
        end = min(len(text), start + dice.choice((0, 1, 1, 2, 8, 40)))
        piece = dice.choice((*PIECES, text[start:end] * 2))
        text = text[:start] + piece + text[end:]
    return text
