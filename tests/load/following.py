"""Clients that remember a mailbox and come back to it with QRESYNC: what they believe must be what is there.

The law: a follower knows only what it was told, and remembers between connections what RFC 7162 6 lets it: of the
mailbox the UIDVALIDITY and the highest mod-sequence, and of messages their UIDs and flags.
"""

import asyncio
import re
from typing import Final

from tests.load.clients import Load
from tests.load.ledger import Broken, Flags
from tests.load.wire import Answer, Imap, logged_in, numbers
from tests.running import PASSWORD

LOOK_S: Final = (0.0, 0.1)  # between two looks
_VANISHED: Final = re.compile(rb"\* VANISHED (?:\(EARLIER\) )?([\d:,]+)\r\n")
_HIGHEST: Final = re.compile(rb"\[HIGHESTMODSEQ (\d+)\]")
_EXISTS: Final = re.compile(rb"\* (\d+) EXISTS\r\n")
_MODSEQ: Final = re.compile(rb"MODSEQ \((\d+)\)")
_UID_AND_FLAGS: Final = re.compile(rb"\* \d+ FETCH \((?=.*\bUID (\d+))(?=.*\bFLAGS \(([^)]*)\))")


class Follower:
    """One client of one mailbox."""

    def __init__(self, login: str, mailbox: str) -> None:
        self.login = login
        self.mailbox = mailbox
        self.came_back = 0  # how often with something to resynchronise
        self._validity = 0
        self._highest = 0
        self._complete = 0  # it has asked for all messages up to this UID
        self._flags: dict[int, Flags] = {}
        self._exists = 0

    async def follow(self, load: Load) -> None:
        """Come back, and look until the load rests or the server dies."""
        async with load.mailboxes_of(self.login) as imap:
            await self._come_back(imap)
            await load.begin()
            while not load.is_resting:
                await self._ask(imap, "NOOP")
                await self._complete_it(imap)
                await asyncio.sleep(load.dice.uniform(*LOOK_S))

    async def compare(self, imap: Imap) -> None:
        """When nothing changes any more: come back once more, and be right. Raises Broken."""
        await self._come_back(imap)
        answer = await imap.done("UID FETCH 1:* (UID FLAGS)") if self._exists else None
        there = dict(_rows(answer)) if answer is not None else {}
        if there == self._flags:
            return
        gone, new = self._flags.keys() - there.keys(), there.keys() - self._flags.keys()
        other = [uid for uid in there.keys() & self._flags.keys() if there[uid] != self._flags[uid]]
        raise Broken(
            f"a client of {self.login} {self.mailbox} that came back believes in {sorted(gone)[:9]}, does not know "
            f"{sorted(new)[:9]} and has other flags for {sorted(other)[:9]}; its highest MODSEQ is {self._highest}"
        )

    async def _come_back(self, imap: Imap) -> None:
        await imap.done("ENABLE QRESYNC")
        known = f" (QRESYNC ({self._validity} {self._highest}))" if self._highest else ""
        answer = await imap.done(f"SELECT {self.mailbox}{known}")
        validity = answer.number(rb"\[UIDVALIDITY (\d+)\]")
        if self._validity not in (0, validity):
            raise Broken(f"{self.login} {self.mailbox}: UIDVALIDITY was {self._validity} and is {validity}")
        self.came_back += bool(known)
        self._validity = validity
        self._take(answer)
        await self._complete_it(imap)

    async def _complete_it(self, imap: Imap) -> None:
        """Ask for messages that were only announced."""
        if self._exists != len(self._flags) and await self._ask(imap, f"UID FETCH {self._complete + 1}:* (UID FLAGS)"):
            self._complete = max(self._flags, default=0)

    async def _ask(self, imap: Imap, command: str) -> bool:
        """Whether it was done. Where the server says that it cannot just now, the session stays as it is."""
        answer = await imap.run(command)
        self._take(answer)
        if not answer.is_ok and b" NO [UNAVAILABLE]" not in answer.tagged:
            raise Broken(f"{command}: {answer.tagged!r}")
        return answer.is_ok

    def _take(self, answer: Answer) -> None:
        """What a whole answer tells, in its order; what is remembered of it counts once it is whole (RFC 7162 6)."""
        highest, told = 0, 0
        for line, _literals in answer.untagged:
            if found := _VANISHED.fullmatch(line):
                gone = list(numbers(found[1]))
                for uid in gone:
                    self._flags.pop(uid, None)
                self._exists -= 0 if b"EARLIER" in line else len(gone)
            elif found := _EXISTS.fullmatch(line):
                self._exists = int(found[1])
            elif found := _HIGHEST.search(line):
                told = int(found[1])
            elif b" FETCH (" in line:
                self._flags.update(_rows_of(line))
                highest = max(highest, *map(int, _MODSEQ.findall(line)), 0)
        if found := _HIGHEST.search(answer.tagged):
            told = int(found[1])
        self._highest = told or max(self._highest, highest)


def _rows(answer: Answer) -> list[tuple[int, Flags]]:
    return [row for line, _literals in answer.untagged for row in _rows_of(line)]


def _rows_of(line: bytes) -> list[tuple[int, Flags]]:
    found = _UID_AND_FLAGS.match(line)
    return [(int(found[1]), frozenset(found[2].decode().split()) - {"\\Recent"})] if found else []


async def compare_all(address: tuple[str, int], followers: "list[Follower]") -> None:
    """Each, one after the other. Raises Broken."""
    for follower in followers:
        async with logged_in(address, follower.login, PASSWORD) as imap:
            await follower.compare(imap)
