"""What stands around every call of the admin service: who calls, the record of changes, troubles as statuses.

The law: nobody unknown is served; a change is on record before it is made; no exception's text but a Trouble's reaches
a client, and each call that fails by our fault is logged.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, NoReturn

import grpc
import structlog
from google.protobuf.message import Message

from cluster.errors import Fault, Trouble
from ops.admin.access import OPEN_CALLS, Access, Denied
from ops.admin.audit import Audit, is_change
from ops.admin.errors import DEFECT, FAULT, RETRY, code_of, text_of, trailers_of
from ops.admin.recording import Recorder

_DEFECT_TRAILERS: Final = ((FAULT, Fault.US.value), (RETRY, "0"))

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]


class Edge(grpc.aio.ServerInterceptor):  # type: ignore[type-arg] # generic in its stubs only
    """Wraps every handler."""

    def __init__(self, access: Access, audit: Audit) -> None:
        self._access = access
        self._recorder = Recorder(audit)

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
        try:
            who = "" if name in OPEN_CALLS else self._access.who(context)
            about = request if isinstance(request, Message) or not is_change(name) else await request.first()
            async with self._recorder.recorded(who, name, about):
                yield
        except grpc.aio.AbortError:  # gRPC's own has answered
            raise
        except Exception as error:  # noqa: BLE001 - of what is none of ours nothing is told but that it is
            await _refuse(name, error, context)


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


async def _refuse(name: str, error: Exception, context: Any) -> NoReturn:
    if isinstance(error, Denied):
        structlog.get_logger().warning("admin_denied", call=name, peer=context.peer())
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, error.says, trailers_of(error))
    if isinstance(error, Trouble):
        if error.fault is Fault.US:
            structlog.get_logger().error("admin_call_failed", call=name, error=error.log)
        await context.abort(code_of(error), text_of(error), trailers_of(error))
    structlog.get_logger().exception("admin_call_failed", call=name)
    await context.abort(grpc.StatusCode.INTERNAL, DEFECT, _DEFECT_TRAILERS)
    raise AssertionError("abort raises")
