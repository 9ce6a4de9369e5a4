"""What others do meanwhile: commands over IMAP and calls over JMAP that change things, and deliveries.

The law: the same seed gives the same things; those over JMAP name what the fuzzer of requests names.
"""

import json
import random
from typing import Any, Final, NamedTuple

from mail.jmap.methods.table import METHODS
from tests.fuzz.jmap_session import calls
from tests.fuzz.session.words import message

WRITING: Final = ("Email/set", "Email/set", "Email/import", "Mailbox/set", "Mailbox/set", "Email/copy")
BOXES: Final = ("INBOX", "Archive", "a", "a/b", "b", "Trash", "Drafts", "new")
FLAGS: Final = ("\\Seen", "\\Flagged", "\\Deleted", "Work", "$Forwarded", "\\Draft")
RIGHTS: Final = ("lr", "lrs", "lrswitekx", "l", '""', "lrswit")


class Act(NamedTuple):
    """One thing. `text`: over IMAP; `call`: over JMAP; neither: a message comes from outside."""

    login: str
    text: bytes = b""
    call: list[Any] | None = None
    seed: int = 0


def act(dice: random.Random) -> Act:
    """One more."""
    chance = dice.random()
    if chance < 0.1:
        return Act("alice", seed=dice.randrange(1000))
    login = "alice" if dice.random() < 0.8 else "bob"
    if chance < 0.55:
        return Act(login, text=_imap(dice, login))
    made = calls.arguments(dice, METHODS[dice.choice(WRITING)])
    made[1]["accountId"] = "@A0" if dice.random() < 0.9 else made[1]["accountId"]
    made[1].pop("ifInState", None)
    if "\\ud800" in json.dumps(made):  # in no request there is one
        return Act(login, text=_imap(dice, login))
    return Act(login, call=made)


def _imap(dice: random.Random, login: str) -> bytes:
    prefix = "" if login == "alice" else "Other Users/alice/"
    box, other = (prefix + dice.choice(BOXES) for _ in range(2))
    first, last = sorted((dice.randint(1, 6), dice.randint(1, 6)))
    some = dice.choice(("1", "*", f"{first}:{last}", "1:*"))
    flags = " ".join(dice.sample(FLAGS, dice.randint(1, 2)))
    literal = message(dice)
    text = dice.choice((
        f'SELECT "{box}"', f'SELECT "{box}"', f'SELECT "{box}"', "CLOSE", "EXPUNGE", f"UID EXPUNGE {some}",
        *[f"STORE {some} {sign}FLAGS ({flags})" for sign in ("+", "-", "")] * 3,
        *(f'{verb} {some} "{other}"' for verb in ("COPY", "MOVE", "COPY", "MOVE")),
        f'CREATE "{box}"', f'CREATE "{box}"', f'DELETE "{box}"', f'RENAME "{box}" "{other}"',
        f'SETACL "{box}" bob {dice.choice(RIGHTS)}', f'DELETEACL "{box}" bob', f'SUBSCRIBE "{box}"',
        f'UNSUBSCRIBE "{box}"', f'APPEND "{box}" ({flags}) {{{len(literal)}+}}\r\n',
    ))  # fmt: skip
    return text.encode() + literal if text.startswith("APPEND") else text.encode()
