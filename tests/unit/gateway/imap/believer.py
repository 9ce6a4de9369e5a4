"""A client that believes every response, of whatever kind it is, and objects to any that it must not get.

It reads strictly: a response that is not known, that comes in a mode it does not belong to, or that contradicts what
was told before, fails the test. What it remembers between connections is what RFC 7162 6 lets a client remember.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.unit.gateway.imap.world import Client, World

_NUMBERED = re.compile(rb"\* (\d+) (EXISTS|RECENT|EXPUNGE|FETCH|UIDFETCH)(?: \((.*)\))?", re.DOTALL)
_VANISHED = re.compile(rb"\* VANISHED (\(EARLIER\) )?([0-9:,]+)")
_CODE = re.compile(rb"\* (?:OK|NO) \[([A-Z-]+)(?: ([^\]]*))?\] .+")
_TAGGED = re.compile(rb"t (OK|NO|BAD)(?: \[([A-Z-]+)(?: ([^\]]*))?\])? .+")
_IGNORED = re.compile(rb"\* (?:FLAGS \(|SEARCH|ESEARCH |LIST \(|ENABLED)")
_LITERAL = re.compile(rb"\{(\d+)\}\Z")
_ITEM = re.compile(rb" ?(?:UID (\d+)|FLAGS \(([^)]*)\)|MODSEQ \((\d+)\)|BODY\[[^\]]*\](?:<\d+>)? \{(\d+)\}\r\n)")
_CODES = frozenset(b"UNSEEN PERMANENTFLAGS UIDNEXT UIDVALIDITY MAILBOXID HIGHESTMODSEQ COPYUID CLOSED".split())
# RFC 3501 7.4.1, RFC 7162 3.2.10
_FETCH = re.compile(rb"(?:UID )?FETCH ")
_NO_EXPUNGE = re.compile(rb"(?:FETCH|STORE|SEARCH) ")

Flags = frozenset[bytes]


@dataclass(frozen=True)
class Kind:
    """What a client enables when it has logged in."""

    name: str
    enable: str = ""

    def has(self, word: str) -> bool:
        """Whether it enables that."""
        return word in self.enable.split()


PLAIN = Kind("plain")
CONDSTORE = Kind("condstore", "CONDSTORE")
QRESYNC = Kind("qresync", "QRESYNC")
UIDONLY = Kind("uidonly", "UIDONLY QRESYNC")
UIDS = Kind("uids", "UIDONLY")
REV2 = Kind("rev2", "IMAP4rev2")
REV2_QRESYNC = Kind("rev2 qresync", "IMAP4rev2 QRESYNC")
KINDS = (PLAIN, CONDSTORE, QRESYNC, UIDONLY, UIDS, REV2, REV2_QRESYNC)


@dataclass
class Known:
    """A message as the client knows it."""

    uid: int = 0
    flags: Flags | None = None
    modseq: int = 0


class History:
    """What all clients were told: of a message with a MODSEQ there is one truth, whoever hears it when."""

    def __init__(self) -> None:
        self._flags: dict[tuple[int, int], Flags] = {}

    def note(self, uid: int, modseq: int, flags: Flags) -> None:
        assert self._flags.setdefault((uid, modseq), flags) == flags, f"UID {uid} had other flags with MODSEQ {modseq}"


@dataclass
class Memory:
    """What survives a connection. Of UIDs up to `complete` it has all messages: who only heard EXISTS and then of
    flags may have gaps above."""

    uidvalidity: int = 0
    highest: int = 0
    complete: int = 0
    messages: dict[int, Known] = field(default_factory=dict)


class Believer:
    """One client on one mailbox."""

    def __init__(self, world: World, kind: Kind, history: History, *, read_only: bool = False) -> None:
        self.world = world
        self.kind = kind
        self.history = history
        self.read_only = read_only
        self.modseq = kind.has("CONDSTORE") or kind.has("QRESYNC")
        self.vanishes = kind.has("QRESYNC") or kind.has("UIDONLY")
        self.uids = kind.has("UIDONLY")
        self.rev2 = kind.has("IMAP4rev2")
        self.memory = Memory()
        self.messages: list[Known] = []
        self.idling = False
        self.client: Client
        self._expected: dict[int, Flags] = {}  # of a STORE .SILENT: by UID what is so if only MODSEQ is told
        self._since: tuple[int, int] = (0, 0)  # (HIGHESTMODSEQ told, highest MODSEQ told) since the last tagged answer
        self._earlier = False
        self._command = b""

    @property
    def resyncs(self) -> bool:
        """Whether it uses QRESYNC."""
        return self.kind.has("QRESYNC")

    # connections

    async def connect(self) -> None:
        """A new connection, with what this kind enables, and the mailbox selected."""
        self.client = await self.world.connect("alice")
        self.idling = False
        if self.kind.enable:
            await self.client.ok(f"ENABLE {self.kind.enable}")
        await self.select()

    async def select(self, known: str = "") -> None:
        """Select anew; who uses QRESYNC goes on from what it remembers."""
        parameter = ""
        if self.resyncs and self.memory.highest:
            parameter = f" (QRESYNC ({self.memory.uidvalidity} {self.memory.highest}{known}))"
        elif self.modseq:
            parameter = " (CONDSTORE)"
        if not parameter.startswith(" (QRESYNC"):
            self.memory = Memory()
        before = {uid: one for uid, one in self.memory.messages.items() if uid <= self.memory.complete}
        self.memory.messages = dict(before)
        highest = self.memory.highest
        self.messages = []
        self._earlier = parameter.startswith(" (QRESYNC")
        name = "EXAMINE" if self.read_only else "SELECT"
        while not (answer := await self.run(f"{name} INBOX{parameter}", selecting=True)).startswith(b"t OK"):
            assert answer.startswith(b"t NO [UNAVAILABLE]"), answer
        self._earlier = False
        if parameter.startswith(" (QRESYNC"):
            self._resynchronised(before, highest)
            if any(not one.uid for one in self.messages):
                await self.run(f"UID FETCH {self.memory.complete + 1}:* (UID FLAGS MODSEQ)")
        await self.refresh()

    def _resynchronised(self, before: dict[int, Known], highest: int) -> None:
        """The mailbox is what was remembered, without what vanished, with what was told; new messages may lack."""
        told = self.memory.messages
        for uid, one in told.items():
            assert uid not in before or before[uid] is one or one.modseq > highest, "told what had not changed"
        assert len(told) <= len(self.messages), "what is remembered is not there, and nobody said so"
        whole = len(told) == len(self.messages)
        for place, uid in enumerate(sorted(uid for uid in told if whole or uid <= self.memory.complete)):
            self.messages[place] = told[uid]

    def cut(self, lines: int) -> None:
        """The connection is lost when so many more lines have been read; what was read has been taken in."""
        raw = bytes(self.client.pipe.received).split(b"\r\n")
        for line in raw[:-1][:lines]:
            if line.startswith(b"t ") or _LITERAL.search(line):
                break
            self.hear(line)
        self.client.pipe.close()
        self._since = (0, 0)
        self._expected = {}

    # commands

    async def run(self, command: str, *, selecting: bool = False) -> bytes:
        """A command with all its responses taken in; the tagged answer."""
        self._command = command.encode()
        self.client.send(b"t " + self._command + b"\r\n")
        while True:
            line = await self._response()
            if line.startswith(b"t "):
                self._answered(line)
                return line
            if selecting and line.startswith(b"* OK [CLOSED]"):
                self.messages = []
                continue
            self.hear(line)

    async def _response(self) -> bytes:
        line = await self.client.line()
        while found := _LITERAL.search(line):
            rest = await self.client.line()
            while len(rest) < int(found[1]):
                rest += b"\r\n" + await self.client.line()
            line += b"\r\n" + rest
        return line

    async def begin_idle(self) -> None:
        """News comes from now on by itself."""
        self._command = b"IDLE"
        self.client.send(b"t IDLE\r\n")
        while not (line := await self._response()).startswith(b"+ "):
            self.hear(line)
        self.idling = True

    async def end_idle(self) -> None:
        """Back to commands."""
        self.client.send(b"DONE\r\n")
        self.idling = False
        while not (line := await self._response()).startswith(b"t "):
            self.hear(line)
        self._answered(line)

    async def refresh(self) -> None:
        """Hear all news, and ask for what EXISTS only announced."""
        await self.run("NOOP")
        for _ in range(5):
            if all(one.uid and one.flags is not None and (one.modseq or not self.modseq) for one in self.messages):
                self.memory.complete = max([self.memory.complete, *(one.uid for one in self.messages)])
                return
            await self.run(f"UID FETCH 1:* {'(UID FLAGS MODSEQ)' if self.modseq else '(UID FLAGS)'}")
            await self.run("NOOP")

    def expect(self, uids: Iterable[int], mode: str, flag: bytes) -> None:
        """What a client assumes of its own STORE .SILENT: with MODSEQs when it hears one, else when it sends it."""
        for one in self.messages:
            if one.uid in uids and one.flags is not None:
                flags = {"+": one.flags | {flag}, "-": one.flags - {flag}, "": frozenset({flag})}[mode]
                if self.modseq:
                    self._expected[one.uid] = flags
                else:
                    one.flags = flags

    # responses

    def hear(self, line: bytes) -> None:
        """Take in one untagged response."""
        if _IGNORED.match(line):
            return
        if found := _VANISHED.fullmatch(line):
            self._vanished(_numbers(found[2]), earlier=found[1] is not None)
        elif found := _NUMBERED.fullmatch(line):
            self._numbered(int(found[1]), found[2], found[3] or b"")
        else:
            found = _CODE.fullmatch(line)
            assert found is not None, f"unexpected: {line!r}"
            assert found[1] in _CODES, f"unexpected: {line!r}"
            self._coded(found[1], found[2] or b"")

    def _coded(self, code: bytes, value: bytes) -> None:
        if code == b"HIGHESTMODSEQ":
            assert int(value) > 0
            if self.modseq:
                self._since = (int(value), self._since[1])
        elif code == b"UIDVALIDITY":
            assert self.memory.uidvalidity in (0, int(value))
            self.memory.uidvalidity = int(value)
        elif code == b"UNSEEN":
            assert not self.rev2
            assert not self.uids

    def _answered(self, line: bytes) -> None:
        """RFC 7162 6: HIGHESTMODSEQ if there was one, else the highest MODSEQ, makes what is remembered."""
        found = _TAGGED.fullmatch(line)
        assert found is not None, line
        if found[2] == b"HIGHESTMODSEQ":
            self._coded(found[2], found[3])
        if self.modseq:
            told, heard = self._since
            self.memory.highest = told or max(self.memory.highest, heard)
        self._since = (0, 0)
        self._expected = {}

    def _numbered(self, number: int, kind: bytes, items: bytes) -> None:
        if kind == b"EXISTS":
            assert number >= len(self.messages), "EXISTS never makes a mailbox smaller"
            self.messages += [Known() for _ in range(number - len(self.messages))]
        elif kind == b"RECENT":
            assert not self.rev2
        elif kind == b"EXPUNGE":
            assert not self.vanishes
            self._may_expunge()
            assert 1 <= number <= len(self.messages)
            self._forget(self.messages.pop(number - 1))
        else:
            assert (kind == b"UIDFETCH") is self.uids
            self._fetched(number, items)

    def _may_expunge(self) -> None:
        assert _NO_EXPUNGE.match(self._command) is None, "RFC 3501 7.4.1"

    def _forget(self, one: Known) -> None:
        self.memory.messages.pop(one.uid, None)

    def _vanished(self, uids: list[int], *, earlier: bool) -> None:
        assert self.vanishes
        if earlier:
            assert self._earlier or b"VANISHED" in self._command
            counted = {one.uid for one in self.messages}
            for uid in uids:
                assert uid not in counted, "RFC 7162 3.2.10.1: what still counts is not told as EARLIER"
                self.memory.messages.pop(uid, None)
            return
        self._may_expunge()
        for uid in uids:
            self._forget(self.messages.pop(self._place_of(uid)))
            self.memory.messages.pop(uid, None)

    def _place_of(self, uid: int) -> int:
        """Where that message is, or may be, if its UID is not known yet. RFC 7162 3.2.10.2: it is somewhere."""
        for place, one in enumerate(self.messages):
            if one.uid == uid:
                return place
        if self.uids:  # then nothing is known of the order
            return [one.uid for one in self.messages].index(0)
        after = next((place for place, one in enumerate(self.messages) if one.uid > uid), len(self.messages))
        assert after, f"VANISHED {uid}, which was never announced"
        assert not self.messages[after - 1].uid, f"VANISHED {uid}, which was never announced"
        return after - 1

    def _fetched(self, number: int, items: bytes) -> None:
        uid, flags, modseq = _parsed(items)
        if self.uids:
            one = self._with_uid(number)
        elif self._earlier:
            assert uid, "RFC 7162 3.2.5.1"
            one = self.memory.messages.get(uid) or Known(uid)
        else:
            assert 1 <= number <= len(self.messages), f"FETCH of {number}, there are {len(self.messages)}"
            one = self.messages[number - 1]
            assert uid == 0 or one.uid in (0, uid), "a sequence number changed its message without EXPUNGE"
            one.uid = uid or one.uid
        self._check_items(uid, flags, modseq)
        if self._earlier:
            one = Known(one.uid, one.flags, one.modseq)  # so that what was remembered can be compared
        if flags is None and modseq and one.uid in self._expected:
            flags = self._expected[one.uid]
        if modseq:
            assert modseq >= one.modseq, f"UID {one.uid}: MODSEQ {modseq} after {one.modseq}"
            self._since = (self._since[0], max(self._since[1], modseq))
            one.modseq = modseq
        if flags is not None:
            one.flags = flags
            if modseq and one.uid:
                self.history.note(one.uid, modseq, flags)
        if one.uid and one.flags is not None:
            self.memory.messages[one.uid] = one

    def _with_uid(self, uid: int) -> Known:
        if self._earlier:
            return self.memory.messages.get(uid) or Known(uid)
        for one in self.messages:
            if one.uid == uid:
                return one
        one = self.messages[self._place_of(uid)]
        one.uid = uid
        return one

    def _check_items(self, uid: int, flags: Flags | None, modseq: int) -> None:
        """What is said unasked has its UID and MODSEQ (RFC 7162 3.2.4, RFC 9051 E 21)."""
        if _FETCH.match(self._command) and flags is None:
            return
        if self.modseq:
            assert modseq
            assert uid or self.uids
        if self.rev2:
            assert uid or self.uids


def _parsed(items: bytes) -> tuple[int, Flags | None, int]:
    uid, flags, modseq, at = 0, None, 0, 0
    while at < len(items):
        found = _ITEM.match(items, at)
        assert found is not None, items[at:]
        at = found.end()
        if found[1]:
            uid = int(found[1])
        elif found[2] is not None:
            flags = frozenset(found[2].split()) - {b"\\Recent"}
        elif found[3]:
            modseq = int(found[3])
        else:
            at += int(found[4])
    return uid, flags, modseq


def _numbers(text: bytes) -> list[int]:
    """A set, which ascends and has each number once."""
    numbers: list[int] = []
    for part in text.split(b","):
        low, _, high = part.partition(b":")
        numbers += range(int(low), int(high or low) + 1)
    assert numbers == sorted(set(numbers))
    return numbers
