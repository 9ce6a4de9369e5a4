"""Cases as files: what is asked, and what is answered.

    # a remark
    == alice                        who asks from here on
    imap alice SELECT INBOX         a command over IMAP, which must succeed
    deliver alice                   a message from outside: the lines up to one that is a dot
    share alice INBOX bob lr        rights
    principals known                of whom users are told (gateway/jmap/settings.py)
    acl alice Box                   asks for a mailbox's rights as they are kept, to be compared with `<`
    session                         asks for the accounts of the session, to be compared with `<`
    quota alice 100000 50           what an account may hold: bytes and messages; 0 is no limit
    > [["Mailbox/get", {...}, "0"]] an array of calls (or a whole Request); more lines may follow, up to an empty one
    < [["Mailbox/get", {...}, "0"]] the methodResponses (or the whole Response)

In what is expected, "*" is any value, "$name" any value that is called so from then on, and the same value later; an
object with a member "...": 0 may have others too. In what is asked "$name" stands for the value; `${name}` within a
text. $alice, $bob, $carol, $team and $dora are account ids.
"""

import re
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

from actors.mailbox.rights import of_account
from gateway.access.ids import account_id
from gateway.jmap.session import accounts_of
from gateway.jmap.settings import Principals
from tests.unit.gateway.imap.world import Client
from tests.unit.gateway.jmap.world import ACCOUNTS, World

CASES = sorted((Path(__file__).parent / "cases").glob("*.txt"))
_WITHIN = re.compile(r"\$\{(\w+)\}")


class Case:
    """One file being played."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.login = "alice"
        self.named: dict[str, Any] = {login: account_id(number) for login, number in ACCOUNTS.items()}
        self.clients: dict[str, Client] = {}

    async def play(self, text: str) -> None:
        """Line by line."""
        lines = iter(text.splitlines())
        answer: Any = None
        for number, line in enumerate(lines, 1):
            word, _, rest = line.partition(" ")
            match word:
                case "" | "#":
                    continue
                case "==":
                    self.login = rest
                case "imap":
                    login, _, command = rest.partition(" ")
                    await (await self.client(login)).ok(str(self.filled(command)))
                case "deliver":
                    raw = "\r\n".join(iter(lambda: next(lines), "."))
                    await self.world.deliver(raw.encode() + b"\r\n", ACCOUNTS[rest])
                case "share":
                    owner, name, other, rights = rest.split()
                    identifier = of_account(ACCOUNTS[other]) if other in ACCOUNTS else other
                    await self.world.mail.set_acl(ACCOUNTS[owner], name, identifier, rights)
                case ">":
                    asked = self.filled(orjson.loads(block(rest, lines)))
                    answer = await self.world.ask(self.login, asked)
                    answer = answer["methodResponses"] if isinstance(asked, list) else answer
                case "session" | "acl":
                    answer = await self.look(word, rest)
                case "<":
                    self.compare(orjson.loads(block(rest, lines)), answer, f"line {number}")
                case "principals" | "quota":
                    await self.setting(word, rest)
                case _:
                    raise ValueError(f"line {number}: {line}")

    async def look(self, word: str, rest: str) -> Any:
        """What no call tells."""
        if word == "acl":
            owner, name = rest.split()
            return dict((await self.world.mail.look(ACCOUNTS[owner], name)).info.acl)
        accounts = await accounts_of(self.world.turn(self.login))
        return orjson.loads(orjson.dumps({name: one.json() for name, one in accounts.items()}))

    async def setting(self, word: str, rest: str) -> None:
        """What administrators say."""
        if word == "principals":
            self.world.knowing(cast("Principals", rest))
        else:
            login, size, count = rest.split()
            await self.world.people.set_quota(login, quota_bytes=int(size), quota_messages=int(count))

    async def client(self, login: str) -> Client:
        if login not in self.clients:
            self.clients[login] = await self.world.connect(login)
        return self.clients[login]

    def filled(self, value: Any) -> Any:
        """With the values of names instead of them."""
        if isinstance(value, str):
            if value[:1] == "$" and value[1:] in self.named:
                return self.named[value[1:]]
            return _WITHIN.sub(lambda found: str(self.named[found[1]]), value)
        if isinstance(value, list):
            return [self.filled(one) for one in value]
        if isinstance(value, dict):
            return {str(self.filled(name)): self.filled(one) for name, one in value.items()}
        return value

    def compare(self, expected: Any, found: Any, where: str) -> None:
        """Raises AssertionError, with the place."""
        if expected == "*":
            return
        if isinstance(expected, str) and expected[:1] == "$" and expected[1:].isidentifier():
            known = self.named.setdefault(expected[1:], found)
            assert found == known, f"{where}: {found!r} is not {expected} = {known!r}"
        elif isinstance(expected, dict) and isinstance(found, dict):
            wanted = {str(self.filled(name)): one for name, one in expected.items()}
            if wanted.pop("...", None) is None:
                assert wanted.keys() == found.keys(), f"{where}: {sorted(found)} are not {sorted(wanted)}: {found}"
            for name, one in wanted.items():
                assert name in found, f"{where}: no {name} in {found}"
                self.compare(one, found[name], f"{where}/{name}")
        elif isinstance(expected, list) and isinstance(found, list):
            assert len(found) == len(expected), f"{where}: {found} are not {len(expected)}"
            for place, (one, other) in enumerate(zip(expected, found, strict=True)):
                self.compare(one, other, f"{where}/{place}")
        else:
            filled = self.filled(expected)
            assert type(found) is type(filled), f"{where}: {found!r} is not {filled!r}"
            assert found == filled, f"{where}: {found!r} is not {filled!r}"


def block(begin: str, lines: Any) -> str:
    """The text up to an empty line."""
    return "\n".join([begin, *iter(lambda: next(lines, ""), "")])


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
@pytest.mark.parametrize("hosting", ["near", "far"])
async def test_case(path: Path, hosting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "far", hosting == "far")
    async with World() as world:
        await Case(world).play(path.read_text())


def test_there_are_cases() -> None:
    assert CASES
