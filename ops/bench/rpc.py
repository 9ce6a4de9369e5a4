"""What a call over the data plane costs: latency, rate and CPU, beside a direct call and beside gRPC's unary calls.

The law: the server is a process of its own on loopback; every round measures everything, in turning order. All bodies
are BODY_BYTES both ways. Latencies are of one call after another; what they add is over the same service called
directly.
"""

import asyncio
import contextlib
import datetime as dt
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

import grpc
import msgspec

from cluster.authority import issue, make_authority
from cluster.hosting.alone import run
from cluster.rpc.caller import Caller
from cluster.rpc.grpc_link import GrpcDialer
from cluster.rpc.settings import RpcSettings
from ops.bench.delivery import Scratch, Told, turns
from ops.bench.figures import Value
from ops.bench.peers import HOST, ROOT
from ops.bench.rpc_server import KIND, UNARY, Echo

BODY_BYTES: Final = 200  # a small change to a mailbox
SINGLE: Final = 2000
SINGLE_QUICK: Final = 100
MANY: Final = 30_000
MANY_QUICK: Final = 1000
IN_FLIGHT: Final = (64, 512)
TIMEOUT_S: Final = 60.0
SECURE, PLAIN, BASE = "stream, mTLS", "stream, plain", "gRPC unary, plain"

Call = Callable[[bytes], Awaitable[bytes]]


def measure(_make: object, scratch: Scratch, rounds: int, *, quick: bool, told: Told) -> Iterator[Value]:
    """All rounds, against one server."""
    with scratch() as directory:
        settings = _certificates(directory)
        with _server(settings) as (ports, cpu_s):
            found: list[Value] = []
            run(_rounds(settings, ports, cpu_s, (rounds, quick), told, found))
            yield from found


def _certificates(directory: Path) -> RpcSettings:
    now = dt.datetime.now(dt.UTC)
    authority = make_authority(directory, now)
    node = issue(directory, "bench", "node", now)
    return RpcSettings(certificate=str(node.certificate), key=str(node.key), authority=str(authority.certificate))


@contextmanager
def _server(settings: RpcSettings) -> Iterator[tuple[list[int], Callable[[], float]]]:
    """The server's ports, and how to ask for the CPU seconds that it has used."""
    command = [sys.executable, "-m", "ops.bench.rpc_server", msgspec.json.encode(settings).decode()]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    asking, told = process.stdin, process.stdout

    def cpu_s() -> float:
        asking.write("\n")
        asking.flush()
        return float(told.readline())

    try:
        yield [int(port) for port in told.readline().split()], cpu_s
    finally:
        asking.close()
        try:
            process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
        told.close()
        process.wait()


async def _rounds(
    settings: RpcSettings,
    ports: list[int],
    cpu_s: Callable[[], float],
    size: tuple[int, bool],
    told: Told,
    found: list[Value],
) -> int:
    secure, plain, unary = (f"{HOST}:{port}" for port in ports)
    async with contextlib.AsyncExitStack() as stack:
        calls: dict[str, Call] = {}
        for name, address, trust in ((SECURE, secure, settings), (PLAIN, plain, RpcSettings(insecure=True))):
            caller = Caller(await GrpcDialer(trust).dial(address))
            stack.callback(caller.close)
            calls[name] = _calling(caller)
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(unary))
        calls[BASE] = channel.unary_unary(UNARY, None, None)
        rounds, quick = size
        for number in range(rounds):
            for name in turns(list(calls), number):
                told(f"data plane: round {number + 1} of {rounds}, {name}")
                found += await _one_round(name, calls[name], cpu_s, quick=quick)
    return 0


def _calling(caller: Caller) -> Call:
    return lambda body: caller.call(KIND, 1, body, TIMEOUT_S)


async def _one_round(name: str, call: Call, cpu_s: Callable[[], float], *, quick: bool) -> list[Value]:
    body = bytes(BODY_BYTES)
    singles = SINGLE_QUICK if quick else SINGLE
    direct = await _median_ms(lambda body: Echo().call(1, body), body, singles)
    await _median_ms(call, body, SINGLE_QUICK)  # warm
    values = [Value("a single call, added to a direct one", "ms", name, await _median_ms(call, body, singles) - direct)]
    for in_flight in IN_FLIGHT:
        if name == BASE and in_flight > IN_FLIGHT[0]:
            continue  # as many unary calls wait for HTTP/2 streams
        many = MANY_QUICK if quick else MANY
        theirs, ours, began = cpu_s(), time.process_time(), time.perf_counter()
        await _in_flight(call, body, in_flight, many)
        took, ours = time.perf_counter() - began, time.process_time() - ours
        theirs = cpu_s() - theirs
        values.append(Value(f"{in_flight} in flight", "calls/s", name, many / took))
        values.append(Value(f"{in_flight} in flight, caller's CPU", "us a call", name, ours / many * 1e6))
        values.append(Value(f"{in_flight} in flight, server's CPU", "us a call", name, theirs / many * 1e6))
    return values


async def _median_ms(call: Call, body: bytes, times: int) -> float:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        await call(body)
        took.append(time.perf_counter() - began)
    return median(took) * 1e3


async def _in_flight(call: Call, body: bytes, in_flight: int, calls: int) -> None:
    left = calls

    async def worker() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await call(body)

    workers: list[Any] = [worker() for _ in range(in_flight)]
    await asyncio.gather(*workers)
