"""Random values of JMAP arguments, good and odd.

The law: ids are not known when a script is made: `@E3` stands for an email's that the player knows by then (`F` a
mailbox's, `T` a thread's, `M` a blob's, `A` an account's, `S` a state, `X` anything else's).
"""

import random
from collections.abc import Callable, Sequence
from typing import Any, Final

Dice = random.Random

TEXTS: Final = (
    *(
        "hello",
        "",
        "Inbox",
        "a",
        "b c",
        "a/b",
        "grüße",
        "\u202ex",
        "\0",
        "x" * 300,
        "😀",
        "e\u0301",
        " ",
        "\r\nBcc: x@x",
    ),
    *("INBOX", "inbox", "..", "~0~1", "bob@x.test", "text/plain", '"quoted"', "*", "%"),
)
KEYWORDS: Final = (
    *("$seen", "$flagged", "$draft", "$answered", "$SEEN", "work", "Later", "$forwarded", "\\Seen", "a b", ""),
    *("x" * 255, "x" * 256, "é", "$deleted", "$phishing", "#k1", "~"),
)
DATES: Final = (
    *("2024-02-29T12:00:00Z", "1994-02-07T21:52:25Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
    *("2023-02-29T12:00:00Z", "2024-01-01T00:00:00+01:00", "2024-01-01", "1969-12-31T23:59:59.5Z", "x"),
    *("2016-12-31T23:59:60Z", "0000-01-01T00:00:00Z", "2024-01-01t00:00:00z"),
)
NUMBERS: Final = (0, 1, 1, 2, 3, 5, 10, 500, -1, -3, 2**31, 2**53 - 1, -(2**53 - 1))
ROLES: Final = (None, "inbox", "drafts", "sent", "junk", "trash", "archive", "important", "flagged", "all", "x", "")
TYPES: Final = ("Email", "Mailbox", "Thread", "Identity", "EmailDelivery", "Quota", "x")
FIELDS: Final = (
    *("Subject", "from", "X-Test", "Received", "List-Post", "Date", "Message-ID", "references", "é", "", "a b", "To"),
)
FORMS: Final = (
    *("", ":asRaw", ":asText", ":asAddresses", ":asGroupedAddresses", ":asMessageIds", ":asDate", ":asURLs"),
    *(":all", ":asText:all", ":asURLs:all", ":asDate:all", ":all:asText", ":asNothing", ":as", ":"),
)
NAMES: Final = ("k1", "k2", "k3", "k1")  # creation ids


def _deep(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


ODD: Final[Sequence[Any]] = (
    *(None, True, False, 0, 1, -1, 1.5, -0.0, 1e300, 2**53, 2**63, "", "x", "#", "#k1", "#none", "*", "/", "x" * 300),
    *([], {}, [[]], {"a": {}}, [None], ["x", "x"], {"": None}, {"#k1": True}, _deep(30), ["E1"] * 501),
    *("\ud800", "\0", {"operator": "NOT", "conditions": []}, {"$seen": False}, "@E0", "@F0", ["@E0", "@F0", "@T0"]),
    {"resultOf": "c0", "name": "Email/get", "path": "/list/*/id"},
)

Make = Callable[[Dice], Any]


def name(dice: Dice, kinds: str) -> str:
    """An id of one of these kinds, known or none."""
    chance = dice.random()
    if chance < 0.8:
        return f"@{dice.choice(kinds)}{dice.randrange(40)}"
    if chance < 0.9:
        return "#" + dice.choice(NAMES)
    return dice.choice(
        ("E0", "Effffffffffffffff", "Ab_E1", "F1", "x", "-", "_" * 255, "E01", "@E1", "@F1", "@M1", "@T1")
    )


def names(dice: Dice, kinds: str, most: int = 4) -> list[str]:
    """Some."""
    return [name(dice, kinds) for _ in range(dice.randint(0, most))]


def account(dice: Dice) -> str:
    """One's own most of the time (`@O`)."""
    return "@O0" if dice.random() < 0.75 else dice.choice(("@A0", "@A1", "@A2", "@A3", "A0", "A", "x", "Affff"))


def some(dice: Dice, words: Sequence[Any], most: int = 3) -> list[Any]:
    """Some of them."""
    return [dice.choice(words) for _ in range(dice.randint(0, most))]


def flag(dice: Dice) -> bool:
    """A Boolean."""
    return dice.random() < 0.5


def members(dice: Dice, makers: dict[str, Make], share: float = 0.5) -> dict[str, Any]:
    """Some of these members."""
    return {key: make(dice) for key, make in makers.items() if dice.random() < share}


def marks(dice: Dice, of: Make) -> dict[str, bool]:
    """A set of names."""
    return {of(dice): True for _ in range(dice.randint(0, 3))}
