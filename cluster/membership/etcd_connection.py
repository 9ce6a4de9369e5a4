"""Calls to etcd's members: which one is asked, for how long, what its errors mean.

One member is asked for everything until it fails, then the next. While streams are open it is asked something each
PROBE_S, so one that hangs or has lost its quorum is left within about two seconds, and its streams with it.

The law: what is not safe to do twice is sent once, and only to a member whose connection stands; only reads and what
is harmless twice are tried again, until the deadline. The password and its token are never logged.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import grpc
from grpc import aio

from cluster.clock import Clock
from cluster.errors import Misconfigured, Refused, Trouble, Unavailable
from cluster.membership.settings import EtcdSettings
from wire import etcd_pb2 as pb
from wire import etcd_pb2_grpc as stubs

if TYPE_CHECKING:
    from wire.etcd_pb2_grpc import AuthAsyncStub, KVAsyncStub, LeaseAsyncStub, WatchAsyncStub

T = TypeVar("T")
C = TypeVar("C", bound=aio.Call)
Metadata = tuple[tuple[str, str], ...]

ATTEMPT_S: Final = 1.0  # for one member: a local etcd answers in milliseconds, a slow disk takes some hundreds
PROBE_S: Final = 0.5
PAUSE_S: Final = 0.05  # between attempts
ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024  # etcd cuts answers of watches at 2 MiB; pages are cut by us
OPTIONS: Final = (
    ("grpc.max_receive_message_length", ANSWER_BYTES_MAX),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),  # also how long connecting may take
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
)
_REFUSED: Final = {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED}
_STALE_LOGIN: Final = ("invalid auth token", "revision of auth store is old")
_LOGIN_WRONG: Final = ("authentication failed", "authentication is not enabled", "user name is empty")
_AWAY: Final = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.INTERNAL,
}
LOGINS_MAX: Final = 2  # again, within one call
AWAY: Final = "The registry does not answer; try again later."
LEASE_GONE: Final = "requested lease not found"


class Member(NamedTuple):
    """One of etcd's members and what it can be asked."""

    address: str
    channel: aio.Channel
    kv: "KVAsyncStub"
    lease: "LeaseAsyncStub"
    watch: "WatchAsyncStub"
    auth: "AuthAsyncStub"


Ask = Callable[[Member, Metadata, float], Awaitable[T]]


class _NotConnected(Exception):
    """Nothing was sent."""


def trouble(error: Exception, address: str) -> Trouble:
    """What an error of gRPC or etcd means."""
    if not isinstance(error, aio.AioRpcError):
        return Unavailable(AWAY, log=f"etcd {address}: {error}")
    details = error.details() or ""
    log = f"etcd {address}: {error.code().name} {details}"
    if error.code() in _REFUSED or any(words in details for words in _LOGIN_WRONG):
        return Refused("The registry refuses this user.", log=log)
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        why = details.rpartition(": ")[2]  # the last is what the system said, after gRPC's own words
        log = f"etcd at {address} does not answer ({why}): is it running, and does [cluster.etcd] endpoints name it?"
    return Unavailable(AWAY, log=log)


def away(error: Exception) -> bool:
    """Whether another member may do better."""
    return not isinstance(error, aio.AioRpcError) or error.code() in _AWAY


def _cancels() -> int:
    """How often somebody wanted this task to end.

    To be compared, since gRPC swallows a cancellation that comes while a call begins or fails: what it raises then is
    only that the member is away.
    """
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0


def _read(path: str) -> bytes | None:
    """A file of the settings, None for none. Raises Misconfigured."""
    try:
        return Path(path).read_bytes() if path else None
    except OSError as error:
        raise Misconfigured(
            f"{path} cannot be read: {error.strerror}. Give a PEM file that this user may read."
        ) from error


def _member(endpoint: str, settings: EtcdSettings) -> Member:
    scheme, _, address = endpoint.partition("://")
    if scheme == "https":
        credentials = grpc.ssl_channel_credentials(
            _read(settings.authority), _read(settings.key), _read(settings.certificate)
        )
        channel = aio.secure_channel(address, credentials, OPTIONS)
    else:
        channel = aio.insecure_channel(address, OPTIONS)
    return Member(
        address,
        channel,
        stubs.KVStub(channel),
        stubs.LeaseStub(channel),
        stubs.WatchStub(channel),
        stubs.AuthStub(channel),
    )


class Connection:
    """To a cluster of etcd. Made and used in one running loop."""

    def __init__(self, settings: EtcdSettings, clock: Clock, probe_key: bytes) -> None:
        """`probe_key`: a key that the user may read. Raises Misconfigured."""
        self._settings = settings
        self._monotonic = clock.monotonic
        self._probe_key = probe_key
        self._members = [_member(endpoint, settings) for endpoint in settings.endpoints]
        self._at = 0
        self._token = ""
        self._login = asyncio.Lock()
        self._streams: set[aio.Call] = set()
        self._prober: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def member_address(self) -> str:
        """HOST:PORT of the member that is asked now."""
        return self._members[self._at].address

    async def call(self, ask: Ask[T], *, again: bool, within_s: float | None = None) -> T:
        """The answer. `again`: it is harmless to ask twice, so members are asked in turn until the deadline.

        Raises Unavailable, Refused.
        """
        deadline = self._monotonic() + (self._settings.request_timeout_s if within_s is None else within_s)
        failed: Trouble | None = None
        cancels = _cancels()
        logins = LOGINS_MAX
        while not self._closed and (left := deadline - self._monotonic()) > 0:
            member = self._members[self._at]
            # Where there is no other member to go to, a change had better wait for a slow disk.
            left_here = left if not again and len(self._members) == 1 else min(left, ATTEMPT_S)
            token = ""
            try:
                if not again:
                    await self._stands(member, min(left, ATTEMPT_S))
                metadata = await self._metadata(member)
                token = dict(metadata).get("token", "")
                answer = await ask(member, metadata, left_here)
            except (aio.AioRpcError, aio.UsageError, _NotConnected) as error:
                if _cancels() > cancels:
                    raise asyncio.CancelledError from error
                failed = trouble(error, member.address)
                if logins and self._forgotten(token, failed):
                    logins -= 1  # it was refused before anything was done
                    continue
                if away(error):
                    self._leave(member)
                if not away(error) or not (again or isinstance(error, _NotConnected)):
                    raise failed from error
            except asyncio.CancelledError:
                if not self._closed or _cancels() > cancels:
                    raise
            else:
                if _cancels() > cancels:
                    raise asyncio.CancelledError
                return answer
            await asyncio.sleep(PAUSE_S)
        raise failed or Unavailable(AWAY, log="etcd: closed, or no time left")

    @asynccontextmanager
    async def streaming(self, open_call: Callable[[Member, Metadata], C]) -> AsyncIterator[C]:
        """A stream to the member of now; when that is left for another, its reads raise Unavailable.

        Raises Unavailable, Refused, also for what is raised by the stream's own methods within.
        """
        if self._closed:
            raise Unavailable(AWAY, log="etcd: closed")
        member = self._members[self._at]
        cancels = _cancels()
        call: C | None = None
        try:
            call = open_call(member, await self._metadata(member))
            self._streams.add(call)
            if self._prober is None:
                self._prober = asyncio.create_task(self._probe())
            yield call
        except (aio.AioRpcError, aio.UsageError, asyncio.InvalidStateError) as error:
            if _cancels() > cancels:
                raise asyncio.CancelledError from error
            if away(error):
                self._leave(member)
            raise trouble(error, member.address) from error
        except asyncio.CancelledError:
            # Whoever leaves a member cancels its streams; that is not the end of the task that reads them.
            if _cancels() > cancels:
                raise
            raise Unavailable(AWAY, log=f"etcd {member.address}: left for another member") from None
        finally:
            if call is not None:
                self._streams.discard(call)
                call.cancel()

    def _forgotten(self, token: str, failed: Trouble) -> bool:
        """Whether etcd knows this login no more; then there will be another one."""
        if not token or not any(words in failed.log for words in _STALE_LOGIN):
            return False
        if token == self._token:  # else another call was here first, and logs in or has done so
            self._token = ""
        return True

    def forget_login(self) -> None:
        """Log in again before the next request."""
        self._token = ""

    async def close(self) -> None:
        """End all; calls under way raise Unavailable."""
        self._closed = True
        if self._prober is not None:
            self._prober.cancel()
            await asyncio.gather(self._prober, return_exceptions=True)
        for member in self._members:
            await member.channel.close(None)

    def _leave(self, member: Member) -> None:
        """Ask the next member from now on, unless this one was left already."""
        if self._members[self._at] is member:
            self._at = (self._at + 1) % len(self._members)
            for call in self._streams:
                call.cancel()

    async def _stands(self, member: Member, timeout_s: float) -> None:
        """Wait for the connection. Raises _NotConnected."""
        try:
            async with asyncio.timeout(timeout_s):
                await member.channel.channel_ready()
        except TimeoutError:
            raise _NotConnected(f"etcd {member.address}: no connection") from None

    async def _metadata(self, member: Member) -> Metadata:
        """With every request: the login, and that a member without a leader says so instead of waiting."""
        if not self._settings.user:
            return (("hasleader", "true"),)
        async with self._login:
            if not self._token:
                request = pb.AuthenticateRequest(name=self._settings.user, password=self._settings.password.reveal())
                self._token = (await member.auth.Authenticate(request, timeout=ATTEMPT_S)).token
            return (("hasleader", "true"), ("token", self._token))

    async def _probe(self) -> None:
        """While there are streams: a read that needs the quorum. `call` moves on from a member that fails it."""

        async def ask(member: Member, metadata: Metadata, timeout_s: float) -> None:
            await member.kv.Range(pb.RangeRequest(key=self._probe_key), metadata=metadata, timeout=timeout_s)

        while True:
            await asyncio.sleep(PROBE_S)
            if self._streams:
                try:
                    await self.call(ask, again=True)
                except Trouble:
                    pass  # the streams hear of it themselves
