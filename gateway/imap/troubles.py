"""How what went wrong is said in IMAP: the one table from errors to NO and BAD with codes (RFC 5530).

The law: only here does an error become words for a client.
"""

from typing import Final, NamedTuple

from cluster.errors import (
    AlreadyExists,
    Corrupt,
    NoRight,
    NotFound,
    OverLimit,
    OverQuota,
    Refused,
    TooLarge,
    Trouble,
    Unavailable,
    Unsuitable,
)
from gateway.imap.parts import Array


class Told(NamedTuple):
    """Flags words the client knows of already, by ascending row: what it was just sent, or asked for with .SILENT.

    `modseqs`: the MODSEQs it was sent with them; None if it was not.
    """

    rows: Array
    words: Array
    modseqs: Array | None = None


class No(Exception):
    """The command cannot be done: a tagged NO. `code` is the response code without brackets, or empty.

    `told`: flags the client heard of nevertheless (session.Ok).
    """

    def __init__(self, text: str, code: str = "", told: Told | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.code = code
        self.told = told


class Bad(No):
    """The client must not have asked this, now or ever: a tagged BAD."""


# The first class that fits counts, so the narrower stand before the wider.
_CODES: Final[tuple[tuple[type[Trouble], str], ...]] = (
    (OverQuota, "OVERQUOTA"),
    (OverLimit, "LIMIT"),
    (NotFound, "NONEXISTENT"),
    (NoRight, "NOPERM"),
    (Unsuitable, "USEATTR"),  # RFC 6154 3: the one thing that a mailbox is asked to be
    (AlreadyExists, "ALREADYEXISTS"),
    (Refused, "CANNOT"),
    (TooLarge, "LIMIT"),
    (Corrupt, "CORRUPTION"),
    (Unavailable, "UNAVAILABLE"),
    (Trouble, "SERVERBUG"),
)


def as_no(trouble: Trouble, *, into: bool = False) -> No:
    """What to answer. `into`: the command puts messages into a named mailbox, so that CREATE may cure its absence."""
    code = next(code for kind, code in _CODES if isinstance(trouble, kind))
    if into and code == "NONEXISTENT":
        code = "TRYCREATE"  # RFC 3501 6.3.11, 6.4.7; RFC 6851 3.3
    return No(_line(trouble.says), code)


def _line(text: str) -> str:
    """resp-text is one line of 7-bit TEXT-CHARs (RFC 3501 9)."""
    return "".join(char if " " <= char <= "~" else "?" for char in text) or "Failed"
