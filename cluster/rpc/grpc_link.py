"""The data plane's links over gRPC, with TLS on both sides.

The law: as link.py has it. Whoever shows no certificate of the cluster's authority for a node is refused, in both
directions. gRPC is imported by whoever imports this module: it costs 40 ms and 15 MB.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import grpc
import structlog

from cluster.authority import NODE
from cluster.errors import Misconfigured, Refused
from cluster.rpc.link import FRAME_BYTES_MAX, Accept, LinkDown
from cluster.rpc.settings import RpcSettings

CALLS: Final = "/rookery.data.v1.Data/Calls"  # of proto/wire/data.proto
TAKEN: Final = ("rookery-data", "taken")  # in the initial metadata of a stream that is served
CONNECT_S: Final = 2.0  # a live node of the cluster answers in milliseconds
# A peer that is silently gone is noticed after these two.
PING_MS: Final = 2000
PING_ANSWER_MS: Final = 2000
STREAMS_MAX: Final = 1024  # of one connection: a caller opens one
STOP_S: Final = 1.0  # what open streams have left when a listener ends; calls were drained before

COMMON: Final[tuple[tuple[str, Any], ...]] = (
    ("grpc.max_receive_message_length", FRAME_BYTES_MAX),
    ("grpc.max_send_message_length", FRAME_BYTES_MAX),
    ("grpc.keepalive_time_ms", PING_MS),
    ("grpc.keepalive_timeout_ms", PING_ANSWER_MS),
    ("grpc.http2.ping_timeout_ms", PING_ANSWER_MS),  # of gRPC's own pings, which stand in for those: 60 s otherwise
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", PING_MS // 2),
)
SERVER: Final = (
    *COMMON,
    ("grpc.so_reuseport", 0),
    ("grpc.max_concurrent_streams", STREAMS_MAX),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", PING_MS // 4),
    ("grpc.http2.max_ping_strikes", 0),
)
CLIENT: Final = (
    *COMMON,
    ("grpc.use_local_subchannel_pool", 1),  # a connection of its own: its end is the link's
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
)
_DOWN: Final = (grpc.RpcError, grpc.aio.BaseError, asyncio.InvalidStateError)
# What gRPC says of a handshake that one side did not like; the texts are BoringSSL's and gRPC's. A server that does not
# like ours only closes.
_UNTRUSTED: Final = ("ertificate", "CERTIFICATE", "andshake", "Verification", "SSL_ERROR", "Socket closed")

_log = structlog.get_logger()


class GrpcLink:
    """A stream of either side (link.Link)."""

    def __init__(
        self, read: Callable[[], Awaitable[Any]], write: Callable[[bytes], Awaitable[None]], end: Callable[[], object]
    ) -> None:
        self._read = read
        self._write = write
        self._end = end
        self._is_closed = False

    async def send(self, frame: bytes) -> None:
        """Waits while HTTP/2's window is full. Raises LinkDown."""
        if self._is_closed:
            raise LinkDown("the link is closed")
        try:
            await self._write(frame)
        except _DOWN as error:
            raise LinkDown(_reason(error)) from error
        except asyncio.CancelledError:
            raise self._cancelled() from None

    async def receive(self) -> bytes:
        """The next frame. Raises LinkDown."""
        if self._is_closed:
            raise LinkDown("the link is closed")
        try:
            frame = await self._read()
        except _DOWN as error:
            raise LinkDown(_reason(error)) from error
        except asyncio.CancelledError:
            raise self._cancelled() from None
        if not isinstance(frame, bytes):
            raise LinkDown("the other side has ended the stream")
        return frame

    def close(self) -> None:
        """End the stream."""
        if not self._is_closed:
            self._is_closed = True
            self._end()

    def _cancelled(self) -> BaseException:
        """gRPC raises CancelledError in whoever reads a stream that is cancelled; that is not our task's."""
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            return asyncio.CancelledError()
        return LinkDown("the stream was cancelled")


class GrpcListener:
    """Serves links on a port, from `start` to `stop`."""

    def __init__(self, settings: RpcSettings, accept: Accept) -> None:
        self._settings = settings
        self._accept = accept
        self._server: grpc.aio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; the port, which is a free one where 0 was asked for. Raises Misconfigured."""
        handler = grpc.stream_stream_rpc_method_handler(self._serve)
        server = grpc.aio.server(options=SERVER)
        service, method = CALLS[1:].split("/")
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            if self._settings.insecure:
                bound = server.add_insecure_port(address)
            else:
                bound = server.add_secure_port(address, _server_credentials(self._settings))
        except RuntimeError as error:
            raise Misconfigured(f"The data plane cannot listen on {address}: {error}.") from error
        await server.start()
        self._server = server
        return bound

    async def stop(self) -> None:
        """End all links and listen no more."""
        if self._server is not None:
            await self._server.stop(STOP_S)
            self._server = None

    async def _serve(self, _: Any, context: "grpc.aio.ServicerContext[bytes, bytes]") -> None:
        names = context.auth_context().get("x509_subject_alternative_name", ())
        if not self._settings.insecure and NODE.encode() not in names:
            _log.warning("peer_refused", peer=context.peer(), names=[name.decode(errors="replace") for name in names])
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, f"only a certificate for {NODE} may use this port")
        await context.send_initial_metadata((TAKEN,))
        closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        link = GrpcLink(context.read, context.write, lambda: closed.set_result(None))
        await _until_closed(link, closed, self._accept)


async def _until_closed(link: GrpcLink, closed: "asyncio.Future[None]", accept: Accept) -> None:
    """Serve the link. The stream ends when this returns, so closing the link has to end whoever reads."""
    serving = asyncio.ensure_future(accept(link))
    try:
        await asyncio.wait((serving, closed), return_when=asyncio.FIRST_COMPLETED)
    finally:
        link.close()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


class GrpcDialer:
    """Opens links (link.Dialer): a connection each."""

    def __init__(self, settings: RpcSettings) -> None:
        """Raises Misconfigured when certificates cannot be read."""
        self._credentials = None if settings.insecure else _client_credentials(settings)

    async def dial(self, address: str) -> GrpcLink:
        """Raises LinkDown when nobody answers within CONNECT_S, Refused where certificates do not serve."""
        if self._credentials is None:
            channel = grpc.aio.insecure_channel(address, options=CLIENT)
        else:
            options = (*CLIENT, ("grpc.ssl_target_name_override", NODE))
            channel = grpc.aio.secure_channel(address, self._credentials, options=options)
        call = channel.stream_stream(CALLS, None, None)(None)
        closing: set[asyncio.Task[None]] = set()

        def end() -> None:
            call.cancel()
            task = asyncio.get_running_loop().create_task(channel.close(None))
            closing.add(task)
            task.add_done_callback(closing.discard)

        try:
            await _opened(call, address)
        except BaseException:
            call.cancel()
            await channel.close(None)
            raise
        return GrpcLink(call.read, call.write, end)


async def _opened(call: "grpc.aio.StreamStreamCall[bytes, bytes]", address: str) -> None:
    """Return when the other side has taken the stream."""
    try:
        async with asyncio.timeout(CONNECT_S):
            if TAKEN in [tuple(pair) for pair in await call.initial_metadata() or ()]:
                return
            code, details = await call.code(), await call.details() or ""
    except TimeoutError:
        raise LinkDown(f"{address} did not answer within {CONNECT_S:.0f} s") from None
    except grpc.RpcError as error:
        code, details = error.code(), error.details() or ""
    if code == grpc.StatusCode.PERMISSION_DENIED:
        raise Refused("The server does not trust this one.", log=f"{address} refuses our certificate: {details}")
    if any(word in details for word in _UNTRUSTED):
        raise Refused(
            "The server cannot be trusted.", log=f"{address}: no common trust, or only one side has TLS: {details}"
        )
    raise LinkDown(f"{address}: {code.name}: {details}")


def _reason(error: Exception) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details()}"
    return str(error) or type(error).__name__


def _read(settings: RpcSettings) -> tuple[bytes, bytes, bytes]:
    paths = {"certificate": settings.certificate, "key": settings.key, "authority": settings.authority}
    found = {}
    for name, path in paths.items():
        if not path:
            raise Misconfigured(
                f"cluster.rpc.{name} is not set: `rookery certificate` makes one (or cluster.rpc.insecure = true)."
            )
        try:
            found[name] = Path(path).read_bytes()
        except OSError as error:
            raise Misconfigured(f"cluster.rpc.{name}: {path} cannot be read: {error.strerror}.") from error
    return found["certificate"], found["key"], found["authority"]


def _server_credentials(settings: RpcSettings) -> grpc.ServerCredentials:
    certificate, key, authority = _read(settings)
    return grpc.ssl_server_credentials([(key, certificate)], root_certificates=authority, require_client_auth=True)


def _client_credentials(settings: RpcSettings) -> grpc.ChannelCredentials:
    certificate, key, authority = _read(settings)
    return grpc.ssl_channel_credentials(authority, key, certificate)
