"""The question to the introspection endpoint over real HTTP, and endpoints that do not serve."""

import asyncio
import base64
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

import pytest

from actors.directory.tokens import OauthSettings, Said, Tokens
from cluster.clock import ManualClock
from cluster.config.secret import Secret
from cluster.errors import Unavailable

Answer = Callable[[str, str], bytes]


def http(body: bytes, status: str = "200 OK", head: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{head}\r\n".encode() + body


@asynccontextmanager
async def endpoint(answer: Answer) -> AsyncIterator[Tokens]:
    """A server that answers head and body of a request, and who asks it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(int(line[15:]) for line in head.splitlines() if line.lower().startswith("content-length:"))
        writer.write(answer(head, (await reader.readexactly(length)).decode()))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/introspect"
    settings = OauthSettings(endpoint=url, client_id="rookery", client_secret=Secret("p w"), timeout_s=0.5)
    yield Tokens(settings, ManualClock(), random.Random(1))
    server.close()


async def test_the_question_of_rfc7662() -> None:
    def answer(head: str, body: str) -> bytes:
        assert head.startswith("POST /introspect HTTP/1.1\r\n")
        assert f"Authorization: Basic {base64.b64encode(b'rookery:p+w').decode()}" in head
        assert parse_qs(body) == {"token": ["a+b/c=="], "token_type_hint": ["access_token"]}
        return http(b'{"active": true, "username": "alice"}')

    async with endpoint(answer) as tokens:
        assert await tokens.said("a+b/c==") == Said("alice", "", frozenset(), 0)


@pytest.mark.parametrize(
    "answer",
    [
        http(b"{}", "401 Unauthorized"),
        http(b"", "302 Found", "Location: http://127.0.0.1:1/\r\n"),
        http(b'{"active": true, "username": "' + b"x" * 70_000 + b'"}'),
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"garbage\r\n\r\n",
        b"",
    ],
    ids=["secret refused", "elsewhere", "too long", "cut off", "no HTTP", "nothing"],
)
async def test_an_endpoint_that_does_not_serve_is_no_wrong_token(answer: bytes) -> None:
    async with endpoint(lambda _head, _body: answer) as tokens:
        with pytest.raises(Unavailable) as raised:
            await tokens.said("secret-token")
    assert "secret-token" not in raised.value.log
    assert "p w" not in raised.value.log
