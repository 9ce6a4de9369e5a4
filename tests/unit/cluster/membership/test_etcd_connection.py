"""A call that is cancelled ends, though gRPC swallows cancellations that come while its calls begin or fail."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, NoReturn

import grpc
import pytest
from grpc import aio

from cluster.clock import SystemClock
from cluster.errors import Unavailable
from cluster.membership.etcd_connection import Connection, trouble
from cluster.membership.settings import EtcdSettings

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
