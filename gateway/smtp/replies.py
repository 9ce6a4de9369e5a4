"""From what happened to what the peer hears: one table, and the few sentences of our own.

A reply must never tell what the peer may not know: paths, other users, our insides.
"""

from typing import Final

from actors.directory.types import Unknown, Why
from cluster.errors import (
    Corrupt,
    Fenced,
    NotFound,
    OverQuota,
    Refused,
    StoreFull,
    TooLarge,
    Trouble,
    Unavailable,
)
from mail.smtp.replies import Reply

# The nearest class in the order of inheritance counts. RFC 5321 4.2, RFC 3463 3.
_CODES: Final[dict[type[Trouble], tuple[int, str]]] = {
    StoreFull: (452, "4.3.1"),
    Fenced: (451, "4.3.0"),
    Unavailable: (451, "4.3.0"),
    OverQuota: (452, "4.2.2"),
    NotFound: (550, "5.1.1"),
    Refused: (550, "5.7.1"),
    TooLarge: (552, "5.3.4"),
    Corrupt: (451, "4.3.0"),
    Trouble: (451, "4.3.0"),
}
# What the peer hears where `says` is meant for somebody else.
_WORDS: Final[dict[type[Trouble], str]] = {
    StoreFull: "Out of space; try again later",
    Fenced: "Try again later",
    Unavailable: "Try again later",
    OverQuota: "Mailbox is over its quota",
    NotFound: "No such mailbox",
    Corrupt: "Try again later",
    Trouble: "Try again later",
}

BUSY: Final = Reply(452, "4.3.1", "Too much mail at once; try again later")
NO_ROOM: Final = Reply(421, "4.3.1", "Too much mail at once; try again later")
FULL: Final = Reply(452, "4.2.2", "Mailbox is over its quota")
NO_SUCH_USER: Final = Reply(550, "5.1.1", "No such user here")
NO_SUCH_LIST: Final = Reply(550, "5.1.1", "No such list here")
NO_MEMBERS: Final = Reply(250, "2.1.5", "The list is empty")
DISABLED: Final = Reply(550, "5.2.1", "Mailbox is disabled")
RELAY_DENIED: Final = Reply(550, "5.7.1", "Relaying denied: this server does not serve that domain")
NO_OUTBOUND: Final = Reply(550, "5.7.1", "Mail to other domains cannot be sent from here yet: no outbound delivery")
NOT_YOUR_ADDRESS: Final = Reply(550, "5.7.1", "Sender address is not one of yours")
NOT_YOUR_FROM: Final = Reply(550, "5.7.1", "From field is missing, repeated, or names an address that is not yours")
LOOP: Final = Reply(554, "5.4.6", "Too many Received fields: the message goes round in circles")
SPF_FAILED: Final = Reply(550, "5.7.23", "The sender's domain says that mail is not sent from your address (SPF)")
DMARC_FAILED: Final = Reply(
    550, "5.7.1", "The domain in From asks to refuse mail that does not prove to be its own (DMARC)"
)
WHOSE: Final = Reply(550, "5.7.1", "From does not name one author in a way that everybody reads alike")
DNS_LATER: Final = Reply(451, "4.7.24", "The domain in From cannot be checked now: its DNS does not answer; try again")
WRONG_PASSWORD: Final = Reply(535, "5.7.8", "Wrong name or password")
AUTH_LATER: Final = Reply(454, "4.7.0", "Cannot check this now; try again later")
TLS_LATER: Final = Reply(454, "4.7.0", "TLS is not available now")
SHUTTING_DOWN: Final = Reply(421, "4.3.2", "Shutting down; try again")
IDLE: Final = Reply(421, "4.4.2", "Nothing said for too long; closing")
REVOKED: Final = Reply(421, "4.7.0", "What you logged in with is good no more; closing")
TOO_LONG: Final = Reply(421, "4.4.2", "The session took too long; closing")
TOO_MANY: Final = Reply(421, "4.7.0", "Too many connections; try again later")
BROKEN: Final = Reply(421, "4.3.0", "Internal error; closing")
PARTLY: Final = Reply(451, "4.3.0", "Not stored for all recipients; try again later")


def reply_to(trouble: Trouble) -> Reply:
    """The reply for an expected failure."""
    for kind in type(trouble).__mro__:
        if kind in _CODES:
            code, status = _CODES[kind]
            return Reply(code, status, _WORDS.get(kind, trouble.says))
    raise AssertionError("every Trouble is in the table")


def login_failed(says: str) -> Reply:
    """A failed login; `says`: what went wrong where the client can do better for knowing it."""
    return Reply(535, "5.7.8", f"Authentication failed: {says}") if says else WRONG_PASSWORD


def auth_held_off(trouble: Trouble, *, closing: bool) -> Reply:
    """Why a login was not tried (RFC 4954 6); `closing`: once too often."""
    return Reply(421 if closing else 454, "4.7.0", trouble.says)


def unknown(found: Unknown) -> Reply:
    """The answer for an address of ours that nobody has."""
    return DISABLED if found.reason is Why.DISABLED else NO_SUCH_USER
