r"""Every file in conversations/ is a dialogue that the server must keep to, line by line.

    # a comment
    settings: marks_seen=False   of the server, in Python; the first line if there is one
    C: USER alice                what the client sends, with CRLF
    S: +OK <any>                 what the server must answer, <any> standing for anything
    C2: / S2:                    a second client; up to 9
    imap: STORE 1 +FLAGS (\Seen) what an IMAP client of alice's does, with INBOX selected; it must succeed
    told: * 1 FETCH <any>        a line of what it was answered
    deliver: Subject             a message with that subject comes from outside to alice's INBOX
    tls: 1                       from here the client's connection counts as protected
    closed: 1                    the server has closed the client's connection

Between two blocks the server must have said nothing else.
"""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.gateway.imap import world as imap
from tests.unit.gateway.pop3.world import Client, World, message

FILES = sorted((Path(__file__).parent / "conversations").glob("*.txt"))
_STEP = re.compile(r"(C|S|closed|tls|deliver|imap|told)(\d?):(?: (.*))?")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_conversation(path: Path) -> None:
    lines = path.read_text().splitlines()
    async with World(**_settings(lines[0])) as world:
        stage = _Stage(world)
        for number, line in enumerate(lines, 1):
            if line and not line.startswith(("#", "settings:")):
                try:
                    await stage.step(line)
                except AssertionError as error:
                    raise AssertionError(f"{path.name}:{number}: {line}\n{error}") from None
        await stage.finish()


def _settings(line: str) -> dict[str, Any]:
    pairs = line.removeprefix("settings: ").split() if line.startswith("settings: ") else []
    return {key: ast.literal_eval(value) for key, _, value in (pair.partition("=") for pair in pairs)}


class _Stage:
    def __init__(self, world: World) -> None:
        self._world = world
        self._clients: dict[str, Client] = {}
        self._imap: imap.Client | None = None
        self._told: list[str] = []

    async def step(self, line: str) -> None:
        """One line of the file."""
        found = _STEP.fullmatch(line)
        assert found is not None, "this is no step"
        kind, who, text = found[1], found[2] or "1", found[3] or ""
        match kind:
            case "deliver":
                await self._world.deliver(message(text))
            case "imap":
                self._told = [told.decode() for told in await (await self._imap_client()).ok(text)]
            case "told":
                assert any(_fits(text, told) for told in self._told), f"told: {self._told}"
            case "C":
                client = await self._client(who)
                assert await client.quiet(), f"unexpected: {bytes(client.pipe.received)!r}"
                client.send(text.encode() + b"\r\n")
            case "S":
                answer = (await (await self._client(who)).line()).decode("utf-8", "backslashreplace")
                assert _fits(text, answer), f"got: {answer}"
            case "tls":
                (await self._client(text)).connection.secure = True
            case _:
                client = await self._client(text)
                assert await client.quiet()
                assert client.pipe.closed

    async def finish(self) -> None:
        """Nothing may be left over."""
        for client in self._clients.values():
            assert await client.quiet(), f"unexpected at the end: {bytes(client.pipe.received)!r}"

    async def _client(self, who: str) -> Client:
        if who not in self._clients:
            self._clients[who] = await self._world.reader()
        return self._clients[who]

    async def _imap_client(self) -> imap.Client:
        if self._imap is None:
            self._imap = await self._world.connect("alice")
            await self._imap.ok("SELECT INBOX")
        return self._imap


def _fits(wanted: str, line: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, wanted.split("<any>"))), line) is not None
