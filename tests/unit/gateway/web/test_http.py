"""Request heads, and what they are refused for (RFC 9112)."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.web.http import BadRequest, Request, Response, read_request, refusal


@pytest.mark.parametrize(
    ("head", "request_"),
    [
        (b"GET /a HTTP/1.1\r\nHost: X.test\r\n\r\n", Request("GET", "x.test", "/a", {"host": "X.test"})),
        (
            b"HEAD /a?b=c HTTP/1.1\r\nhost:x.test.:443 \r\n\r\n",
            Request("HEAD", "x.test", "/a", {"host": "x.test.:443"}),
        ),
        (b"GET / HTTP/1.0\r\n\r\n", Request("GET", "", "/", {})),
        (
            b"GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\na:\t2\r\n\r\n",
            Request("GET", "x", "/", {"host": "x", "a": "1, 2"}),
        ),
    ],
)
def test_a_request(head: bytes, request_: Request) -> None:
    assert read_request(head) == request_


HOST = b"Host: x.test\r\n"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/2\r\n" + HOST + b"\r\n", 400),
        (b"GET http://x.test/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET / x HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET /\xe4 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"POST / HTTP/1.1\r\n" + HOST + b"\r\n", 405),
        (b"G(T / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x@y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HOST + b" folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n", 413),
        (b"GET /" + b"a" * 3000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    ],
)
def test_what_is_refused(head: bytes, status: int) -> None:
    with pytest.raises(BadRequest) as bad:
        read_request(head)
    assert bad.value.status == status


def test_a_response() -> None:
    whole = Response(200, b"body", fields=(("A", "b"),)).encode()
    head, _, body = whole.partition(b"\r\n\r\n")
    assert body == b"body"
    assert head.split(b"\r\n")[0] == b"HTTP/1.1 200 OK"
    assert {b"Content-Length: 4", b"Connection: close", b"A: b"} < set(head.split(b"\r\n"))
    assert Response(200, b"body", fields=(("A", "b"),)).encode("HEAD") == head + b"\r\n\r\n"
    assert b"\r\nAllow: GET, HEAD\r\n" in refusal(405).encode()


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    for head in (data, b"GET / HTTP/1.1\r\n" + data, b"GET /" + data + b" HTTP/1.1\r\nHost: x\r\n\r\n"):
        with contextlib.suppress(BadRequest):
            assert read_request(head).method in ("GET", "HEAD")
