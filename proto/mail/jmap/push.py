"""What is pushed to clients: StateChange objects, event streams, the first message to a push subscription; and the mark
by which a client says what it knows already.

The law: a client is told only of the types that it asked for (RFC 8620 7.3), and an event is always whole lines that
end with an empty one. A mark means the same to every process: which accounts the client sees, and up to which change it
was told of each. What a client sends as a mark may be anything; what is none means that nothing is known.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple

import orjson

Changed = Mapping[str, Mapping[str, str]]
"""The states of the types that have changed, by account (RFC 8620 7.1)."""

PING_MAX_SECONDS: Final = 900  # no lower than 300 (RFC 8620 7.3)
_TYPES_MAX_CHARS: Final = 2_000
_NUMBER: Final = re.compile(r"[0-9]{1,9}\Z").match
MARK_MAX_CHARS: Final = 4096  # about 120 accounts; a header field has room for it
_EVENT_ID: Final = re.compile(rf"[!-~]{{1,{MARK_MAX_CHARS}}}\Z").match
_MARK: Final = re.compile(r"[0-9a-f]{1,16}-[0-9a-f]{1,16}(?:\.[0-9a-f]{1,16}-[0-9a-f]{1,16})*\Z").match


class EventSource(NamedTuple):
    """How a client wants its event stream. `types` None: all; `ping` 0: none."""

    types: frozenset[str] | None
    close_after_state: bool
    ping: int


def read_event_source(parameters: Mapping[str, str]) -> EventSource:
    """The variables of eventSourceUrl (RFC 8620 7.3); ValueError with what is wrong."""
    types, close, ping = (parameters.get(name, "") for name in ("types", "closeafter", "ping"))
    if not types or len(types) > _TYPES_MAX_CHARS:
        raise ValueError("types is * or a list of types")
    if close not in ("state", "no"):
        raise ValueError("closeafter is state or no")
    if not _NUMBER(ping):
        raise ValueError("ping is a number of seconds")
    return EventSource(
        None if types == "*" else frozenset(types.split(",")),
        close == "state",
        min(int(ping), PING_MAX_SECONDS),
    )


def only(changed: Changed, types: Collection[str] | None) -> dict[str, dict[str, str]]:
    """What is left of changes for who asked for these types; empty: nothing to tell."""
    chosen = {
        account: {name: state for name, state in states.items() if types is None or name in types}
        for account, states in changed.items()
    }
    return {account: states for account, states in chosen.items() if states}


def state_change(changed: Changed, push_state: str | None = None) -> dict[str, Any]:
    """A StateChange (RFC 8620 7.1); `push_state` in those of WebSockets (RFC 8887 4.3.5.1)."""
    told: dict[str, Any] = {"@type": "StateChange", "changed": changed}
    return told if push_state is None else {**told, "pushState": push_state}


def push_verification(subscription: str, code: str) -> dict[str, str]:
    """RFC 8620 7.2.2."""
    return {"@type": "PushVerification", "pushSubscriptionId": subscription, "verificationCode": code}


def state_event(changed: Changed, event_id: str) -> bytes:
    """A `state` event; the id says the whole state that the client then knows of."""
    if not _EVENT_ID(event_id):
        raise ValueError("not an id of an event")
    return b"id: %b\nevent: state\ndata: %b\n\n" % (event_id.encode(), orjson.dumps(state_change(changed)))


def ping_event(interval: int) -> bytes:
    """A `ping` event; it has no id (RFC 8620 7.3)."""
    return b'event: ping\ndata: {"interval":%d}\n\n' % interval


def mark(known: Iterable[tuple[int, int]]) -> str:
    """Accounts, by their numbers, and the last change of each that was told. Never empty where there is an account."""
    return ".".join(f"{account:x}-{modseq:x}" for account, modseq in known)


def read_mark(text: str) -> dict[int, int]:
    """The inverse; empty for what is no mark."""
    if len(text) > MARK_MAX_CHARS or not _MARK(text):
        return {}
    pairs = (pair.partition("-") for pair in text.split("."))
    return {int(account, 16): int(modseq, 16) for account, _, modseq in pairs}
