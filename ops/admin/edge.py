"""What stands around every call of the admin service: who calls, the record of changes, troubles as statuses.

The law: nobody unknown is served; a change is on record before it is made; no exception's text but a Trouble's reaches
a client, and each call that fails by our fault is logged.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, NoReturn

import grpc
import structlog
from google.protobuf.message import Message

from cluster.errors import Fault, Trouble
from ops.admin.access import OPEN_CALLS, Access, Denied
from ops.admin.audit import DONE, Audit, Change, is_change
from ops.admin.errors import FAULT, RETRY, code_of, text_of, trailers_of

_DEFECT: Final = "The server failed at this; its log says more."
_DEFECT_TRAILERS: Final = ((FAULT, Fault.US.value), (RETRY, "0"))

Begun = tuple[bytes, Change]

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]


class Edge(grpc.aio.ServerInterceptor):  # type: ignore[type-arg] # generic in its stubs only
    """Wraps every handler."""

    def __init__(self, access: Access, audit: Audit) -> None:
        self._access = access
        self._audit = audit
        self._ending: set[asyncio.Task[None]] = set()  # at most one a call

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable["Handler"]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "Handler":
        """The handler with its errors translated; None for a call that does not exist, which gRPC answers."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return handler
        codec = (handler.request_deserializer, handler.response_serializer)
        name = handler_call_details.method
        if handler.response_streaming:
            make = grpc.stream_stream_rpc_method_handler if handler.request_streaming else _unary_stream
            inner = handler.stream_stream if handler.request_streaming else handler.unary_stream
            return make(self._streaming(name, inner), *codec)
        return grpc.unary_unary_rpc_method_handler(self._single(name, handler.unary_unary), *codec)

    def _single(self, name: str, inner: Any) -> Any:
        async def call(request: Any, context: Any) -> Any:
            async with self._around(name, request, context):
                return await inner(request, context)

        return call

    def _streaming(self, name: str, inner: Any) -> Any:
        async def call(request: Any, context: Any) -> AsyncIterator[Any]:
            if not isinstance(request, Message):
                request = _Requests(request)
            async with self._around(name, request, context):
                async for answer in inner(request, context):
                    yield answer

        return call

    @asynccontextmanager
    async def _around(self, name: str, request: Any, context: Any) -> AsyncIterator[None]:
        begun: Begun | None = None
        try:
            who = "" if name in OPEN_CALLS else self._access.who(context)
            if is_change(name):
                about = request if isinstance(request, Message) else await request.first()
                begun = await self._audit.begin(who, name, about)
            yield
        except (Exception, asyncio.CancelledError) as error:
            if begun is not None:
                await self._end(begun, name, _outcome(error))
            if isinstance(error, asyncio.CancelledError | grpc.aio.AbortError):  # the latter: gRPC's own has answered
                raise
            await _refuse(name, error, context)
        else:
            if begun is not None:
                await self._end(begun, name, DONE)

    async def _end(self, begun: Begun, name: str, outcome: str) -> None:
        """Put the end on record, also when gRPC cancels the call meanwhile: its client may leave at any moment."""
        ending = asyncio.create_task(self._ended(begun, name, outcome))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        await asyncio.shield(ending)

    async def _ended(self, begun: Begun, name: str, outcome: str) -> None:
        """The change is made or not, whatever becomes of its record's last word."""
        structlog.get_logger().info("admin_change", call=name, who=begun[1].who, outcome=outcome)
        try:
            await self._audit.end(begun, outcome)
        except Trouble as trouble:
            structlog.get_logger().error("admin_record_failed", call=name, outcome=outcome, error=trouble.log)


class _Requests:
    """A stream of requests, whose first can be looked at before they are taken: it says what all are about."""

    def __init__(self, requests: Any) -> None:
        self._requests = requests
        self._rest: AsyncIterator[Message] | None = None
        self._first: list[Message] = []

    async def first(self) -> Message | None:
        """The first; None when there is none."""
        found = await anext(self, None)
        self._first = [] if found is None else [found]
        return found

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        if self._first:
            return self._first.pop()
        if self._rest is None:
            self._rest = aiter(self._requests)
        return await anext(self._rest)


_unary_stream: Final = grpc.unary_stream_rpc_method_handler


def _outcome(error: BaseException) -> str:
    if isinstance(error, Trouble):
        return code_of(error).name.lower()
    return "cancelled" if isinstance(error, asyncio.CancelledError) else "internal"


async def _refuse(name: str, error: Exception, context: Any) -> NoReturn:
    if isinstance(error, Denied):
        structlog.get_logger().warning("admin_denied", call=name, peer=context.peer())
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, error.says, trailers_of(error))
    if isinstance(error, Trouble):
        if error.fault is Fault.US:
            structlog.get_logger().error("admin_call_failed", call=name, error=error.log)
        await context.abort(code_of(error), text_of(error), trailers_of(error))
    structlog.get_logger().exception("admin_call_failed", call=name)
    await context.abort(grpc.StatusCode.INTERNAL, _DEFECT, _DEFECT_TRAILERS)
    raise AssertionError("abort raises")
