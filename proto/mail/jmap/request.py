"""The Request and Response objects (RFC 8620 3.3, 3.4).

The law: a body is taken only if it is I-JSON (RFC 7493) of bounded size, depth and number of values and of the type
signature of a Request; deciding that costs time and memory in proportion to the bound, whatever the body.
Values stay what they are in JSON, as dict, list, str, int, float, bool and None.
"""

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec
import orjson

from mail.jmap.errors import RequestError
from mail.jmap.ids import all_ids
from mail.jmap.limits import Limits

_STRING: Final = re.compile(rb'"[^"]*+"?')
"""A string without escaped quotes, or what begins as one and never ends: so each octet is looked at once."""
NO_MEMBERS: Final[Mapping[str, str]] = MappingProxyType({})
_MEMBER: Final = re.compile(rb'"[ \t\r\n]*:')
_NONCHARACTER: Final = re.compile(
    rb"\xef\xb7[\x90-\xaf]|\xef\xbf[\xbe\xbf]|[\xf0-\xf4][\x8f\x9f\xaf\xbf]\xbf[\xbe\xbf]"
)


class Call(NamedTuple):
    """An Invocation (RFC 8620 3.2)."""

    name: str
    arguments: dict[str, Any]
    id: str


class Request(NamedTuple):
    """A request that is to be processed. `created_ids` is None where the client gave none and wants none."""

    using: frozenset[str]
    calls: list[Call]
    created_ids: dict[str, str] | None


class _Envelope(msgspec.Struct):
    """Members that are not known are ignored (RFC 8620 3.3)."""

    using: list[str]
    methodCalls: list[tuple[str, dict[str, Any], str]]  # noqa: N815 - the name on the wire
    createdIds: dict[str, str] | msgspec.UnsetType = msgspec.UNSET  # noqa: N815


def read_json(body: bytes, limits: Limits) -> Any:
    """The value of a body in I-JSON, or RequestError."""
    if len(body) > limits.size_request_max_bytes:
        raise RequestError("limit", "The request is larger than allowed.", limit="maxSizeRequest")
    if len(body) > limits.values_max and _too_many(body, limits.values_max):
        raise RequestError("limit", "The request has more values than allowed.", limit="maxSizeRequest")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        raise RequestError("notJSON", f"Not JSON at character {problem.pos}.") from None
    try:
        again = orjson.dumps(value)
    except TypeError:  # what could not be written in a response either: 254 levels
        raise RequestError("notJSON", "Arrays and objects are nested too deeply.") from None
    if again != body and _repeats(body, again):  # JSON as JavaScript writes it is the same
        raise RequestError("notJSON", "An object has two members of the same name.")
    if not again.isascii() and _NONCHARACTER.search(again):
        raise RequestError("notJSON", "A string has a code point that is no character.")
    return value


def _too_many(body: bytes, most: int) -> bool:
    """Whether a body may have more values than this. The text in its strings counts only while that is no more."""
    return _marks(body) > most and _marks(_without_strings(body)) > most


def _without_strings(body: bytes) -> bytes:
    """What is between the strings. A run of backslashes begins an escape, so pairs are taken away from its left."""
    return _STRING.sub(b"", body.replace(b"\\\\", b"").replace(b'\\"', b""))


def _marks(body: bytes) -> int:
    return sum(map(body.count, (b",", b"[", b"{")))


def _repeats(body: bytes, again: bytes) -> bool:
    """Whether an object in a body has two members of the same name: what was written again has fewer then.

    A colon behind a quotation mark is a member, or in a string. Without a backslash such strings are the same in both;
    else the strings are taken away.
    """
    if b"\\" in body:
        return _without_strings(body).count(b":") != _without_strings(again).count(b":")
    return len(_MEMBER.findall(body)) != len(_MEMBER.findall(again))


def decode(body: bytes, limits: Limits, capabilities: Container[str]) -> Request:
    """A request from the body of a POST or a WebSocket message, or RequestError."""
    return read(read_json(body, limits), limits, capabilities)


def read(value: Any, limits: Limits, capabilities: Container[str]) -> Request:
    """A request from its JSON value, or RequestError."""
    try:
        envelope = msgspec.convert(value, _Envelope)
    except msgspec.ValidationError as problem:
        raise RequestError("notRequest", f"Not a Request object: {problem}") from None
    if len(envelope.methodCalls) > limits.calls_max:
        raise RequestError("limit", "The request has more method calls than allowed.", limit="maxCallsInRequest")
    if len(envelope.using) > limits.capabilities_max:
        raise RequestError("unknownCapability", "The request uses more capabilities than there are.")
    for capability in envelope.using:
        if capability not in capabilities:
            raise RequestError("unknownCapability", f"There is no capability {capability[:200]!r} here.")
    created = None if envelope.createdIds is msgspec.UNSET else envelope.createdIds
    if created and not (all_ids(created) and all_ids(created.values())):
        raise RequestError("notRequest", "Not a Request object: createdIds has what is no Id.")
    if created is not None and len(created) > limits.created_ids_max:
        raise RequestError("limit", "The request has more createdIds than allowed.", limit="maxSizeRequest")
    return Request(frozenset(envelope.using), [Call(*call) for call in envelope.methodCalls], created)


def response(
    responses: Sequence[tuple[str, Any, str]], session_state: str, created_ids: dict[str, str] | None
) -> dict[str, Any]:
    """A Response object."""
    return {"methodResponses": responses, **_rest(session_state, created_ids)}


def encode(
    responses: Iterable[tuple[str, Any, str]],
    session_state: str,
    created_ids: dict[str, str] | None = None,
    members: Mapping[str, str] = NO_MEMBERS,
) -> bytes:
    """A Response object; `created_ids` only where the request had them. Arguments may hold orjson.Fragment.

    Responses are plain tuples: orjson writes no others, so no Call. Pieces make the same: `encode_begin`, then
    `orjson.dumps` of each response with a comma between two, then `encode_end`.
    """
    pieces = b",".join(map(orjson.dumps, responses))
    return encode_begin(members) + pieces + encode_end(session_state, created_ids)


def encode_begin(members: Mapping[str, str] = NO_MEMBERS) -> bytes:
    """What comes before the responses. `members`: others of the object."""
    if not members:
        return b'{"methodResponses":['
    return orjson.dumps(members)[:-1] + b',"methodResponses":['


def encode_end(session_state: str, created_ids: dict[str, str] | None) -> bytes:
    """What comes behind them."""
    return b"]," + orjson.dumps(_rest(session_state, created_ids))[1:]


def _rest(session_state: str, created_ids: dict[str, str] | None) -> dict[str, Any]:
    rest: dict[str, Any] = {"sessionState": session_state}
    if created_ids is not None:
        rest["createdIds"] = created_ids
    return rest
