"""The server's side of the data plane's benchmark, a process of its own: `python -m ops.bench.rpc_server`.

The law: it says on standard output where it listens and then how much CPU it has used, each time a line comes in; it
ends when its standard input does.
"""

import asyncio
import sys
import time
from typing import Any

import grpc
import msgspec

from cluster.hosting.alone import run
from cluster.rpc.grpc_link import GrpcListener
from cluster.rpc.server import Server
from cluster.rpc.service import Outlet
from cluster.rpc.settings import RpcSettings
from ops.bench.peers import HOST

KIND = "echo"
UNARY = "/rookery.bench.v1.Bench/Echo"


class Echo:
    """Answers with what it was asked."""

    async def call(self, slot: int, body: bytes) -> bytes:  # noqa: ARG002 (Service's signature)
        """The same."""
        return body

    async def subscribe(self, slot: int, body: bytes, outlet: Outlet) -> bytes:  # noqa: ARG002 (as above)
        """The same."""
        return body

    def unsubscribed(self, outlet: Outlet) -> None:
        """Nothing is held."""


async def serve(settings: RpcSettings) -> int:
    """Listen twice: plain, and with the certificates of the settings; and with gRPC's unary calls, plain."""
    server = Server({KIND: Echo()})
    secure = GrpcListener(settings, server.serve)
    plain = GrpcListener(RpcSettings(insecure=True), server.serve)
    ports = [await secure.start(HOST, 0), await plain.start(HOST, 0)]
    unary = grpc.aio.server()
    service, method = UNARY[1:].split("/")
    handlers = {method: grpc.unary_unary_rpc_method_handler(_echo)}
    unary.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    ports.append(unary.add_insecure_port(f"{HOST}:0"))
    await unary.start()
    print(*ports, flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(time.process_time(), flush=True)
    for each in (secure, plain):
        await each.stop()
    await unary.stop(0)
    return 0


async def _echo(body: bytes, _: Any) -> bytes:
    return body


if __name__ == "__main__":
    sys.exit(run(serve(msgspec.json.decode(sys.argv[1], type=RpcSettings))))
