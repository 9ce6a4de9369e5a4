"""rights.txt, in which it says who may do what: each of its operations with every right alone, with every right
missing, with all and with none, given to a user, to anyone, to a group, or taken away by a negative entry."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from actors.mailbox.rights import ALL
from actors.mailbox.types import DELETED, Item
from tests.unit.gateway.imap.world import ALICE, BOB, Client, World, message

SETS: Final = (ALL, "", *ALL, *(ALL.replace(right, "") for right in ALL))
_LINE: Final = re.compile(r"(select|C|needs|no|says|alice|sees)(?: (if|unless) ([^:]*))?: (.*)")
_PREFIX: Final = "Other Users/alice/"


@dataclass
class Expected:
    """A text that is there if somebody has these rights, or has not."""

    when: str
    negated: bool
    text: str

    def applies(self, rights: str) -> bool:
        return met(self.when, rights) is not self.negated


@dataclass
class Operation:
    """A block of the file."""

    name: str
    select: str = ""
    sends: list[str] = field(default_factory=list)
    needs: str = ""
    no: list[Expected] = field(default_factory=list)
    says: list[Expected] = field(default_factory=list)
    asks: list[str] = field(default_factory=list)
    sees: list[Expected] = field(default_factory=list)

    def code(self, rights: str) -> str:
        """Of the refusal."""
        hidden = Expected("l|r", True, "NONEXISTENT")
        lines = [*self.no, Expected("always", False, "NOPERM")]
        if not self.select and all(one.when != hidden.when for one in self.no):
            lines.insert(0, hidden)
        return next(one.text for one in lines if one.applies(rights))


def met(needs: str, rights: str) -> bool:
    """Whether these rights are enough: words of alternatives, of which `-r` is that r is not there."""
    return needs == "always" or all(
        any((one[1:] not in rights) if one[:1] == "-" else (one in rights) for one in word.split("|"))
        for word in needs.split()
    )


def read(text: str) -> list[Operation]:
    """The operations of a file."""
    found: list[Operation] = []
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("== "):
            found.append(Operation(line[3:]))
            continue
        parts = _LINE.fullmatch(line)
        assert parts is not None, line
        kind, negated, when, value = parts.groups()
        expected = Expected(when or "always", negated == "unless", value)
        match kind:
            case "select":
                found[-1].select = value
            case "C":
                found[-1].sends.append(value)
            case "needs":
                found[-1].needs = value
            case "alice":
                found[-1].asks.append(value)
            case _:
                getattr(found[-1], kind).append(expected)
    return found


OPERATIONS: Final = read((Path(__file__).parent / "rights.txt").read_text())


class _Stage:
    def __init__(self, world: World, given: str, rights: str) -> None:
        self._world = world
        self._rights = rights
        self._acl = acl_giving(given, rights)

    async def enter(self) -> None:
        self._alice, self._bob = await self._world.connect("alice"), await self._world.connect("bob")
        self._message = await self._world.mail.prepare(message())

    async def play(self, number: int, operation: Operation) -> None:
        """Do one operation to a new mailbox."""
        self._names = {"BOX": f"{_PREFIX}Box{number}", "FULL": f"{_PREFIX}Full{number}", "OWN": f"Own{number}"}
        mail, now = self._world.mail, self._world.clock.now_ms()
        plain, deleted = Item(self._message, now), Item(self._message, now, DELETED)
        for account, name, items in (
            (ALICE, self._alices("BOX"), [plain, deleted]),
            (ALICE, self._alices("FULL"), [plain]),
            (BOB, self._names["OWN"], [plain]),
        ):
            await mail.create(account, name)
            await mail.add(account, name, items)
        for identifier, rights in self._acl:
            await mail.set_acl(ALICE, self._alices("BOX"), identifier, rights)
        await mail.set_acl(ALICE, self._alices("FULL"), f"user:{BOB:x}", ALL)
        if operation.select and not await self._opened(operation.select):
            return
        answers = [await self._ask(self._bob, one) for one in operation.sends]
        if met(operation.needs, self._rights):
            assert " OK " in answers[-1].splitlines()[-1], answers[-1]
            for expected in operation.says:
                if expected.applies(self._rights):
                    assert self._named(expected.text) in answers[-1], f"{expected} is not in {answers[-1]}"
        else:
            assert answers[-1].startswith("t NO"), answers[-1]
            assert f"[{operation.code(self._rights)}]" in answers[-1], answers[-1]
        if operation.asks:
            heard = [await self._ask(self._alice, one) for one in operation.asks][-1]
            for expected in operation.sees:
                if expected.applies(self._rights):
                    assert self._named(expected.text, own=True) in heard, f"{expected} is not in {heard}"
        await self._alice.command("UNSELECT")
        await self._bob.command("UNSELECT")

    async def _opened(self, command: str) -> bool:
        answer = await self._ask(self._bob, command)
        may = "r" in self._rights or "BOX" not in command
        assert (" OK " in answer.splitlines()[-1]) is may, answer
        return may

    async def _ask(self, client: Client, command: str) -> str:
        text = self._named(command, own=client is self._alice).encode()
        if b"{#}" in text:
            raw = message()
            text = text.replace(b"{#}", b"{%d+}\r\n%b" % (len(raw), raw))
        return b"\r\n".join(await client.command(text)).decode("utf-8", "replace")

    def _alices(self, word: str) -> str:
        """What alice calls a mailbox of hers."""
        return self._names[word].removeprefix(_PREFIX)

    def _named(self, text: str, *, own: bool = False) -> str:
        """With the names of the mailboxes instead of the words that stand for them, as bob knows them or alice."""

        def name(found: re.Match[str]) -> str:
            whole = (self._alices(found[1]) if own else self._names[found[1]]) + found[2]
            return f'"{whole}"' if " " in whole else whole

        return re.sub(r"(BOX|FULL|OWN)((?:/\w+)?)", name, text)


def acl_giving(way: str, rights: str) -> list[tuple[str, str]]:
    """An ACL by which bob, who is in the group `staff`, has these rights."""
    user = f"user:{BOB:x}"
    if way == "negative":
        return [("anyone", ALL), ("-" + user, "".join(right for right in ALL if right not in rights))]
    return [({"user": user, "anyone": "anyone", "group": "group:staff"}[way], rights)]


@pytest.fixture(autouse=True)
def hosting() -> None:
    """Instead of the one that does each test twice: rights given to a user are tried across the data plane."""


@pytest.mark.parametrize("way", ["user", "anyone", "group", "negative"])
@pytest.mark.parametrize("rights", SETS, ids=lambda rights: rights or "none")
async def test_who_may_do_what(way: str, rights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "far", way == "user")
    async with World() as world:
        stage = _Stage(world, way, rights)
        await stage.enter()
        for number, operation in enumerate(OPERATIONS):
            try:
                await stage.play(number, operation)
            except AssertionError as error:
                raise AssertionError(f"{operation.name}, with {rights or 'nothing'}: {error}") from None
