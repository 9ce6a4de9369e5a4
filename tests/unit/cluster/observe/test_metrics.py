"""The endpoint over a real loopback socket: what is counted is served, and health follows the callable."""

import asyncio

from prometheus_client import Counter

from cluster.hosting.sockets import listen
from cluster.observe.http import HEAD_BYTES_MAX
from cluster.observe.metrics import new_registry, serve_metrics


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


async def test_counted_numbers_and_the_process_are_served() -> None:
    registry = new_registry()
    Counter("rookery_messages", "Messages.", registry=registry).inc(3)
    server = await serve_metrics(registry, listen("127.0.0.1", 0), ready=lambda: True)
    answer = await ask(server.port, get("/metrics"))
    await server.close()
    assert b"rookery_messages_total 3.0\n" in answer
    assert b"process_resident_memory_bytes" in answer
    assert b"python_gc_collections_total" in answer


async def test_health_follows_readiness() -> None:
    states = iter([False, True])
    server = await serve_metrics(new_registry(), listen("127.0.0.1", 0), ready=lambda: next(states))
    answers = [await ask(server.port, get(f"/healthz/{path}")) for path in ("live", "ready", "ready", "other")]
    await server.close()
    assert [answer.split()[1] for answer in answers] == [b"200", b"503", b"200", b"404"]


async def test_an_endless_request_is_cut_off() -> None:
    server = await serve_metrics(new_registry(), listen("127.0.0.1", 0), ready=lambda: True)
    answer = await ask(server.port, b"GET /" + b"x" * (HEAD_BYTES_MAX + 1))
    await server.close()
    assert answer.startswith(b"HTTP/1.1 431 ")
