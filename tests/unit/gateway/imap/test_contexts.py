"""A client that applies every ADDTO and REMOVEFROM (RFC 5267 4.3) has what a new search would tell."""

import asyncio
import random
import re
from collections.abc import Callable

import pytest

from gateway.imap import contexts, updates
from tests.unit.gateway.imap.indexed import IndexedWorld
from tests.unit.gateway.imap.world import Client, World, message

WORDS = ("apple", "pear", "plum", "apple pie", "zoo")
KEYS = (
    "ALL",
    "UNSEEN",
    "OR DELETED SUBJECT apple",
    "NOT (SEEN BODY one)",
    "TEXT pear UNDELETED",
    "FLAGGED FROM bob",
    "UID 3:*",
    "UID *",
    "YOUNGER 50",
    "OLDER 100 UNSEEN",
    "KEYWORD $Work",
    "MODSEQ 1",
    "LARGER 1",
)
ORDERS = ("SUBJECT", "REVERSE SUBJECT", "ARRIVAL REVERSE SUBJECT", "REVERSE SIZE", "DISPLAYFROM DATE", "FROM TO CC")

_UPDATE = re.compile(rb'\* ESEARCH \(TAG "(\w+)"\)( UID)? (.*)')
_ITEM = re.compile(rb"(ADDTO|REMOVEFROM) \(([^)]*)\)")


class Follower:
    """One context, as its client follows it. Results are UIDs, or messages by their number at the moment."""

    def __init__(self, tag: str, *, uid: bool, key: str, order: str) -> None:
        self.tag, self.uid, self.key, self.order = tag, uid, key, order
        self.results: list[int] = []

    @property
    def begin(self) -> str:
        """The command that begins it."""
        return self._command("RETURN (UPDATE ALL)")

    @property
    def again(self) -> str:
        """A new search for the same."""
        return self._command("RETURN (ALL)")

    def _command(self, returns: str) -> str:
        verb = f"SORT {returns} ({self.order}) UTF-8" if self.order else f"SEARCH {returns}"
        return f"{'UID ' if self.uid else ''}{verb} {self.key}"

    def hear(self, items: bytes, there: list[int]) -> None:
        """Apply an update; `there` are the UIDs of the client's messages now, in order."""
        for name, pairs in _ITEM.findall(items):
            words = pairs.split()
            for position, numbers in zip(map(int, words[::2]), map(_numbers, words[1::2]), strict=True):
                uids = numbers if self.uid else [there[number - 1] for number in numbers]
                assert bool(position) is bool(self.order)
                if name == b"REMOVEFROM":
                    start = position - 1 if position else self.results.index(uids[0])
                    if position:
                        assert self.results[start : start + len(uids)] == uids
                    self.results = [uid for uid in self.results if uid not in uids]
                else:
                    assert not set(uids) & set(self.results), "it is there already"
                    if position:
                        assert position <= len(self.results) + 1
                        self.results[position - 1 : position - 1] = uids
                    else:
                        self.results = sorted([*self.results, *uids])


class Watcher:
    """A client with contexts. `there`: the UIDs of its messages."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.there: list[int] = []
        self.followers: dict[str, Follower] = {}
        self._count = 0

    async def run(self, command: str) -> list[bytes]:
        """A command of its own tag, all its news taken in."""
        self._count += 1
        return await self.tagged(f"w{self._count}", command)

    async def tagged(self, tag: str, command: str) -> list[bytes]:
        self.client.send(f"{tag} {command}\r\n".encode())
        lines = [await self.client.line()]
        while not lines[-1].startswith(f"{tag} ".encode()):
            self.hear(lines[-1])
            lines.append(await self.client.line())
        assert lines[-1].split()[1] == b"OK" or b"[EXPUNGEISSUED]" in lines[-1], lines[-1]
        return lines

    def hear(self, line: bytes) -> None:
        """One response."""
        words = line.split()
        if words[2:3] == [b"EXPUNGE"]:
            gone = self.there.pop(int(words[1]) - 1)
            for one in self.followers.values():
                assert gone not in one.results, "REMOVEFROM comes before EXPUNGE (RFC 5267 4.3.4)"
        elif words[2:3] == [b"EXISTS"]:
            self.there += [self.next + at for at in range(int(words[1]) - len(self.there))]
            self.next = max([self.next, *[uid + 1 for uid in self.there]])
        elif found := _UPDATE.fullmatch(line):
            follower = self.followers.get(found[1].decode())
            if follower is not None and _ITEM.search(found[3]):
                follower.hear(found[3], self.there)

    next = 1

    async def begin(self, follower: Follower) -> None:
        lines = await self.tagged(follower.tag, follower.begin)
        follower.results = self.found(follower, lines)
        self.followers[follower.tag] = follower

    def found(self, follower: Follower, lines: list[bytes]) -> list[int]:
        (line,) = [line for line in lines if line.startswith(b"* ESEARCH") and not _ITEM.search(line)]
        said = re.search(rb" ALL (\S+)", line)
        numbers = _numbers(said[1]) if said else []
        return numbers if follower.uid else [self.there[number - 1] for number in numbers]

    async def compare(self) -> None:
        """Everything is as a new search has it."""
        await self.run("NOOP")
        for follower in self.followers.values():
            lines = await self.run(follower.again)
            assert follower.results == self.found(follower, lines), (follower.key, follower.order)


def _numbers(text: bytes) -> list[int]:
    found: list[int] = []
    for part in text.split(b","):
        low, _, high = part.partition(b":")
        found += range(int(low), int(high or low) + 1)
    return found


async def _change(dice: random.Random, world: World, other: Client, count: int) -> None:
    """Something that another session does, or that comes from outside."""
    step = dice.randrange(7)
    uids = ",".join(str(dice.randrange(1, count + 30)) for _ in range(3))
    if step == 0:
        for _ in range(dice.randrange(1, 4)):
            await world.deliver(message(dice.choice(WORDS), dice.choice(("one\r\n", "two\r\n", "pear\r\n"))))
    elif step == 1:
        await other.ok(f"UID STORE {uids} +FLAGS.SILENT (\\Deleted)")
        await other.ok("EXPUNGE")
    elif step == 2:
        await other.ok(f"UID STORE {uids} +FLAGS.SILENT (\\Deleted)")
    elif step == 6:
        world.clock.ms += dice.choice((1000, 30_000, 50_000, 70_000, 100_000))
    else:
        flag = dice.choice(("\\Seen", "\\Flagged", "$Work"))
        await other.ok(f"UID STORE {uids} {dice.choice('+-')}FLAGS.SILENT ({flag})")


@pytest.mark.parametrize("seed", range(16))
async def test_updates_lead_to_what_a_search_finds(seed: int) -> None:
    dice = random.Random(seed)
    async with IndexedWorld() as world:
        for number in range(12):
            await world.deliver(message(WORDS[number % 5], "one\r\n" if number % 2 else "pear\r\n"))
        watcher, other = Watcher(await world.connect("alice")), await world.connect("alice")
        await watcher.run("SELECT INBOX")
        await other.ok("SELECT INBOX")
        if seed % 3 == 0:
            await world.index()
        if seed % 4 == 0:
            await watcher.run("NOTIFY SET (selected (MessageNew MessageExpunge FlagChange))")
        for number in range(contexts.CONTEXTS_MAX):
            order = dice.choice(ORDERS) if dice.random() < 0.5 else ""
            await watcher.begin(Follower(f"c{number}", uid=dice.random() < 0.5, key=dice.choice(KEYS), order=order))
        for _ in range(30):
            await _change(dice, world, other, 12)
            step = dice.randrange(5)
            if step == 0:
                await watcher.compare()
            elif step == 1:
                await watcher.run("FETCH 1:* FLAGS" if watcher.there else "CHECK")
            elif step == 2:
                await watcher.run(f"STORE 1 {dice.choice('+-')}FLAGS (\\Seen)" if watcher.there else "NOOP")
            elif step == 3:
                await _idle(watcher, world, lambda: _change(dice, world, other, 12))
        await watcher.compare()


async def _idle(watcher: Watcher, world: World, change: Callable[[], object]) -> None:
    watcher.client.send(b"i IDLE\r\n")
    while not (line := await watcher.client.line()).startswith(b"+"):
        watcher.hear(line)
    await change()  # type: ignore[misc]
    for _ in range(dice_turns(world)):
        await asyncio.sleep(0)
    watcher.client.send(b"DONE\r\n")
    while not (line := await watcher.client.line()).startswith(b"i OK"):
        watcher.hear(line)


def dice_turns(world: World) -> int:
    """So many turns that what is begun sometimes is not done."""
    return world.clock.ms // 1000 % 60


async def test_what_cannot_be_read_is_told_later(monkeypatch: pytest.MonkeyPatch) -> None:
    from cluster.errors import Unavailable

    async def fails() -> None:
        await asyncio.sleep(0)
        raise Unavailable("The store does not answer.")

    async with World() as world:
        watcher = Watcher(await world.connect("alice"))
        await watcher.run("SELECT INBOX")
        await watcher.begin(Follower("a", uid=True, key="BODY text", order=""))
        await watcher.begin(Follower("b", uid=True, key="ALL", order="SUBJECT"))
        await world.deliver(message("one"))
        world.mail.meanwhile = fails
        await watcher.run("NOOP")
        assert watcher.followers["a"].results == watcher.followers["b"].results == []
        world.mail.meanwhile = None
        await watcher.run("NOOP")
        assert watcher.followers["a"].results == watcher.followers["b"].results == [1]


@pytest.mark.parametrize("order", ["", "SUBJECT"])
async def test_what_goes_while_it_is_looked_at_is_never_told(order: str) -> None:
    async with World() as world:
        for number in range(3):
            await world.deliver(message(f"m{number}"))
        watcher, other = Watcher(await world.connect("alice")), await world.connect("alice")
        await watcher.run("SELECT INBOX")
        await other.ok("SELECT INBOX")
        await watcher.begin(Follower("a", uid=True, key="BODY text", order=order))
        await world.deliver(message("m4"))
        await world.deliver(message("m5"))
        await other.ok("NOOP")

        async def meanwhile() -> None:
            world.mail.meanwhile = None
            await other.ok("UID STORE 2,4 +FLAGS.SILENT (\\Deleted)")
            await other.ok("EXPUNGE")

        world.mail.meanwhile = meanwhile
        await watcher.run("NOOP")
        assert watcher.followers["a"].results == [1, 3, 5]
        await watcher.compare()


async def test_much_is_looked_at_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command waits for so many messages only; the rest is told with the next ones, or in IDLE by and by."""
    monkeypatch.setattr(updates, "_READ_AT_ONCE", 4)
    async with World() as world:
        watcher = Watcher(await world.connect("alice"))
        await watcher.run("SELECT INBOX")
        await watcher.begin(Follower("a", uid=True, key="BODY text", order=""))
        for number in range(20):
            await world.deliver(message(f"m{number}"))
        await watcher.run("NOOP")
        assert watcher.followers["a"].results == [1, 2, 3, 4]
        await watcher.run("NOOP")
        assert len(watcher.followers["a"].results) == 8
        watcher.client.send(b"i IDLE\r\n")
        while not (line := await watcher.client.line()).startswith(b"+"):
            watcher.hear(line)
        await world.deliver(message("another"))
        while len(watcher.followers["a"].results) < 21:
            watcher.hear(await watcher.client.line())
        watcher.client.send(b"DONE\r\n")


async def test_contexts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contexts, "MEMBERS_MAX", 5)
    async with World() as world:
        for number in range(4):
            await world.deliver(message(f"m{number}"))
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        client.send(b"a SEARCH RETURN (UPDATE) ALL\r\n")
        assert [await client.line() for _ in range(2)] == [b'* ESEARCH (TAG "a")', b"a OK SEARCH completed"]
        client.send(b"b SEARCH RETURN (UPDATE COUNT) ALL\r\n")
        lines = [await client.line() for _ in range(3)]
        assert lines[0] == b'* ESEARCH (TAG "b") COUNT 4'
        assert lines[1].startswith(b'* NO [NOUPDATE "b"]')
        monkeypatch.setattr(updates, "_FROZEN_RANGES_MAX", 1)
        client.send(b"c SEARCH RETURN (UPDATE) OR 1 3\r\n")
        lines = [await client.line() for _ in range(3)]
        assert lines[1].startswith(b'* NO [NOUPDATE "c"]')


async def test_sequence_numbers_mean_what_they_meant() -> None:
    """RFC 5267 4.3: they are looked up when the command comes; so is `$`."""
    async with World() as world:
        for number in range(5):
            await world.deliver(message(f"m{number}"))
        watcher, other = Watcher(await world.connect("alice")), await world.connect("alice")
        await watcher.run("SELECT INBOX")
        await other.ok("SELECT INBOX")
        await watcher.run("SEARCH RETURN (SAVE) 4:5")
        await watcher.begin(Follower("a", uid=True, key="OR 2:3 $ UNSEEN", order=""))
        assert watcher.followers["a"].results == [2, 3, 4, 5]
        await watcher.run("SEARCH RETURN (SAVE) 1")
        await other.ok("UID STORE 1 +FLAGS.SILENT (\\Deleted)")
        await other.ok("EXPUNGE")
        await watcher.run("NOOP")
        await watcher.run("STORE 1:4 +FLAGS (\\Seen)")
        assert watcher.followers["a"].results == []
        await watcher.run("UID STORE 1:5 -FLAGS (\\Seen)")
        assert watcher.followers["a"].results == [2, 3, 4, 5]
