"""Result references (RFC 8620 3.7): arguments taken from the responses to earlier calls of the same request.

The law: an argument is taken from the first response with the call id, or the call fails; all references of a
request together look at no more values, and put in no more octets, than its budget: what is put in twice may be
answered twice, and what comes of that be put in again.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import orjson

from mail.jmap.errors import MethodError, invalid_arguments
from mail.jmap.limits import Limits
from mail.jmap.pointer import index, tokens

Response = tuple[str, dict[str, Any], str]
"""Name, arguments and call id. The arguments are plain JSON values where references may point."""


class ResultReference(msgspec.Struct, frozen=True):
    resultOf: str  # noqa: N815 - the name on the wire
    name: str
    path: str


class Budget:
    """How many values the references of one request may still look at, and how many octets of JSON they may put in."""

    def __init__(self, limits: Limits) -> None:
        self.left = limits.reference_steps_max
        self.octets_left = limits.size_request_max_bytes  # as if the client had written it itself
        self.pointer_max_chars = limits.pointer_max_chars

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise _failure("The references of this request look at too many values.")

    def put_in(self, value: Any) -> None:
        """A value becomes an argument."""
        if self.octets_left >= 0:  # else nothing more is written to be measured
            try:
                self.octets_left -= len(orjson.dumps([[[[value]]]]))  # as deep as it may be answered
            except TypeError:
                raise _failure("What the reference leads to is nested too deeply.") from None
        if self.octets_left < 0:
            raise _failure("The references of this request put in too much.")


def resolve(arguments: dict[str, Any], responses: Sequence[Response], budget: Budget) -> dict[str, Any]:
    """The arguments with every `#name` replaced by `name` and the value it refers to; MethodError."""
    if not (referring := [name for name in arguments if name.startswith("#")]):
        return arguments
    if both := [name[1:] for name in referring if name[1:] in arguments]:
        raise invalid_arguments("An argument is given both itself and as a reference.", *both)
    found = {name: value for name, value in arguments.items() if not name.startswith("#")}
    for name in referring:
        found[name[1:]] = value = _value(arguments[name], responses, budget)
        budget.put_in(value)
    return found


def _value(value: Any, responses: Sequence[Response], budget: Budget) -> Any:
    try:
        reference = msgspec.convert(value, ResultReference)
    except msgspec.ValidationError as problem:
        raise _failure(f"Not a ResultReference: {problem}") from None
    path = tokens(reference.path) if len(reference.path) <= budget.pointer_max_chars else None
    if path is None:
        raise _failure("The path is no JSON pointer.")
    for name, arguments, call in responses:
        if call == reference.resultOf:
            if name != reference.name:
                raise _failure("The response to that call has another name.")
            return _follow(arguments, path, 0, budget)
    raise _failure("There is no response to that call.")


def _follow(value: Any, path: tuple[str, ...], at: int, budget: Budget) -> Any:
    """RFC 6901 4, and `*` for each item of an array with what is an array put in flat."""
    for place in range(at, len(path)):
        name = path[place]
        if isinstance(value, dict):
            if name not in value:
                raise _failure("The path leads to nothing.")
            value = value[name]
        elif not isinstance(value, list):
            raise _failure("The path leads to nothing.")
        elif name == "*":
            return _each(value, path, place + 1, budget)
        elif (number := index(name, len(value))) is None:
            raise _failure("The path leads to nothing.")
        else:
            value = value[number]
    return value


def _each(items: list[Any], path: tuple[str, ...], at: int, budget: Budget) -> list[Any]:
    budget.spend(len(items) * (len(path) - at + 1))
    gathered: list[Any] = []
    for item in items:
        found = _follow(item, path, at, budget)
        if isinstance(found, list):
            budget.spend(len(found))
            gathered += found
        else:
            gathered.append(found)
    return gathered


def _failure(reason: str) -> MethodError:
    return MethodError("invalidResultReference", reason)
