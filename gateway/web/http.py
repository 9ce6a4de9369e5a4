"""As much of HTTP/1.1 (RFC 9112) as fixed resources need, over bytes: a request's head, a response.

The law: no bytes raise anything but BadRequest; what is not understood is refused, never guessed at.
"""

import re
from http import HTTPStatus
from typing import Final, NamedTuple

HEAD_BYTES_MAX: Final = 8192  # browsers send about 1 kB
TARGET_CHARACTERS_MAX: Final = 2048

_TARGET: Final = re.compile(r"/[!-~]*")
_FIELD: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*)")  # RFC 9110 §5.1
_HOST: Final = re.compile(r"([A-Za-z0-9._-]{1,254})(?::[0-9]{0,5})?")


class BadRequest(Exception):
    """`status` says what is wrong with it."""

    def __init__(self, status: int) -> None:
        super().__init__(HTTPStatus(status).phrase)
        self.status = status


class Request(NamedTuple):
    """`path`: as it was sent, without a query. `host`: in lower case, without a port. `fields`: names in lower case."""

    method: str
    host: str
    path: str
    fields: dict[str, str]


class Response(NamedTuple):
    """What is sent back; `fields` besides those about length and connection."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    fields: tuple[tuple[str, str], ...] = ()

    def encode(self, method: str = "GET") -> bytes:
        """The bytes: HEAD is told all but the body."""
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(self.body)}",
            "X-Content-Type-Options: nosniff",
            "Connection: close",
            *(f"{name}: {value}" for name, value in self.fields),
        ]
        head = "".join(line + "\r\n" for line in lines).encode("latin-1") + b"\r\n"
        return head if method == "HEAD" else head + self.body


def refusal(status: int) -> Response:
    """A status and its words."""
    fields = (("Allow", "GET, HEAD"),) if status == 405 else ()
    return Response(status, HTTPStatus(status).phrase.encode() + b"\n", fields=fields)


def read_request(head: bytes) -> Request:
    """A request's head, up to and with the empty line. Raises BadRequest."""
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):  # RFC 9112 §3
        raise BadRequest(400)
    method, target, version = words
    if method not in ("GET", "HEAD"):
        raise BadRequest(405 if method.isalpha() else 400)
    if len(target) > TARGET_CHARACTERS_MAX:
        raise BadRequest(414)
    if not _TARGET.fullmatch(target):
        raise BadRequest(400)
    fields = _fields(lines[1:])
    if "transfer-encoding" in fields or fields.get("content-length", "0") != "0":
        raise BadRequest(413)  # nothing here takes a body
    host = _HOST.fullmatch(fields.get("host", ""))
    if host is None and (version != "HTTP/1.0" or "host" in fields):  # RFC 9112 §3.2
        raise BadRequest(400)
    return Request(method, host[1].lower().removesuffix(".") if host else "", target.partition("?")[0], fields)


def _fields(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        if not line:
            continue  # the end
        match = _FIELD.fullmatch(line)
        if match is None or (match[1].lower() == "host" and "host" in found):
            raise BadRequest(400)
        name, value = match[1].lower(), match[2].strip(" \t")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
