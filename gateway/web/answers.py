"""What is answered to an HTTP request, and the ways to refuse one.

The law: what a header says is latin-1 without controls, so a name that a stranger chose splits no response; a refusal
says what the request lacks, never what ails us.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import quote

import orjson

TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"  # RFC 9457
OCTETS: Final = "application/octet-stream"

_UNQUOTED: Final = re.compile(r"[^ !#-\[\]-~]")  # what a quoted-string does not hold as it is (RFC 9110 5.6.4)

Headers = tuple[tuple[str, str], ...]


class Answer(NamedTuple):
    """A response. A body that comes in pieces has its length here where it is known, else it is sent in chunks."""

    status: int = 200
    body: bytes | AsyncIterator[bytes] = b""
    content_type: str = TEXT
    headers: Headers = ()
    length: int | None = None


@asynccontextmanager
async def closed_after(pieces: AsyncIterator[bytes]) -> AsyncIterator[None]:
    """However the pieces of a body are left, what makes them has come to its end."""
    try:
        yield
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()


class HttpError(Exception):
    """The request is refused; raised by a handler or by what it uses, answered by the application."""

    def __init__(self, status: int, text: str = "", headers: Headers = ()) -> None:
        super().__init__(f"{status} {text or HTTPStatus(status).phrase}")
        self.answer = refusal(status, text, headers)

    @property
    def status(self) -> int:
        """Its code."""
        return self.answer.status


def refusal(status: int, text: str = "", headers: Headers = ()) -> Answer:
    """A status in words; without `text` in those of its standard."""
    return Answer(status, f"{text or HTTPStatus(status).phrase}\n".encode(), headers=headers)


def problem(refused: Answer) -> Answer:
    """A refusal as problem details (RFC 9457)."""
    assert isinstance(refused.body, bytes)
    status, said = HTTPStatus(refused.status), refused.body.decode().rstrip()
    told = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": said}
    return refused._replace(body=orjson.dumps(told), content_type=PROBLEM)


def attachment(name: str, *, inline: bool = False) -> tuple[str, str]:
    """The header that names a download (RFC 6266), whatever the name holds: as ASCII, and whole (RFC 8187)."""
    kind = "inline" if inline else "attachment"
    plain = _UNQUOTED.sub("_", name)
    if plain == name:
        return "Content-Disposition", f'{kind}; filename="{plain}"'
    whole = quote(name, safe="!#$&+-.^_`|~", errors="replace")  # attr-char
    return "Content-Disposition", f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{whole}"
