"""A mailbox as a client that believes every response would picture it."""

import re

from tests.unit.gateway.imap.world import Client

_NUMBERED = re.compile(rb"\* (\d+) (EXISTS|EXPUNGE|RECENT|FETCH \((.*)\))")
_UID = re.compile(rb"UID (\d+)")
_FLAGS = re.compile(rb"FLAGS \(([^)]*)\)")
_NO_EXPUNGE = re.compile(rb"(FETCH|STORE|SEARCH) ")


class Picture:
    """One client with a mailbox selected. Each message is [UID or 0, flags or None while not known]."""

    def __init__(self, client: Client, *, read_only: bool = False) -> None:
        self.client = client
        self.read_only = read_only
        self.messages: list[tuple[int, frozenset[bytes] | None]] = []

    async def select(self, name: str) -> None:
        """Begin."""
        await self.run(f"{'EXAMINE' if self.read_only else 'SELECT'} {name}")
        await self.refresh()

    async def refresh(self) -> None:
        """Hear all news and ask for what EXISTS only announced."""
        await self.run("NOOP")
        if any(not uid or flags is None for uid, flags in self.messages):
            await self.run("FETCH 1:* (UID FLAGS)")

    async def run(self, command: str) -> bytes:
        """A command with all its responses taken in; the tagged answer."""
        lines = await self.client.command(command)
        for line in lines[:-1]:
            self.hear(line, quiet_on_expunge=_NO_EXPUNGE.match(command.encode()) is not None)
        return lines[-1]

    def hear(self, line: bytes, *, quiet_on_expunge: bool = False) -> None:
        """Take in one response."""
        found = _NUMBERED.match(line)
        if found is None:
            return
        number, kind = int(found[1]), found[2]
        if kind == b"EXISTS":
            assert number >= len(self.messages), "EXISTS never makes a mailbox smaller"
            self.messages += [(0, None)] * (number - len(self.messages))
        elif kind == b"EXPUNGE":
            assert not quiet_on_expunge, "RFC 3501 7.4.1"
            assert 1 <= number <= len(self.messages)
            del self.messages[number - 1]
        elif kind.startswith(b"FETCH"):
            self._fetched(number, found[3])

    def _fetched(self, number: int, items: bytes) -> None:
        assert 1 <= number <= len(self.messages), f"FETCH of {number}, there are {len(self.messages)}"
        uid, flags = self.messages[number - 1]
        if said := _UID.search(items):
            assert uid in (0, int(said[1])), "a sequence number changed its message without EXPUNGE"
            uid = int(said[1])
        if said := _FLAGS.search(items):
            flags = frozenset(said[1].split()) - {b"\\Recent"}
        self.messages[number - 1] = (uid, flags)

    def believe(self, numbers: range, mode: str, flag: bytes) -> None:
        """What a client assumes of its own STORE ... .SILENT when it sends it."""
        for number in numbers:
            uid, flags = self.messages[number - 1]
            if flags is not None:
                flags = {"+": flags | {flag}, "-": flags - {flag}, "": frozenset({flag})}[mode]
            self.messages[number - 1] = (uid, flags)
