"""The request heads a small HTTP endpoint may be sent, and what it answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.observe.http import Answer, respond


def echo(path: str, accept: str) -> Answer:
    return Answer(200, "text/plain", f"{path} {accept}".encode())


@pytest.mark.parametrize(
    ("head", "status", "body"),
    [
        (b"GET /a HTTP/1.1\r\n\r\n", b"200 OK", b"/a "),
        (b"GET /a?b=c HTTP/1.0\r\nACCEPT: x \r\naccept:y\r\n\r\n", b"200 OK", b"/a x,y"),
        (b"HEAD /a HTTP/1.1\r\n\r\n", b"200 OK", b""),
        (b"POST /a HTTP/1.1\r\n\r\n", b"405 Method Not Allowed", b"Method Not Allowed\n"),
        (b"GET /a\r\n\r\n", b"400 Bad Request", b"Bad Request\n"),
        (b"\r\n\r\n", b"400 Bad Request", b"Bad Request\n"),
        (b"GET /a HTTP/2\r\n\r\n", b"400 Bad Request", b"Bad Request\n"),
    ],
)
def test_a_request_gets_its_answer(head: bytes, status: bytes, body: bytes) -> None:
    top, _, rest = respond(head, echo).partition(b"\r\n\r\n")
    assert top.startswith(b"HTTP/1.1 " + status + b"\r\n")
    assert rest == body
    assert b"Connection: close" in top


@given(st.binary(max_size=200))
def test_any_bytes_get_one_well_formed_response(head: bytes) -> None:
    top, _, body = respond(head, lambda _, __: Answer(200, "text/plain", b"ok")).partition(b"\r\n\r\n")
    length = next(line for line in top.split(b"\r\n") if line.startswith(b"Content-Length: "))
    assert body == b"" or int(length.split()[1]) == len(body)
