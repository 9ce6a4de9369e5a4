"""What a notification tells. Values only."""

from typing import Literal, NamedTuple

Action = Literal["failed", "delayed", "delivered", "relayed", "expanded"]


class Told(NamedTuple):
    """What became of one recipient (RFC 3464 2.3)."""

    final: str  # the address that delivery was tried to
    action: Action
    status: str  # RFC 3463
    original: str = ""  # `type;address` as the sender gave it in ORCPT, decoded; empty: it gave none
    remote: str = ""  # the name of the server that was spoken to
    ip: str = ""  # and its address
    code: int = 0  # its reply; 0: the words are ours
    said: str = ""
    cause: str = ""  # in a word (gateway/outbound/bounces.py), for the words to people
    at_ms: int = 0  # of the last attempt; 0: not told
    until_ms: int = 0  # of one delayed: how long it will be tried; 0: not told


class Report(NamedTuple):
    """A notification."""

    host: str  # who reports
    sender: str  # whom it is for: the reverse-path of the message
    now_ms: int
    message_id: str  # of the notification, without <>
    boundary: str  # of its parts: a token that is in no message
    recipients: tuple[Told, ...]
    arrived_ms: int = 0
    envid: str = ""  # ENVID, decoded
    original: bytes | None = None  # the message; None: it is gone
    original_id: str = ""  # its Message-ID, without <>
    ret: Literal["", "FULL", "HDRS"] = ""
