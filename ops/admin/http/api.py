"""The HTTP API: each operation as a handler over the very calls that gRPC's clients make.

The law: who asks is known before anything is read of what he asks; a change is recorded as one over gRPC is; every
answer that is no success is a problem that says cause and cure.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import orjson
import structlog
from google.protobuf.message import Message

from cluster.errors import Fault, Trouble, Unavailable
from gateway.web.answers import JSON, Answer, Headers, HttpError
from gateway.web.conditions import unchanged
from gateway.web.exchange import Exchange
from gateway.web.parts import Handler
from gateway.web.router import Router
from ops.admin.http import problems
from ops.admin.http.description import Description
from ops.admin.http.entrance import Entrance
from ops.admin.http.operations import PREFIX, Operation
from ops.admin.http.problems import Problem
from ops.admin.http.repeats import Kept, Repeats
from ops.admin.http.requests import message_at, message_of
from ops.admin.http.table import OPERATIONS
from ops.admin.plain import plain
from ops.admin.recording import Recorder

CALLS_MAX: Final = 16  # at once; others wait
READ_S: Final = 60.0  # for a call that only reads: some ask many shards
IF_MATCH: Final = "If-Match"
KEPT: Final = "idempotency-key"


class Api:
    """What is served below /api/v1."""

    def __init__(
        self, servicers: Mapping[str, Any], recorder: Recorder, entrance: Entrance, repeats: Repeats, version: str
    ) -> None:
        """`servicers`: what carries out the calls, by service; operations of others are not there."""
        self._servicers = servicers
        self._recorder = recorder
        self._entrance = entrance
        self._repeats = repeats
        self._calls = asyncio.Semaphore(CALLS_MAX)
        self._description = Description(servicers, version)
        self._operations = [one for one in OPERATIONS if one.service in servicers]
        self._reading = {one.path: one for one in self._operations if one.reads and not one.lists}

    def add_to(self, router: Router) -> None:
        """Say which paths are ours."""
        for path, told in (("", self._description.page), ("/openapi.json", self._description.document)):
            router.add(PREFIX + path, self._answering(partial(self._describe, told)))
        for operation in self._operations:
            handler = self._answering(partial(self._operate, operation))
            router.add(PREFIX + operation.path, handler, methods=(operation.method,))

    def _answering(self, handler: Handler) -> Handler:
        """It, with whatever it raises as a problem."""

        async def answer(exchange: Exchange) -> Answer | None:
            try:
                return await handler(exchange)
            except Problem as problem:
                return problem.answer
            except HttpError as error:
                return problems.of_http(error).answer
            except Trouble as trouble:
                if trouble.fault is Fault.US:
                    structlog.get_logger().error("api_call_failed", conn=exchange.id, error=trouble.log)
                return problems.of_trouble(trouble).answer
            except ConnectionError:
                raise
            except Exception:  # noqa: BLE001 - of a defect nothing is told but that it is one
                structlog.get_logger().exception("api_call_failed", conn=exchange.id)
                return problems.of_defect().answer

        return answer

    async def _describe(self, told: Answer, exchange: Exchange) -> Answer:
        """What there is; it says nothing of this server, so nobody has to log in for it."""
        self._entrance.near(exchange)
        return _tagged(exchange, told)

    async def _operate(self, operation: Operation, exchange: Exchange) -> Answer:
        who = await self._entrance.who(exchange)
        if not operation.reads:
            self._entrance.may_write(exchange)
        message = await message_of(operation, exchange)
        async with self._calls:
            if operation.reads:
                told = await self._read(operation, message, exchange.parameters)
                return _tagged(exchange, Answer(200, orjson.dumps(told), JSON))
            await self._compare(operation, exchange)
            key = exchange.header(KEPT) if operation.made else ""
            return await self._once(operation, who, key, message)

    async def _read(self, operation: Operation, message: Message, parameters: Mapping[str, str]) -> Any:
        """What a call that changes nothing answers. Raises Trouble, Problem."""
        try:
            async with asyncio.timeout(READ_S):
                return self._told(operation, message, parameters, await self._call(operation, message))
        except TimeoutError:
            raise Unavailable("This takes too long now: ask for less, or later.") from None

    async def _compare(self, operation: Operation, exchange: Exchange) -> None:
        """Whether what is to be changed is still what the client has seen (If-Match). Raises Problem, HttpError."""
        reading = self._reading.get(operation.path)
        if not exchange.header(IF_MATCH.lower()) or reading is None:
            return
        told = await self._read(reading, message_at(reading, exchange.parameters), exchange.parameters)
        try:
            unchanged(exchange, tag_of(orjson.dumps(told)))
        except HttpError:
            raise Problem(
                412, "It has changed since, or the tag is a weak one: read it again.", at="If-Match"
            ) from None

    async def _once(self, operation: Operation, who: str, key: str, message: Message) -> Answer:
        """A change; under a key that was there before, its answer again."""
        if not key:
            return await self._change(operation, who, message)
        if kept := await self._repeats.begin(who, key, operation.call, message):
            return _made(kept.status, kept.body.encode(), kept.location)
        answer = None
        try:
            answer = await self._change(operation, who, message)
        finally:
            kept = None
            if answer is not None and isinstance(answer.body, bytes):
                location = dict(answer.headers).get("Location", "")
                kept = Kept(0, "", answer.status, answer.body.decode(), location)
            await self._repeats.end(who, key, kept)
        return answer

    async def _change(self, operation: Operation, who: str, message: Message) -> Answer:
        async with self._recorder.recorded(who, operation.full_name, message):
            answered = await self._call(operation, message)
        if operation.status == 204:
            return Answer(204)
        told = self._told(operation, message, {}, answered)
        location = _location(operation, message, told) if operation.made else ""
        return _made(operation.status, orjson.dumps(told), location)

    async def _call(self, operation: Operation, message: Message) -> Sequence[Message]:
        """All that the call answers."""
        call = getattr(self._servicers[operation.service], operation.descriptor.name)
        context = None  # no call that is an operation looks at it
        if operation.streams:
            return [answer async for answer in call(message, context)]
        return [await call(message, context)]

    def _told(
        self, operation: Operation, message: Any, parameters: Mapping[str, str], answered: Sequence[Message]
    ) -> Any:
        """It in JSON. Raises Problem."""
        if operation.one:
            wanted = parameters[operation.one]
            answered = [one for one in answered if getattr(one, operation.one) == wanted]
            if not answered:
                raise Problem(404, f"There is no {operation.one} {wanted[:100]!r}.")
        if not operation.lists:
            return plain(answered[-1])
        told: dict[str, Any] = {"items": [plain(one) for one in answered]}
        if operation.cursor and len(answered) == message.limit:
            told["next"] = getattr(answered[-1], operation.cursor)
        return told


def tag_of(body: bytes) -> str:
    """The entity tag of a representation."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def _tagged(exchange: Exchange, answer: Answer) -> Answer:
    """It with its tag, or only word that the client has it already. Raises HttpError."""
    assert isinstance(answer.body, bytes)
    tag = tag_of(answer.body)
    known = unchanged(exchange, tag)
    return known if known is not None else answer._replace(headers=(*answer.headers, ("ETag", tag)))


def _made(status: int, body: bytes, location: str) -> Answer:
    headers: Headers = (("Location", location),) if location else ()
    return Answer(status, body, JSON, headers)


def _location(operation: Operation, message: Any, told: Mapping[str, Any]) -> str:
    """Where what was made is: named as it is told, else as it was asked for."""
    names = {name: str(told.get(name) or getattr(message, name, "")) for name in _places(operation.made)}
    return PREFIX + operation.made.format_map({name: quote(value, safe="@") for name, value in names.items()})


def _places(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]
