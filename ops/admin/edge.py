"""What stands around every call of the admin service: troubles become statuses, and a defect costs one call.

The law: no exception's text but a Trouble's reaches a client, and each call that fails by our fault is logged.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, NoReturn

import grpc
import structlog

from cluster.errors import Fault, Trouble
from ops.admin.errors import FAULT, RETRY, code_of, text_of, trailers_of

_DEFECT: Final = "The server failed at this; its log says more."
_DEFECT_TRAILERS: Final = ((FAULT, Fault.US.value), (RETRY, "0"))

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]


class Edge(grpc.aio.ServerInterceptor):  # type: ignore[type-arg] # generic in its stubs only
    """Wraps every handler."""

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
            return make(_streaming(name, inner), *codec)
        return grpc.unary_unary_rpc_method_handler(_single(name, handler.unary_unary), *codec)


_unary_stream: Final = grpc.unary_stream_rpc_method_handler


def _single(name: str, inner: Any) -> Any:
    async def call(request: Any, context: Any) -> Any:
        try:
            return await inner(request, context)
        except Exception as error:  # noqa: BLE001 - the edge: whatever it was, the client hears something
            await _refuse(name, error, context)

    return call


def _streaming(name: str, inner: Any) -> Any:
    async def call(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            async for answer in inner(request, context):
                yield answer
        except Exception as error:  # noqa: BLE001 - as above
            await _refuse(name, error, context)

    return call


async def _refuse(name: str, error: Exception, context: Any) -> NoReturn:
    if isinstance(error, Trouble):
        if error.fault is Fault.US:
            structlog.get_logger().error("admin_call_failed", call=name, error=error.log)
        await context.abort(code_of(error), text_of(error), trailers_of(error))
    structlog.get_logger().exception("admin_call_failed", call=name)
    await context.abort(grpc.StatusCode.INTERNAL, _DEFECT, _DEFECT_TRAILERS)
    raise AssertionError("abort raises")
