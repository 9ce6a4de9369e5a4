"""The objects of JMAP over WebSocket (RFC 8887 4.3).

The law: each text message is one of three objects, or is answered by a RequestError that carries its id where it had
one; what is sent says which request it answers.
"""

from collections.abc import Container
from typing import Any, Final, Literal

import msgspec
import orjson

from mail.jmap.errors import RequestError
from mail.jmap.limits import Limits
from mail.jmap.push import Changed, state_change
from mail.jmap.request import Request, read, read_json

SUBPROTOCOL: Final = "jmap"
_ID_MAX_CHARS: Final = 1_000


class SocketRequest(msgspec.Struct, frozen=True):
    """A Request with the id that its answer must have; None: it had none."""

    id: str | None
    request: Request


class PushEnable(msgspec.Struct, frozen=True):
    """The client wants StateChanges of these types (None: of all), and those since it saw `push_state`."""

    types: frozenset[str] | None
    push_state: str | None


class PushDisable(msgspec.Struct, frozen=True):
    """The client wants no more StateChanges."""


class _Enable(msgspec.Struct):
    """RFC 8887 4.3.5.2. Members that are not known are ignored, as in a Request."""

    type: Literal["WebSocketPushEnable"] = msgspec.field(name="@type")
    types: list[str] | None = msgspec.field(name="dataTypes", default=None)
    push_state: str | None = msgspec.field(name="pushState", default=None)


Message = SocketRequest | PushEnable | PushDisable


def read_message(text: bytes, limits: Limits, capabilities: Container[str]) -> Message:
    """A text message; RequestError with its `request_id`."""
    value = read_json(text, limits)
    if not isinstance(value, dict):
        raise RequestError("notRequest", "A message is an object.")
    given = value.get("id")
    if given is not None and (not isinstance(given, str) or len(given) > _ID_MAX_CHARS):
        raise RequestError("notRequest", "The id of a request is a string, and not long.")
    try:
        return _message(value, given, limits, capabilities)
    except RequestError as problem:
        problem.request_id = given
        raise


def _message(value: dict[str, Any], given: str | None, limits: Limits, capabilities: Container[str]) -> Message:
    match value.get("@type"):
        case "Request":
            return SocketRequest(given, read(value, limits, capabilities))
        case "WebSocketPushEnable":
            return _enable(value, limits)
        case "WebSocketPushDisable":
            return PushDisable()
    raise RequestError("notRequest", "A message is a Request, WebSocketPushEnable or WebSocketPushDisable.")


def _enable(value: dict[str, Any], limits: Limits) -> PushEnable:
    try:
        enable = msgspec.convert(value, _Enable)
    except msgspec.ValidationError as problem:
        raise RequestError("notRequest", f"Not a WebSocketPushEnable: {problem}") from None
    if enable.types is not None and len(enable.types) > limits.push_types_max:
        raise RequestError("notRequest", "There are too many dataTypes.")
    return PushEnable(None if enable.types is None else frozenset(enable.types), enable.push_state)


def response_members(request_id: str | None) -> dict[str, str]:
    """What a Response has here and not over HTTP (RFC 8887 4.3.3)."""
    return {"@type": "Response", **_answering(request_id)}


def encode_error(problem: RequestError) -> bytes:
    """A RequestError (RFC 8887 4.3.4)."""
    return orjson.dumps({"@type": "RequestError", **_answering(problem.request_id), **problem.problem()})


def encode_change(changed: Changed, push_state: str) -> bytes:
    """A StateChange (RFC 8887 4.3.5.1)."""
    return orjson.dumps(state_change(changed, push_state))


def _answering(request_id: str | None) -> dict[str, str]:
    return {} if request_id is None else {"requestId": request_id}
