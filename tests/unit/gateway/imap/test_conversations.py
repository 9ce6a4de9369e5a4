"""Every file in conversations/ is a dialogue that the server must keep to, line by line.

    # a comment
    C: a LOGIN alice demo        what the client sends, with CRLF
    C| Subject: x                a line of the literal announced by the C line above as {#} or {#+}, its size worked
                                 out here; what stands behind the brace there comes after it
    S: a OK [<any>] Logged in    what the server must answer, <any> standing for anything
    S~: a OK                     the same of a line's beginning, after untagged ones that do not matter
    C2: / S2:                    a second client; up to 9
    deliver: Subject             a message with that subject comes from outside to alice's INBOX
    share: team INBOX anyone lr  an operator gives an identifier (as stored) rights to a mailbox of an account
    tls: 1                       from here the client's connection counts as protected
    compress: 1, expand: 1       from here both ends compress, or do no longer (RFC 4978)
    set: name=value              at the beginning: a setting, as a word, or as a number
    closed: 1                    the server has closed the client's connection

Between two blocks the server must have said nothing else.
"""

import re
from pathlib import Path

import pytest

from tests.unit.gateway.imap.world import Client, World, message

FILES = sorted((Path(__file__).parent / "conversations").glob("*.txt"))
_STEP = re.compile(r"(C|S~|S|C\||closed|tls|deliver|share|compress|expand)(\d?)(?::|(?<=\|)) ?(.*)")
_HOLE = re.compile(r"<any>")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_conversation(path: Path) -> None:
    lines = path.read_text().splitlines()
    settings = dict(line[5:].split("=") for line in lines if line.startswith("set: "))
    async with World(**{name: int(value) if value.isdigit() else value for name, value in settings.items()}) as world:
        stage = _Stage(world)
        for number, line in enumerate(lines, 1):
            if line and not line.startswith(("#", "set: ")):
                try:
                    await stage.step(line)
                except AssertionError as error:
                    raise AssertionError(f"{path.name}:{number}: {line}\n{error}") from None
        await stage.finish()


class _Stage:
    def __init__(self, world: World) -> None:
        self._world = world
        self._clients: dict[str, Client] = {}
        self._command: tuple[Client, str] | None = None
        self._literal: list[str] = []

    async def step(self, line: str) -> None:
        """One line of the file."""
        found = _STEP.fullmatch(line)
        assert found is not None, "this is no step"
        kind, who, text = found.groups()
        if kind == "C|":
            self._literal.append(text)
            return
        await self._send()
        if kind == "deliver":
            await self._world.deliver(message(text))
        elif kind == "share":
            account, mailbox, identifier, rights = text.split(" ")
            await self._world.mail.set_acl(self._world.people.accounts[account].id, mailbox, identifier, rights)
        elif kind == "C":
            client = await self._client(who)
            assert await client.quiet(), f"unexpected: {bytes(client.pipe.received)!r}"
            self._command = (client, text)
            if "{#" not in text:
                await self._send()
        elif kind in ("S", "S~"):
            await self._hear(await self._client(who), text, skipping=kind == "S~")
        else:
            await self._other(kind, await self._client(text or "1"))

    async def _hear(self, client: Client, text: str, *, skipping: bool) -> None:
        pattern = ".*".join(map(re.escape, _HOLE.split(text))) + ".*" * skipping
        answer = (await client.line()).decode("utf-8", "backslashreplace")
        while skipping and answer.startswith("* ") and not re.fullmatch(pattern, answer):
            answer = (await client.line()).decode("utf-8", "backslashreplace")
        assert re.fullmatch(pattern, answer), f"got: {answer}"

    async def finish(self) -> None:
        """Nothing may be left over."""
        await self._send()
        for client in self._clients.values():
            assert await client.quiet(), f"unexpected at the end: {bytes(client.pipe.received)!r}"

    async def _other(self, kind: str, client: Client) -> None:
        if kind == "closed":
            assert await client.quiet()
            assert client.pipe.closed
        elif kind == "compress":
            client.compress()
        elif kind == "expand":
            client.expand()
        else:
            client.connection.secure = True

    async def _send(self) -> None:
        """The command that was being gathered, with its literal."""
        if self._command is None:
            return
        (client, text), self._command = self._command, None
        body = "".join(f"{line}\r\n" for line in self._literal).encode()
        self._literal = []
        head, mark, tail = text.partition("{#")
        if not mark:
            client.send(text.encode() + b"\r\n")
            return
        plus, _, rest = tail.partition("}")
        client.send(f"{head}{{{len(body)}{plus}}}\r\n".encode())
        if not plus:
            assert (await client.line()).startswith(b"+ ")
        client.send(body + rest.encode() + b"\r\n")

    async def _client(self, who: str) -> Client:
        who = who or "1"
        if who not in self._clients:
            self._clients[who] = await self._world.connect()
        return self._clients[who]
