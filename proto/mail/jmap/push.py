"""What is pushed: StateChange and PushVerification objects (RFC 8620 7), the events of an event source (7.3), and the
mark by which a client says what it knows already.

The law: a mark means the same to every process: which accounts the client sees, and up to which change it was told of
each. What a client sends as a mark may be anything; what is none means that nothing is known.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

import orjson

PING_S_MIN: Final = 15  # RFC 8620 7.3: not above 30
PING_S_MAX: Final = 900  # not below 300; proxies drop what is silent for longer
TYPES_MAX: Final = 100  # names of types; there are about thirty in all standards
TYPE_CHARS_MAX: Final = 100
MARK_CHARS_MAX: Final = 4096  # about 150 accounts; a header field has room for it

_TYPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_PING: Final = re.compile(r"[0-9]{1,9}")
_MARK: Final = re.compile(r"[0-9a-f]{1,16}-[0-9a-f]{1,16}(?:\.[0-9a-f]{1,16}-[0-9a-f]{1,16})*")

CloseAfter = Literal["state", "no"]
Types = frozenset[str] | None
"""Names of types; None: all."""


class BadQuery(ValueError):
    """The parameters of an event source are none; the text names the one."""


class EventQuery(NamedTuple):
    """What a client wants of an event source. `ping_s` 0: none."""

    types: Types
    close_after: CloseAfter
    ping_s: int


def read_query(types: str, closeafter: str, ping: str) -> EventQuery:
    """The three parameters as they come (RFC 8620 7.3). Raises BadQuery."""
    if closeafter not in ("state", "no"):
        raise BadQuery("closeafter is `state` or `no`")
    if not _PING.fullmatch(ping):
        raise BadQuery("ping is a number of seconds")
    asked_s = int(ping)
    ping_s = min(max(asked_s, PING_S_MIN), PING_S_MAX) if asked_s else 0
    return EventQuery(_types(types), "state" if closeafter == "state" else "no", ping_s)


def _types(text: str) -> Types:
    if text == "*":
        return None
    names = text.split(",", TYPES_MAX)
    if len(names) > TYPES_MAX or not all(map(is_type, names)):
        raise BadQuery("types is `*` or names of types with commas between")
    return frozenset(names)


def is_type(name: str) -> bool:
    """Whether it may be the name of a type. There are others than we know, and a client may ask for all it knows."""
    return _TYPE.fullmatch(name) is not None


def state_change(changed: Mapping[str, Mapping[str, str]], push_state: str = "") -> bytes:
    """A StateChange: by account its types with their states. `push_state`: RFC 8887 4.3.5.1's, where there is one."""
    found: dict[str, object] = {"@type": "StateChange", "changed": changed}
    if push_state:
        found["pushState"] = push_state
    return orjson.dumps(found)


def verification(subscription: str, code: str) -> bytes:
    """A PushVerification (RFC 8620 7.2.2)."""
    return orjson.dumps(
        {"@type": "PushVerification", "pushSubscriptionId": subscription, "verificationCode": code},
    )


def state_event(data: bytes, mark: str) -> bytes:
    """The event `state`, with the mark as its id."""
    return b"event: state\nid: %b\ndata: %b\n\n" % (mark.encode(), data)


def ping_event(interval_s: int) -> bytes:
    """The event `ping`, which has no id (RFC 8620 7.3)."""
    return b'event: ping\ndata: {"interval":%d}\n\n' % interval_s


def mark(known: Iterable[tuple[int, int]]) -> str:
    """Accounts, by their numbers, and the last change of each that was told. Never empty where there is an account."""
    return ".".join(f"{account:x}-{modseq:x}" for account, modseq in known)


def read_mark(text: str) -> dict[int, int]:
    """The inverse; empty for what is no mark."""
    if len(text) > MARK_CHARS_MAX or not _MARK.fullmatch(text):
        return {}
    pairs = (pair.partition("-") for pair in text.split("."))
    return {int(account, 16): int(modseq, 16) for account, _, modseq in pairs}
