r"""Conversations in files: what goes over the line, octet for octet.

# a comment
C: GET / HTTP/1.1        a line to the server, with CRLF
C| abc\r\n               octets as they are, with Python's escapes; nothing added
C* 20000 a               the same octets so many times
S: 200 hello             the server's next answer: its status, and its body where one is given (with escapes)
H: name: value           of that answer; <any> stands for anything
H!: name                 it has no such header
S-: 200                  the next answer, to HEAD
none:                    nothing is to be read
open: / closed:          how the connection is
new:                     a new connection
wait: 20                 so many seconds pass
go:                      /slow is let go on
"""

import codecs
import re
from pathlib import Path
from typing import Final

from tests.unit.gateway.web.world import Client, Response, World

FOLDER: Final = Path(__file__).parent / "conversations"
FILES: Final = sorted(FOLDER.glob("*.txt"))
_STEP: Final = re.compile(r"(C:|C\||C\*|S-:|S:|H!:|H:|none:|open:|closed:|new:|wait:|go:) ?(.*)")


def octets(text: str) -> bytes:
    """With its escapes undone."""
    return codecs.escape_decode(text.encode("latin-1"))[0]


async def play(path: Path, world: World) -> None:
    """Hold the conversation of a file."""
    client = world.connect()
    response = Response(0, {}, b"")
    unsent = b""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        step = _STEP.fullmatch(line)
        if step is None:
            assert not line or line.startswith("#"), f"{path.name}:{number}: {line}"
            continue
        kind, text = step[1], step[2]
        if kind in ("C:", "C|", "C*"):
            unsent += _sent(kind, text)
            continue
        if unsent:
            await client.send(unsent)
            unsent = b""
        try:
            response, client = await _checked(kind, text, world, client, response)
        except AssertionError as error:
            raise AssertionError(f"{path.name}:{number}: {line}: {error}") from error
    assert not client.wire.out, client.wire.out


def _sent(kind: str, text: str) -> bytes:
    if kind == "C:":
        return octets(text) + b"\r\n"
    if kind == "C|":
        return octets(text)
    times, _, what = text.partition(" ")
    return octets(what) * int(times)


async def _checked(kind: str, text: str, world: World, client: Client, last: Response) -> tuple[Response, Client]:
    match kind:
        case "S:" | "S-:":
            last = client.response(head_only=kind == "S-:")
            status, _, body = text.partition(" ")
            assert last.status == int(status), last
            assert not body or last.body == octets(body), last.body
        case "H:" | "H!:":
            _header(kind, text, last)
        case "none:":
            assert not client.wire.out, client.wire.out
        case "open:":
            assert not client.wire.closed
        case "closed:":
            assert client.wire.closed
        case "new:":
            client = world.connect()
        case "wait:":
            await world.wait(float(text))
            await client.settle()
        case "go:":
            world.gate.set()
            await client.settle()
    return last, client


def _header(kind: str, text: str, last: Response) -> None:
    name, _, wanted = text.partition(": ")
    if kind == "H!:":
        assert name not in last.headers, last.headers
        return
    pattern = ".*".join(map(re.escape, wanted.split("<any>")))
    assert re.fullmatch(pattern, last.headers.get(name, "")), last.headers
