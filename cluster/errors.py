"""What can go wrong, with its anatomy: whose fault, whether to retry, what the peer hears, what the log hears.

Inside, code raises these; only a gateway's edge turns them into a protocol's words. `says` must never hold
a secret, a path or another user's data; `log` may name paths and keys, never contents or secrets.
"""

from enum import Enum
from typing import ClassVar


class Fault(Enum):
    """Who has to act for the next attempt to succeed."""

    PEER = "peer"
    POLICY = "policy"
    US = "us"


class Trouble(Exception):
    """The base of every expected failure."""

    fault: ClassVar[Fault] = Fault.US
    retry: ClassVar[bool] = True

    def __init__(self, says: str, *, log: str = "") -> None:
        """`says`: one sentence for the peer, cause and cure. `log`: more for the operator."""
        super().__init__(log or says)
        self.says = says
        self.log = log or says


class Unavailable(Trouble):
    """A part we need does not answer now; nothing was done, or it is safe to do it again."""


class StoreFull(Unavailable):
    """The disk or the map of a store is full; nothing of the transaction was kept."""


class Fenced(Unavailable):
    """Another owner has taken the slot since; this one must stop and forget what it holds."""


class Moved(Unavailable):
    """The slot is not here, or not now; its owner is to be looked up anew."""


class Corrupt(Trouble):
    """Stored bytes are not what was written; retrying will not mend them."""

    retry = False


class TooLarge(Trouble):
    """A value, key or transaction is over a limit that every store shares: a defect of the caller."""

    retry = False


class Misconfigured(Trouble):
    """A setting, file or port does not allow to start; the text says which and what to do."""

    fault = Fault.POLICY
    retry = False


class Locked(Misconfigured):
    """Another process holds the data directory; it may let go of it."""


class NotFound(Trouble):
    """What was named does not exist."""

    fault = Fault.PEER
    retry = False


class AlreadyExists(Trouble):
    """What was to be made exists."""

    fault = Fault.PEER
    retry = False


class Stale(Trouble):
    """It was to be done only if nothing had changed, and something has."""

    fault = Fault.PEER
    retry = False


class Refused(Trouble):
    """Asked for something that a rule forbids."""

    fault = Fault.POLICY
    retry = False


class OverLimit(Refused):
    """More than this server allows of something; asking for less may work."""


class OverQuota(Refused):
    """The account has no room for this."""

    retry = True


class NoRight(Refused):
    """Others may; whoever asks has not been given the right to."""


class Unsuitable(Refused):
    """What it is to be or to have does not go together with what it is, or with what others have."""
