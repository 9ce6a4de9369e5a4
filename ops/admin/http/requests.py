"""A request's path, query and body as one message of the schema.

The law: what a request says that its operation does not know is refused, so that no misspelled filter means all.
"""

from typing import Any, Final

import orjson
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from gateway.web.answers import JSON
from gateway.web.exchange import Exchange
from ops.admin.http.operations import Operation
from ops.admin.http.problems import Problem
from ops.admin.http.values import put, put_text, unknown

BODY_BYTES_MAX: Final = 1024 * 1024
LISTED: Final = 100  # where pages are turned and no limit is said


async def message_of(operation: Operation, exchange: Exchange) -> Message:
    """What the call is asked. Raises Problem, HttpError, ConnectionError."""
    message = _empty(operation)
    for name, path in operation.in_path().items():
        if path:
            put_text(message, path, exchange.parameters[name], name)
    _put_query(operation, exchange, message)
    if operation.body:
        await _put_body(operation, exchange, message)
    return message


def message_at(operation: Operation, parameters: dict[str, str]) -> Message:
    """What a call is asked of a path alone."""
    message = _empty(operation)
    for name, path in operation.in_path().items():
        if path:
            put_text(message, path, parameters[name], name)
    return message


def _empty(operation: Operation) -> Message:
    message = GetMessageClass(operation.descriptor.input_type)()
    for path, value in operation.fixed.items():
        *parents, name = path.split(".")
        inner: Any = message
        for parent in parents:
            inner = getattr(inner, parent)
        setattr(inner, name, value)
    return message


def _put_query(operation: Operation, exchange: Exchange, message: Any) -> None:
    known = operation.in_query()
    for name, values in exchange.query.items():
        if name not in known:
            raise unknown(name, known)
        if len(values) > 1:
            raise Problem(422, f"{name} is there {len(values)} times: once is enough.", at=name)
        put_text(message, known[name], values[0], name)
    _demand(operation, known, exchange.query, "")
    if operation.cursor and not message.limit:
        message.limit = LISTED


async def _put_body(operation: Operation, exchange: Exchange, message: Message) -> None:
    body = await exchange.body(BODY_BYTES_MAX)
    if body and exchange.content_type != JSON:
        raise Problem(415, f"The body has to be JSON, and its Content-Type {JSON}.")
    try:
        given = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError as error:
        raise Problem(400, f"The body is no JSON: {error}.") from None
    if not isinstance(given, dict):
        raise Problem(422, "The body has to be an object.", at="/")
    known = operation.in_body()
    for name, value in given.items():
        if name not in known:
            raise unknown(f"/{name}", known)
        put(message, known[name], value, f"/{name}")
    _demand(operation, known, given, "/")


def _demand(operation: Operation, known: dict[str, str], given: Any, mark: str) -> None:
    for name in operation.required:
        if name in known and name not in given:
            raise Problem(422, f"{mark}{name} is missing.", at=f"{mark}{name}")
