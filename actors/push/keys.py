"""Where web push keeps what it knows. Nothing else knows this layout.

    u A slot account    the account may have subscriptions: since when, and what was pushed to each of them
    u N time account    something about its subscriptions has changed then
    u K time            a key that we sign with, made then

The law: numbers are big-endian. Rows of a slot are together, and what has changed is in the order of time.
"""

from struct import Struct
from typing import Final

from cluster.placement import slots

_ROW: Final = Struct(">2sHQ")
_NEWS: Final = Struct(">2sQQ")
_KEY: Final = Struct(">2sQ")
_A, _N, _K = b"uA", b"uN", b"uK"

Span = tuple[bytes, bytes]


def slot_of(account: int) -> int:
    """The slot an account lives in: its mailboxes' (actors/mailbox/keys.py)."""
    return slots.slot_of(account.to_bytes(8, "big"))


def row(account: int) -> bytes:
    """Where an account's row is."""
    return _ROW.pack(_A, slot_of(account), account)


def rows(first: int, last: int) -> Span:
    """All rows of the slots from one to another."""
    return _A + first.to_bytes(2, "big"), _A + (last + 1).to_bytes(2, "big")


def account_of(key: bytes) -> int:
    """Whose row it is, of either kind."""
    return int.from_bytes(key[-8:], "big")


def news(time_ms: int, account: int) -> bytes:
    """Where it stands that something has changed."""
    return _NEWS.pack(_N, time_ms, account)


def news_between(since_ms: int, until_ms: int) -> Span:
    """What has changed from one moment until before another."""
    return _N + since_ms.to_bytes(8, "big"), _N + until_ms.to_bytes(8, "big")


def noted_ms(key: bytes) -> int:
    """When something has changed."""
    return int.from_bytes(key[2:10], "big")


def signing(made_ms: int) -> bytes:
    """Where a key is."""
    return _KEY.pack(_K, made_ms)


def all_signing() -> Span:
    """All keys, in the order in which they were made."""
    return _K, _K + b"\xff"


def made_ms(key: bytes) -> int:
    """When a key was made."""
    return int.from_bytes(key[2:], "big")
