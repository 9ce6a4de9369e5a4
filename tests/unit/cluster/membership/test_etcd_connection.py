"""A call that is cancelled ends, though gRPC swallows cancellations that come while its calls begin or fail."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, NoReturn

import grpc
import pytest
from grpc import aio

from cluster.clock import SystemClock
from cluster.config.secret import Secret
from cluster.errors import Unavailable
from cluster.membership.etcd_connection import Connection, Member, Metadata, trouble
from cluster.membership.settings import EtcdSettings
from wire import etcd_pb2 as pb

WAIT_S = 5.0


def away() -> aio.AioRpcError:
    return aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, aio.Metadata(), aio.Metadata(), "away", "")


async def swallow(begun: asyncio.Event) -> NoReturn:
    """What a call of gRPC does: the cancellation ends with the task that it runs in itself."""
    with suppress(asyncio.CancelledError):
        begun.set()
        await asyncio.sleep(WAIT_S)
    raise away()


async def answered(connection: Connection, begun: asyncio.Event) -> None:
    """The answer was there as the cancellation came."""

    async def ask(*_: object) -> None:
        with suppress(Exception):
            await swallow(begun)

    while True:
        await connection.call(ask, again=True)


async def calling(connection: Connection, begun: asyncio.Event) -> None:
    await connection.call(lambda *_: swallow(begun), again=True)


class Call:
    """A stream, as far as it matters here."""

    def cancel(self) -> None:
        """Nothing."""


async def streaming(connection: Connection, begun: asyncio.Event) -> None:
    while True:
        with suppress(Unavailable):
            async with connection.streaming(lambda *_: Call()):  # type: ignore[type-var]
                await swallow(begun)


@pytest.mark.parametrize("work", [calling, answered, streaming])
async def test_a_swallowed_cancellation_ends_the_task(
    work: Callable[[Connection, asyncio.Event], Coroutine[Any, Any, None]],
) -> None:
    connection = Connection(EtcdSettings(), SystemClock(), b"/probe")
    begun = asyncio.Event()
    task = asyncio.create_task(work(connection, begun))
    await begun.wait()
    task.cancel()
    await asyncio.wait({task}, timeout=WAIT_S)
    assert task.cancelled()
    await connection.close()


async def test_what_is_cleaned_up_in_a_cancelled_task_is_tried_again() -> None:
    connection = Connection(EtcdSettings(), SystemClock(), b"/probe")
    attempts: list[int] = []

    async def second_time(*_: object) -> str:
        attempts.append(1)
        if len(attempts) == 1:
            raise away()
        return "done"

    async def work() -> str:
        try:
            await asyncio.sleep(WAIT_S)
        finally:
            done = await connection.call(second_time, again=True)
        return done

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task}, timeout=WAIT_S)
    assert task.cancelled()
    assert len(attempts) == 2
    await connection.close()


def test_an_etcd_that_is_not_there_is_told_with_its_cure() -> None:
    words = "failed to connect to all addresses; last error: UNKNOWN: ipv4:10.0.0.1:1: Connection refused"
    error = aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, aio.Metadata(), aio.Metadata(), words, "")
    log = trouble(error, "10.0.0.1:1").log
    assert log.startswith("etcd at 10.0.0.1:1 does not answer (Connection refused): is it running")


async def test_two_calls_that_meet_a_forgotten_login_both_go_on() -> None:
    settings = EtcdSettings(endpoints=("127.0.0.1:1",), user="rookery", password=Secret("hush"))
    connection = Connection(settings, SystemClock(), b"/")
    granted: list[str] = []

    async def login(*_: object, **__: object) -> pb.AuthenticateResponse:
        await asyncio.sleep(0)
        granted.append(f"token {len(granted)}")
        return pb.AuthenticateResponse(token=granted[-1])

    stub = SimpleNamespace(Authenticate=login)
    connection._members = [member._replace(auth=stub) for member in connection._members]  # type: ignore[arg-type]
    both = asyncio.Barrier(2)

    async def ask(_: Member, metadata: Metadata, __: float) -> str:
        if (token := dict(metadata)["token"]) != "token 0":
            return token
        await both.wait()
        raise aio.AioRpcError(
            grpc.StatusCode.UNAUTHENTICATED, aio.Metadata(), aio.Metadata(), "etcdserver: invalid auth token", ""
        )

    told = await asyncio.gather(*[connection.call(ask, again=True) for _ in range(2)])
    assert told == ["token 1", "token 1"]
    assert granted == ["token 0", "token 1"], "the second has not thrown away what the first has got"
    await connection.close()
