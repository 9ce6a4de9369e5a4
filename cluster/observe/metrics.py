"""The numbers of this process: one Prometheus registry, and the answers to who asks for it or for its health.

The law: one registry a process, handed to whoever counts; nothing registers itself in the library's global one.
"""

import socket
from collections.abc import Callable

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder

from cluster.observe.http import Answer, Server, serve


def new_registry() -> CollectorRegistry:
    """A registry that has this process's memory, CPU, files and collector runs already."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


async def serve_metrics(registry: CollectorRegistry, sock: socket.socket, *, ready: Callable[[], bool]) -> Server:
    """Answer GET /metrics, /healthz/live (always 200) and /healthz/ready (503 while `ready()` is false)."""

    def answer(path: str, accept: str) -> Answer:
        if path == "/metrics":
            encode, content_type = choose_encoder(accept)
            return Answer(200, content_type, encode(registry))
        if path == "/healthz/live":
            return _text(200, "alive")
        if path == "/healthz/ready":
            return _text(200, "ready") if ready() else _text(503, "not ready")
        return _text(404, "there are /metrics, /healthz/live and /healthz/ready")

    return await serve(answer, sock)


def _text(status: int, body: str) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", body.encode() + b"\n")
